"""Threads that others come out of: a thread, a child process and what they start inherit its limits."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable
from typing import Any


class Source:
    """A thread that calls what it is given, one after the other. ``prepare`` is called in it at its start.

    Raises what ``prepare`` raises; the thread has ended then.
    """

    def __init__(self, name: str, prepare: Callable[[], None] | None = None) -> None:
        self._asked, self._done, self._one = _taken(), _taken(), _thread.allocate_lock()
        self._wanted = prepare or _nothing
        self._error: BaseException | None = None
        threading.Thread(target=self._loop, name=name, daemon=True).start()
        self._asked.release()
        self._done.acquire()
        if self._error is not None:
            raise self._error

    def _loop(self) -> None:
        prepared = False
        while True:
            self._asked.acquire()
            try:
                self._wanted()
            except BaseException as error:  # noqa: BLE001 - it is raised where it was wanted
                self._error = error
            failed = self._error is not None
            self._done.release()
            if failed and not prepared:
                return
            prepared = True

    def run(self, wanted: Callable[[], None]) -> None:
        """Let the thread call ``wanted`` and wait until it has. Raises what that raises."""
        with self._one:
            self._wanted, self._error = wanted, None
            self._asked.release()
            self._done.acquire()
            error, self._error, self._wanted = self._error, None, _nothing
        if error is not None:
            raise error


def _nothing() -> None:
    """What a source without preparation does first."""


def _taken() -> Any:
    lock = _thread.allocate_lock()
    lock.acquire()
    return lock

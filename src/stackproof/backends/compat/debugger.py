"""``breakpoint()`` in a task: the debugger talks to the terminal, not to the log of the function.

Each prompt takes the terminal (``terminal.take``, which the pytest plugin sets so that capturing pauses) and
gives it back, so that what the handler prints between two prompts still goes to its log. Real time does not
count in a task once a debugger was started in it.
"""

from __future__ import annotations

import pdb
import sys
from collections.abc import Callable
from typing import Any

from stackproof.fabric.tasks import current


class Terminal:
    """``take`` makes the process's own streams usable and answers how to undo that."""

    def __init__(self) -> None:
        self.take: Callable[[], Callable[[], None]] = lambda: lambda: None


terminal = Terminal()


class Debugger(pdb.Pdb):
    """pdb on the process's own streams; it does not step into the fabric."""

    def __init__(self) -> None:
        super().__init__(
            nosigint=True, stdin=sys.__stdin__, stdout=sys.__stdout__, skip=["stackproof.*", "contextlib"]
        )
        self.use_rawinput = sys.__stdin__ is not None and sys.__stdin__.isatty()

    def interaction(self, *args: Any, **kwargs: Any) -> None:
        """One prompt, from taking the terminal to giving it back."""
        before = sys.stdin, sys.stdout, sys.stderr
        give_back = terminal.take()
        try:
            sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__
            super().interaction(*args, **kwargs)
        finally:
            if sys.__stdout__ is not None:
                sys.__stdout__.flush()
            give_back()
            sys.stdin, sys.stdout, sys.stderr = before


def _set_trace(*_: Any, header: str | None = None) -> None:
    """``pdb.set_trace`` of tasks; ``breakpoint()`` calls it from the user's frame."""
    task = current()
    if task is None:
        _saved[-1](header=header)
        return
    task.debugged = task.root.debugged = True
    held = task.facts.get("debugger")
    debugger: Debugger = held if held is not None else task.facts.setdefault("debugger", Debugger())
    if header is not None:
        debugger.message(header)
    debugger.set_trace(sys._getframe().f_back)


_saved: list[Any] = []
_module: Any = pdb


def enter() -> None:
    """A task gets the baton: pytest's own ``set_trace`` is for the test's thread only."""
    _saved.append(pdb.set_trace)
    _module.set_trace = _set_trace


def leave() -> None:
    """It gives the baton back."""
    _module.set_trace = _saved.pop()

"""What an execution environment sees of the process: modules, path, variables, streams.

Plain data. ``backends.compat.views`` puts a view in place while a task of the environment holds the
baton and takes it out when the task gives it back: ``task.facts["view"]``.
"""

from __future__ import annotations

import atexit
import io
import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

SHARED = frozenset((
    "aws_lambda_powertools", "boto3", "botocore", "dateutil", "jmespath", "pydantic", "pydantic_core",
    "s3transfer", "six", "typing_extensions", "urllib3",
))  # fmt: skip
"""Packages that every environment shares with the process even when its own folders hold a copy:
the fabric answers the calls of this botocore, and loading these once is most of the speed."""


_NUMBERS = itertools.count(1)
_process_id = os.getpid
"""The machine's: a task is shown another one."""
_PRIVATE: set[str] = set()
_STAMPS = itertools.count(1)


@atexit.register
def _leave_nothing() -> None:
    for path in _PRIVATE:
        shutil.rmtree(path, ignore_errors=True)


class Output(io.TextIOBase):
    """``sys.stdout`` of an environment: what is written goes to ``sink``."""

    encoding = "utf-8"

    def __init__(self, sink: Callable[[str], None]) -> None:
        self._sink = sink
        self.buffer = _Bytes(sink)

    def write(self, text: str, /) -> int:
        """Hand the text on."""
        self._sink(text)
        return len(text)

    def writable(self) -> bool:
        """Always."""
        return True


class _Bytes(io.RawIOBase):
    """``sys.stdout.buffer``."""

    def __init__(self, sink: Callable[[str], None]) -> None:
        self._sink = sink

    def write(self, data: Any, /) -> int:
        self._sink(bytes(data).decode("utf-8", "replace"))
        return len(data)

    def writable(self) -> bool:
        return True


class View:
    """``roots`` are the folders whose modules belong to the environment alone, in the order of import;
    ``names`` their top-level modules. ``hooks`` is for whoever puts the view in place.
    The roots are read-only; ``read_only``: nothing but ``/tmp`` may be written, as on Lambda. ``private``
    is the folder that stands for ``/tmp`` ("" until it is needed); it lives as long as the view. ``stamp``
    is another one after each time that it was in place: with an equal one nothing in it has changed."""

    __slots__ = (
        "cwd", "environ", "hooks", "modules", "names", "output", "private", "read_only", "roots", "stamp",
    )  # fmt: skip

    def __init__(
        self,
        roots: tuple[Path, ...],
        environ: dict[str, str],
        output: Output,
        *,
        read_only: bool = False,
    ) -> None:
        self.roots = tuple(str(root) for root in roots)
        self.names = frozenset(name for root in roots for name in _modules(root)) - SHARED
        self.environ = environ
        self.output = output
        self.cwd = self.roots[0]
        self.modules: dict[str, ModuleType] = {}
        self.hooks: dict[str, Any] = {}
        self.read_only = read_only
        self.private = ""
        self.stamp = 0

    def touch(self) -> None:
        """Code of the environment runs now."""
        self.stamp = next(_STAMPS)

    def temporary(self, below: str) -> str:
        """The folder that stands for ``/tmp``, made ``below`` the machine's own when first asked for."""
        while not self.private:
            path = f"{below}/stackproof-{_process_id()}-{next(_NUMBERS)}"
            try:
                os.mkdir(path, 0o700)
            except FileExistsError:
                continue
            self.private = path
            _PRIVATE.add(path)
        return self.private

    def revive(self, private: str) -> None:
        """Have the folder for ``/tmp`` again that there was once; it may be gone."""
        if self.private != private:
            self.close()
        os.makedirs(private, 0o700, exist_ok=True)
        self.private = private
        _PRIVATE.add(private)

    def close(self) -> None:
        """The environment is gone, and its ``/tmp`` with it."""
        if self.private:
            shutil.rmtree(self.private, ignore_errors=True)
            _PRIVATE.discard(self.private)
            self.private = ""


def _modules(root: Path) -> list[str]:
    """The top-level names that a folder offers to ``import``."""
    if not root.is_dir():
        return []
    return [
        path.name.partition(".")[0]
        for path in root.iterdir()
        if path.is_dir() or path.suffix in (".py", ".pyc", ".so", ".pyd")
    ]

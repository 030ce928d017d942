"""Writing to the terminal: safe for any encoding and for a closed pipe, with colour only where wanted."""

from __future__ import annotations

import errno
import io
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO, cast


def complain(text: str) -> None:
    """Write a line to stderr, whatever its encoding; never raises for a closed stream."""
    _write(sys.stderr, text + "\n")


def say(text: str) -> None:
    """Write text to stdout (a line end is added when it lacks one).

    A reader that went away (``stackproof … | head``) does not change the exit code. Raises ``OSError`` for
    a full disk and the like: a report that nobody can read is no answer.
    """
    _write(sys.stdout, text if text.endswith("\n") or not text else text + "\n")


def _write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        if stream is sys.stdout:
            drop_stdout()
    except OSError:
        if stream is sys.stdout:
            raise


class _Closed(io.TextIOBase):
    """Stands for a stdout that was closed before the program started: it refuses what is written."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        raise OSError(errno.EBADF, "it is closed")


def stand_in_for_closed_streams() -> None:
    """Let writing to a closed stdout be an ``OSError``, to a closed stderr nothing; Python gives None."""
    if sys.stdout is None:
        sys.stdout = cast(TextIO, _Closed())
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - lives as long as the process


def drop_stdout() -> None:
    """Send what is still to be written nowhere, so that Python does not complain when it exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - lives as long as the process
    finally:
        os.close(nowhere)


def wants_color(stream: TextIO) -> bool:
    """NO_COLOR forbids (no-color.org: any value but the empty one), FORCE_COLOR demands, else a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "") not in {"", "0"}:
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def speaks_unicode(stream: TextIO) -> bool:
    """Whether the stream can show the signs of the console report."""
    try:
        "─│╰✓✗▲…".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def width_of(stream: TextIO) -> int:
    """Columns to write in: the terminal's (at most 120), COLUMNS, or 80."""
    if stream.isatty() or os.environ.get("COLUMNS", "").isdigit():
        return max(40, min(120, shutil.get_terminal_size((80, 24)).columns))
    return 80


class Step(Protocol):
    """Takes one step of a progress bar; the name of what is done is shown."""

    def __call__(self, name: str = "") -> None: ...


@contextmanager
def progress(label: str, total: int) -> Iterator[Step]:
    """A progress bar on stderr, only on a terminal; yields what takes one step."""
    if total < 2 or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb" or os.environ.get("CI"):
        yield _ignore
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True, no_color=not wants_color(sys.stderr))
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[name]}"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=total, name="")

        def step(name: str = "") -> None:
            bar.update(task, advance=1, name=name)

        yield step


def _ignore(name: str = "") -> None:
    """A step that nobody sees."""

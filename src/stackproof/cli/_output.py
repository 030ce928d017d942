"""Writing a report in several formats at once: ``--format FORMAT`` to stdout, ``--format FORMAT=FILE``."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from stackproof import __version__
from stackproof.cli._console import say, speaks_unicode, wants_color, width_of
from stackproof.errors import ConfigError, StackproofError, UsageError
from stackproof.model import Location, Problem, Report, Verdict
from stackproof.report import FORMATS, render
from stackproof.verdict.files import write_file


@dataclass(frozen=True, slots=True)
class Output:
    """A format and where it goes; None is stdout."""

    format: str
    file: Path | None = None


def parse_outputs(texts: Sequence[str]) -> tuple[Output, ...]:
    """From the values of ``--format``; none is console on stdout. Raises ``UsageError``."""
    outputs = []
    for text in texts or ("console",):
        name, equals, file = text.partition("=")
        if name not in FORMATS:
            hint = f"use FORMAT or FORMAT=FILE with one of {', '.join(FORMATS)}"
            raise UsageError(f"there is no report format '{name}'", hint=hint)
        if equals and not file:
            raise UsageError(f"'--format {text}' names no file", hint=f"write '--format {name}=FILE'")
        outputs.append(Output(name, Path(file) if file else None))
    to_stdout = [one.format for one in outputs if one.file is None]
    if len(to_stdout) > 1:
        hint = f"send all but one to files: '--format {to_stdout[1]}=FILE'"
        raise UsageError(f"{' and '.join(to_stdout)} would both go to stdout", hint=hint)
    return tuple(outputs)


def ensure_writable(outputs: Sequence[Output]) -> None:
    """Before a run that takes its time: raises the ``ConfigError`` that ``deliver`` would raise after it."""
    for file in (one.file for one in outputs):
        if file is None or os.path.islink(file):  # a link is the user's: it is not taken away again
            continue
        if not os.path.exists(file):
            _write(file, "")
            file.unlink()
        elif file.is_dir() or not os.access(file, os.W_OK):
            raise _unwritable(file, os.strerror(errno.EISDIR if file.is_dir() else errno.EACCES))


def deliver(report: Report, outputs: Sequence[Output], *, verbose: bool = False) -> None:
    """Write the report to every output, files first.

    One that cannot be written stops no other; then its error is raised, the first one of several:
    ``ConfigError`` for a file, ``OSError`` for stdout.
    """
    failed: list[Exception] = []
    for one in sorted(outputs, key=lambda output: output.file is None):
        try:
            _deliver(report, one, verbose)
        except (ConfigError, OSError) as error:
            failed.append(error)
    if failed:
        raise failed[0]


def _deliver(report: Report, output: Output, verbose: bool) -> None:
    if output.file is not None:
        options = {"verbose": verbose, "width": 100} if output.format == "console" else {}
        _write(output.file, render(report, output.format, **options))
    elif output.format == "console":
        say(
            render(
                report,
                "console",
                color=wants_color(sys.stdout),
                width=width_of(sys.stdout),
                unicode=speaks_unicode(sys.stdout),
                verbose=verbose,
            )
        )
    else:
        say(render(report, output.format))


@contextmanager
def telling(pillar: str, outputs: Sequence[Output]) -> Iterator[None]:
    """Where the run inside cannot take place, the report files say so: nobody takes silence for a result."""
    try:
        yield
    except StackproofError as error:
        place = Location(error.file, error.line or 1, error.column or 1) if error.file else None
        problem = Problem(error.message, error.exit_code, place, error.hint)
        because = "the run did not take place"
        report = Report(
            pillar,
            Verdict.FAIL,
            error.exit_code,
            problems=(problem,),
            complete=False,
            partial_because=because,
            tool_version=__version__,
        )
        with suppress(ConfigError):  # what stopped the run is said, not what follows from it
            deliver(report, [one for one in outputs if one.file is not None])
        raise


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_file(file, text.encode("utf-8", "backslashreplace"))
    except (OSError, ValueError) as error:  # ValueError: a name with a null byte
        what = error.strerror if isinstance(error, OSError) else error
        raise _unwritable(file, str(what)) from error


def _unwritable(file: Path, why: str) -> ConfigError:
    return ConfigError(
        f"cannot be written: {why}", file=str(file), hint="choose another file for this format"
    )

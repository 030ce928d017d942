"""Reports of an earlier run: one that does not come to its end must not leave them as its own."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from stackproof.errors import ConfigError

_SIGNS = {"--format": "=", "--output": ":"}


def clear_reports(arguments: Sequence[str]) -> None:
    """Take away the report files that a command line names, before anything can go wrong.

    Even a command line that is refused must not leave them: the pipeline's next step reads these files.
    Raises ``ConfigError`` for one that cannot be taken away.
    """
    for path in _named(arguments):
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                continue
            if path.is_symlink():
                path.write_bytes(b"")  # the link is the user's, only what it leads to is ours
            else:
                path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            message = f"holds the report of an earlier run and cannot be taken away: {reason}"
            raise ConfigError(message, file=str(path), hint="remove it, or choose another file") from error


def _named(arguments: Sequence[str]) -> Iterator[Path]:
    """The files of ``--format FORMAT=FILE`` and ``--output FORMAT:FILE``."""
    values = list(_values(arguments))
    if not values or not {"-h", "--help"}.isdisjoint(arguments):
        return
    from stackproof.report import FORMATS

    for form, name in values:
        if form in FORMATS:
            yield Path(name)


def _values(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What the options say, as (format, file): the option's value stands in its argument or in the next."""
    following = [*arguments[1:], ""]
    for argument, after in zip(arguments, following, strict=True):
        if argument == "--":
            return
        option, equals, text = argument.partition("=")
        sign = _SIGNS.get(option)
        form, given, name = (text if equals else after).partition(sign) if sign else ("", "", "")
        if given and name:
            yield form, name

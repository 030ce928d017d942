"""How names are held against globs, everywhere the same: case-sensitive, ``*``, ``?`` and ``[…]``."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

_WILD = frozenset("*?[")


def is_glob(pattern: str) -> bool:
    """Whether the pattern can match more than itself."""
    return not _WILD.isdisjoint(pattern)


def literal_prefix(pattern: str) -> str:
    """What every match of the pattern starts with."""
    for position, character in enumerate(pattern):
        if character in _WILD:
            return pattern[:position]
    return pattern


def matches(pattern: str, name: str) -> bool:
    """Whether a rule, logical id or configuration name matches a glob."""
    return pattern == name or fnmatchcase(name, pattern)


def matches_any(patterns: Iterable[str], name: str) -> bool:
    """Whether any of the globs matches the name."""
    return any(matches(pattern, name) for pattern in patterns)


def matches_file(pattern: str, file: str) -> bool:
    """Whether a POSIX path matches a glob; a pattern without a wildcard also names a folder.

    ``*`` crosses folders, as in ``.gitignore``'s ``**``; a pattern without ``/`` is held against the name.
    """
    plain = pattern.rstrip("/")
    if fnmatchcase(file, plain) or fnmatchcase(file, f"{plain}/*"):
        return True
    if "**/" in plain and fnmatchcase(file, plain.replace("**/", "")):
        return True
    return "/" not in plain and fnmatchcase(PurePosixPath(file).name, plain)


def rule_selected(rule: str, select: Iterable[str], ignore: Iterable[str]) -> bool:
    """Whether ``--select`` and ``--ignore`` (globs of rule ids) leave the rule in the run."""
    chosen = tuple(select)
    return (not chosen or matches_any(chosen, rule)) and not matches_any(ignore, rule)

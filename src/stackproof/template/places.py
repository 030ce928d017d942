"""Asking where a path leads, for paths that a template or a folder makes up: no answer is an answer."""

from __future__ import annotations

from pathlib import Path


def is_file(path: Path) -> bool:
    """Whether a path leads to a file; False where the system cannot even say.

    That is a name that is too long, one with NUL, links in a circle, a folder that may not be entered.
    """
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def real(path: Path) -> Path:
    """The path with links followed as far as they lead; ``Path.resolve`` raises for links in a circle."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return path.absolute()

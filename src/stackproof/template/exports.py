"""What an import can meet besides a value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExportCycle:
    """The export exists, but its stack (transitively) imports from the one that asks.

    ``files`` are the templates round the circle.
    """

    files: tuple[str, ...]

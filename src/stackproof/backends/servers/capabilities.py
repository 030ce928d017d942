"""What each backend can do: ``capabilities.toml`` beside this module, one table a capability."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stackproof.errors import CapabilityMissing


@dataclass(frozen=True)
class Capabilities:
    """``missing`` maps a capability that ``backend`` lacks to the reason."""

    backend: str
    known: frozenset[str]
    missing: dict[str, str]

    def __contains__(self, name: str) -> bool:
        return name in self.known and name not in self.missing

    def require(self, *names: str) -> None:
        """Raise ``CapabilityMissing`` with the reason of the first one that is not there."""
        for name in names:
            if name not in self.known:
                raise CapabilityMissing(f"{name} is no capability that stackproof knows")
            if name in self.missing:
                raise CapabilityMissing(f"{self.backend} has no {name}: {self.missing[name]}")


@cache
def table() -> dict[str, dict[str, str]]:
    """Capability to what it means (``about``), and to the reason for each backend that lacks it."""
    with Path(__file__).with_suffix(".toml").open("rb") as file:
        rows: dict[str, dict[str, str]] = tomllib.load(file)
    return rows


def capabilities_of(backend: str) -> Capabilities:
    """The capabilities of ``embedded``, a server by its name, or ``endpoint`` (anything unknown)."""
    rows = table()
    missing = {name: row[backend] for name, row in rows.items() if backend in row}
    return Capabilities(backend, frozenset(rows), missing)

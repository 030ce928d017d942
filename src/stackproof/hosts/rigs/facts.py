"""What the inventory says that a rig must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from stackproof.errors import ConfigError, UsageError
from stackproof.hosts.model import HostEntry
from stackproof.hosts.recordings.timing import Limit
from stackproof.hosts.sizing import TOLERABLE_RTT, RigNeed
from stackproof.hosts.units import Bandwidth, DataSize, parse_duration

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RigFacts:
    """The facts of a rig.

    ``can`` is the bit rate of each CAN interface; ``vlans`` for each Ethernet interface the VLAN identifiers
    and who answers in them; ``region`` is where the data come from (address, port; whoever sends a number and
    a line end there gets so many bytes), ``probe`` how much is fetched to measure; ``listeners`` is, for each
    CAN interface, what hears the device under test's end (``NAMESPACE/INTERFACE``, or the interface itself).
    """

    can: Mapping[str, Bandwidth]
    vlans: Mapping[str, Mapping[int, str]]
    offset: timedelta
    region: tuple[str, int]
    probe: DataSize
    need: RigNeed
    cache: str
    free: DataSize
    listeners: Mapping[str, str]
    limit: Limit


def facts_of(entry: HostEntry) -> RigFacts:
    """The facts of a host. Raises ``ConfigError`` that names the fact which is missing or malformed."""
    given = _Given(entry)
    return RigFacts(
        can={name: given.one(f"can.{name}", Bandwidth.parse) for name in given.inside("can")},
        vlans={
            name: {int(vlan): str(peer) for vlan, peer in given.inside(f"ethernet.{name}").items()}
            for name in given.inside("ethernet")
        },
        offset=given.one("time.offset", parse_duration),
        region=(given.one("region.address", str), given.one("region.port", int)),
        probe=given.one("region.probe", DataSize.parse),
        need=RigNeed(
            given.one("need.dataset", DataSize.parse),
            given.one("need.interval", parse_duration),
            given.one("need.rtt", parse_duration, TOLERABLE_RTT),
        ),
        cache=given.one("cache.path", str),
        free=given.one("cache.free", DataSize.parse),
        listeners={name: str(where) for name, where in given.inside("replay.listen").items()},
        limit=Limit(
            p50=given.one("replay.p50", parse_duration, Limit().p50),
            p99=given.one("replay.p99", parse_duration, Limit().p99),
            maximum=given.one("replay.maximum", parse_duration, Limit().maximum),
            drift=given.one("replay.drift", parse_duration, Limit().drift),
        ),
    )


class _Given:
    """The facts as written; every complaint names the fact and where its host stands."""

    def __init__(self, entry: HostEntry) -> None:
        self._entry = entry

    def inside(self, path: str) -> Mapping[str, Any]:
        """A mapping. Raises ``ConfigError``."""
        found = self._find(path)
        if not isinstance(found, Mapping):
            raise self._error(path, "is missing" if found is None else "is not a mapping")
        return found

    def one(self, path: str, parse: Callable[[str], T], default: T | None = None) -> T:
        """A value with its unit. Raises ``ConfigError``."""
        found = self._find(path)
        if found is None:
            if default is None:
                raise self._error(path, "is missing")
            return default
        try:
            return parse(str(found))
        except (UsageError, ValueError) as error:
            raise self._error(path, str(error)) from error

    def _find(self, path: str) -> Any:
        found: Any = self._entry.facts
        for key in path.split("."):
            if not isinstance(found, Mapping):
                return None
            found = found.get(key)
        return found

    def _error(self, path: str, message: str) -> ConfigError:
        at = self._entry.location
        text = f"fact '{path}' of host '{self._entry.name}': {message}"
        return ConfigError(text, file=at.file, line=at.line, column=at.column)

"""A rig as it must be before a simulation is started on it (templates/hil-rigs)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from testinfra.host import Host

from stackproof.hosts.differs import Differs
from stackproof.hosts.model import Running
from stackproof.hosts.quiet import undisturbed
from stackproof.hosts.recordings.model import Drive
from stackproof.hosts.recordings.opening import load
from stackproof.hosts.recordings.timing import exceeded, told
from stackproof.hosts.rigs.checks import CHECKS
from stackproof.hosts.rigs.facts import RigFacts
from stackproof.hosts.rigs.playing import play
from stackproof.hosts.session import Session

NEEDS = {
    "can": ("can-up", "can-bitrate", "can-errors"),
    "vlan": ("vlans", "vlan-partners"),
    "runtime": tuple(
        name
        for name in CHECKS
        if name not in {"can-up", "can-bitrate", "can-errors", "vlans", "vlan-partners"}
    ),
}
CASES = [
    pytest.param(name, marks=[pytest.mark.capability(need), pytest.mark.check(f"hil.{name}")], id=name)
    for need, names in NEEDS.items()
    # Of the clock last: it has followed its grandmaster by then, and nobody waits for it.
    for name in sorted(names, key=lambda name: name.startswith("time-"))
]
SETTLING = 60.0
"""How long a rig that was just booted may take until its clock follows, in seconds."""
ATTEMPTS = 3


WRITTEN: dict[str, Callable[[RigFacts], str]] = {
    "can-bitrate": lambda facts: ", ".join(f"{name} {rate}" for name, rate in facts.can.items()),
    "vlans": lambda facts: ", ".join(f"{name} {list(ids)}" for name, ids in facts.vlans.items()),
    "cache-free": lambda facts: f"{facts.free} of {facts.cache}",
}
"""What the inventory says of a rig, where a rig that is another one is drift and not a fault."""


@pytest.mark.parametrize("name", CASES)
def test_rig(name: str, inspected: Running, inspected_host: Host, facts: RigFacts) -> None:
    end = time.monotonic() + (SETTLING if name.startswith("time-") else 0)
    while complaints := list(CHECKS[name](inspected_host, facts)):
        if time.monotonic() > end and name in WRITTEN:
            shown, at = "; ".join(complaints), inspected.entry.location
            raise Differs(inspected.name, said=WRITTEN[name](facts), shown=shown, location=at)
        if time.monotonic() > end:
            pytest.fail("; ".join(complaints), pytrace=False)
        time.sleep(0.2)


@dataclass(frozen=True)
class Player:
    """Replays drives on the inspected rig and holds each against the rig's limits."""

    rig: Running
    host: Host
    facts: RigFacts
    session: Session
    measured: Callable[[str], None]

    def keeps_time(self, drive: Drive, target: str, listener: str) -> None:
        """A machine that simulates rigs stands still now and then: no rig is blamed for one such replay.

        Every replay's figures are reported, with the limits that they are held against.
        """
        for attempt in range(1, ATTEMPTS + 1):
            with undisturbed(self.rig, self.session.cache) as disturbed:
                result = play(self.host, drive, target, listener)
            last = told(result, self.facts.limit) + (f" ({disturbed})" if disturbed else "")
            self.measured(f"replay {attempt}: {last}")
            if not (complaints := exceeded(result, self.facts.limit)):
                return
        pytest.fail(f"{ATTEMPTS} times: {'; '.join(complaints)}; the last: {last}", pytrace=False)


@pytest.fixture
def player(
    inspected: Running,
    inspected_host: Host,
    facts: RigFacts,
    inspection: Session,
    measured: Callable[[str], None],
) -> Player:
    return Player(inspected, inspected_host, facts, inspection, measured)


@pytest.mark.capability("can")
@pytest.mark.parametrize("kind", ["BLF", "MDF4"])
def test_a_recorded_drive_reaches_the_device_over_can(
    kind: str, facts: RigFacts, recorded: Callable[[str], Path], player: Player
) -> None:
    drive = load(recorded(kind))
    for name, listener in facts.listeners.items():
        player.keeps_time(drive, f"can:{name}", listener)


@pytest.mark.capability("vlan")
@pytest.mark.parametrize("kind", ["ROS 1 bag", "MCAP"])
def test_a_recorded_drive_keeps_its_times_over_ethernet(
    kind: str, inspected: Running, recorded: Callable[[str], Path], player: Player
) -> None:
    replay = inspected.entry.facts["replay"]
    player.keeps_time(load(recorded(kind)), str(replay["datagrams"]), str(replay["datagrams_at"]))

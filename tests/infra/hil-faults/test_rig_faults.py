"""Each fault of ``faults.yml``, put into a rig, is caught by the check that names it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from testinfra.host import Host

from stackproof.hosts.model import Running
from stackproof.hosts.quiet import undisturbed
from stackproof.hosts.recordings.model import Drive, Frame
from stackproof.hosts.recordings.timing import exceeded
from stackproof.hosts.rigs.checks import CHECKS
from stackproof.hosts.rigs.facts import RigFacts, facts_of
from stackproof.hosts.rigs.playing import play
from stackproof.hosts.session import Session

FAULTS: dict[str, dict[str, str]] = yaml.safe_load(
    Path(__file__).with_name("faults.yml").read_text(encoding="utf-8")
)
PATIENCE = 60.0
"""How long a clock may take to follow again, in seconds."""
DRIVE = Drive(
    "made here", "frames", tuple(Frame(at * 10**7, "0", at.to_bytes(8, "big"), 0x100) for at in range(200))
)


@pytest.fixture
def complaints(inspected: Running, inspected_host: Host, inspection: Session) -> Callable[[str], list[str]]:
    """``complaints("can-up")``: what a check says now."""
    facts = facts_of(inspected.entry)
    replay: dict[str, Any] = dict(inspected.entry.facts["replay"])

    def replayed(target: str, listener: str) -> Iterator[str]:
        with undisturbed(inspected, inspection.cache):
            result = play(inspected_host, DRIVE, target, listener)
        yield from exceeded(result, facts.limit)

    def replayed_over_can(host: Host, facts: RigFacts) -> Iterator[str]:
        for name, listener in facts.listeners.items():
            yield from replayed(f"can:{name}", listener)

    def replayed_over_ethernet(host: Host, facts: RigFacts) -> Iterator[str]:
        yield from replayed(str(replay["datagrams"]), str(replay["datagrams_at"]))

    checks = {**CHECKS, "replay-can": replayed_over_can, "replay-ethernet": replayed_over_ethernet}
    return lambda name: list(checks[name](inspected_host, facts))


def wait_until_silent(complaints: Callable[[str], list[str]], check: str) -> list[str]:
    end = time.monotonic() + PATIENCE
    while (found := complaints(check)) and time.monotonic() < end:
        time.sleep(1)
    return found


@pytest.mark.capability("transient", "own-kernel")
@pytest.mark.parametrize("fault", FAULTS)
def test_fault(fault: str, inspected_host: Host, complaints: Callable[[str], list[str]]) -> None:
    told = FAULTS[fault]
    assert wait_until_silent(complaints, told["check"]) == [], "the rig was not well before"
    try:
        injected = inspected_host.run(told["inject"])
        assert injected.rc == 0, injected.stderr
        # What hangs on packets that come now and then (a lost ping, a lost announcement) may take a moment.
        end = time.monotonic() + PATIENCE
        while told["says"] not in " ".join(found := complaints(told["check"])) and time.monotonic() < end:
            time.sleep(1)
    finally:
        mended = inspected_host.run(told["mend"])
    assert any(told["says"] in one for one in found), found
    assert mended.rc == 0, mended.stderr
    assert wait_until_silent(complaints, told["check"]) == [], "the rig is not well after it was mended"

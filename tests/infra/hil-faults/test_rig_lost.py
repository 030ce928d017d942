"""Two rigs at work, and one is cut off in the middle: it is reported, its drive moves to the other."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from stackproof.hosts.model import Running
from stackproof.hosts.reach import host_of
from stackproof.hosts.recordings.model import Drive, Frame
from stackproof.hosts.recordings.timing import Replayed
from stackproof.hosts.rigs.facts import facts_of
from stackproof.hosts.rigs.farm import distribute
from stackproof.hosts.rigs.playing import play
from stackproof.hosts.session import Session

SECOND = "rig-cached"
DRIVES = {
    f"drive {number}": Drive(
        f"drive {number}",
        "frames",
        tuple(Frame(at * 10**7, "0", bytes([number, at]), 0x200) for at in range(200)),
    )
    for number in range(4)
}


@pytest.mark.capability("can", "transient", "own-kernel")
def test_a_rig_that_drops_out_is_reported_and_its_drive_moves(
    inspected: Running, inspection: Session
) -> None:
    rigs = {inspected.name: inspected, SECOND: inspection.host(SECOND)}
    hosts = {name: host_of(rig, inspection) for name, rig in rigs.items()}
    listeners = {name: facts_of(rig.entry).listeners["can0"] for name, rig in rigs.items()}
    kernel = int(Path(rigs[SECOND].paths["pid"]).read_text(encoding="ascii"))

    def run(rig: str, name: str) -> Replayed:
        if rig == SECOND:
            threading.Timer(1.0, os.kill, (kernel, signal.SIGKILL)).start()
        return play(hosts[rig], DRIVES[name], "can:can0", listeners[rig])

    try:
        report = distribute(list(DRIVES), list(rigs), run)
    finally:
        inspection.forget(SECOND)
    assert [one.work for one in report.done] == list(DRIVES)
    assert all(one.result.lost == 0 for one in report.done)
    assert list(report.dropped) == [SECOND]
    (moved,) = [one for one in report.done if one.moved_from]
    assert f"{moved.work} moved from {SECOND} to {inspected.name}" in report.lines()

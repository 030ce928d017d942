"""A run that is killed in the middle leaves nothing: no mount, loop device, namespace, process or folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stackproof.hosts.model import Running
from stackproof.hosts.session import Session
from stackproof.hosts.undo import MARK, mounts

ROOT = Path(__file__).resolve().parents[3]

RUN = """
import sys, time
from pathlib import Path
from stackproof.hosts import inventory
from stackproof.hosts.session import Session
root = Path(sys.argv[1])
session = Session(inventory.load(root / sys.argv[2], root), root)
print(session.id, flush=True)
for name in sys.argv[3:]:
    session.host(name)
    print(name, flush=True)
time.sleep(600)
"""


def remains(identity: str) -> list[str]:
    """Everything of a session that is still on this machine."""
    found = [one for one in mounts() if identity in one]
    found += [str(one) for one in Path("/run/netns").glob(f"sp-{identity.rpartition('-')[2]}-*")]
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if identity.encode() in text and f"{MARK}=".encode() in text:
            found.append(f"process {folder.name}")
    return found


@pytest.mark.hosts(state="hardened", form="host")
@pytest.mark.capability("transient")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
@pytest.mark.parametrize("after", ["image", "host"])
def test_a_killed_run_leaves_nothing(
    inspection: Session, inspected: Running, number: int, after: str
) -> None:
    image = next(one.name for one in inspection.inventory.of("ami") if one.facts.get("form") == "image")
    names = {"image": image, "host": inspected.name}
    command = [sys.executable, "-c", RUN, str(ROOT), inspection.inventory.file, *names.values()]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    identity = run.stdout.readline().strip()
    while (line := run.stdout.readline()) and line.strip() != names[after]:
        pass
    assert remains(identity), "there is nothing to clean: the test would prove nothing"
    os.kill(run.pid, number)
    run.wait()
    folder = inspection.cache / "sessions" / identity
    end = time.monotonic() + 120
    while (remains(identity) or folder.exists()) and time.monotonic() < end:
        time.sleep(0.05)
    assert remains(identity) == []
    assert not folder.exists()

"""A run of this suite that is killed while a rig is at work leaves nothing on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stackproof.hosts.journal import NAME
from stackproof.hosts.model import Running
from stackproof.hosts.session import Session
from stackproof.hosts.undo import MARK, mounts

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 120.0


def remains(identity: str) -> list[str]:
    """Everything of a session that is still on this machine; its kernel has many processes."""
    found = [one for one in mounts() if identity in one]
    found += [str(one) for one in Path("/run/netns").glob(f"sp-{identity.rpartition('-')[2]}-*")]
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        found += [str(backing)] if identity in backing.read_text(encoding="utf-8") else []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = (folder / "environ").read_bytes(), (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if f"{MARK}={identity}".encode() in told[0] or identity.encode() in told[1]:
            found.append(f"process {folder.name}: {told[1][:80]!r}")
    return found


def owner(journal: Path) -> int:
    """The process whose session a folder is; 0 as long as it does not say."""
    try:
        return int(json.loads(journal.read_text(encoding="utf-8").partition("\n")[0])["owner"])
    except (OSError, ValueError):
        return 0


def waited(said: str, folder: Path, run: int) -> str:
    """The session of the process ``run``, as soon as its rig's console says something.

    Other runs and other workers of this one may boot rigs at the same time.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for console in folder.glob("*/uml-*/console.log"):
            own = folder / console.relative_to(folder).parts[0]
            heard = said in console.read_text(encoding="utf-8", errors="replace")
            if heard and owner(own / NAME) == run:
                return own.name
        time.sleep(0.05)
    pytest.fail("the run booted no rig", pytrace=False)


@pytest.mark.hosts(can={"can0": "500 kbit/s"})  # one rig is enough
@pytest.mark.capability("transient", "own-kernel")
def test_a_killed_run_leaves_nothing(inspected: Running, inspection: Session, tmp_path: Path) -> None:
    """pytest is killed (SIGKILL: it can clean up nothing itself) when the rig's init is at work."""
    sessions = inspection.cache / "sessions"
    suite = Path(__file__).with_name("test_rig.py")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(suite), "-k", inspected.name]
    run = subprocess.Popen(
        [*command, "--basetemp", str(tmp_path / "run")], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        identity = waited("systemd", sessions, run.pid)
        assert any("linux.uml" in one for one in remains(identity)), "nothing to clean: nothing is proven"
    finally:
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
    end = time.monotonic() + 120
    while (remains(identity) or (sessions / identity).exists()) and time.monotonic() < end:
        time.sleep(0.05)
    assert remains(identity) == []
    assert not (sessions / identity).exists()

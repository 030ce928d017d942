"""Several checks at the same time: the same findings, nothing shared between workers, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from stackproof.cli import main
from stackproof.hosts.run import InspectRequest, inspect, jobs_here
from stackproof.hosts.undo import MARK

INVENTORY = """
suites:
  demo: {checks: 13}
  more: {checks: 2}
hosts:
  first: {suites: [demo, more], url: "local://", system: debian-12, capabilities: [runtime], facts: {role: w}}
  first-b: {suites: [demo, more], url: "local://", system: debian-12, facts: {role: db}}
  third: {suites: [demo], url: "local://", system: debian-12, facts: {role: db}}
"""

DEMO = """
import os, pytest
from pathlib import Path
from stackproof.hosts.differs import Differs
from stackproof.model import Location

def note(what):
    with open(os.environ["NOTES"], "a") as file:
        file.write(f"{what} {os.environ.get('PYTEST_XDIST_WORKER', 'alone')}\\n")

@pytest.mark.parametrize("number", range(3))
def test_in_order(inspected, number, measured):
    note(f"{inspected.name} {number}")
    measured(f"{number} ms")

@pytest.mark.capability("runtime")
def test_runs(inspected): ...

@pytest.mark.hosts(role="db")
@pytest.mark.check("one-role", title="Of one role", severity="warning")
def test_role(inspected):
    assert inspected.name == "third", "it is another one"

@pytest.mark.hosts(role="w")
def test_drift(inspected):
    raise Differs("WebPort", said="80", shown="8080", location=Location("templates/web.yaml", 12, 7))

@pytest.fixture(scope="module")
def shared(): return []

@pytest.mark.parametrize("number", range(3))
def test_of_no_host(shared, number):
    assert len(shared) == number
    shared.append(number)
    note(f"file {number}")
"""

MORE = """
def test_again(inspected):
    from pathlib import Path
    import os
    with open(os.environ["NOTES"], "a") as file:
        file.write(f"{inspected.name} again {os.environ.get('PYTEST_XDIST_WORKER', 'alone')}\\n")
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    for suite, text in (("demo", DEMO), ("more", MORE)):
        (root / "tests" / "infra" / suite).mkdir(parents=True)
        (root / "tests" / "infra" / suite / f"test_{suite}.py").write_text(text, encoding="utf-8")
    (root / "stackproof.toml").write_text('fail_on = "warning"\n', encoding="utf-8")
    (root / "inventory").mkdir()
    (root / "inventory" / "local.yml").write_text(INVENTORY, encoding="utf-8")
    monkeypatch.setenv("STACKPROOF_HOSTS", str(tmp_path / "hosts"))
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    # These tests may run in a worker themselves.
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(root)
    return root


def run(project: Path, jobs: int) -> tuple[dict[str, Any], dict[str, list[list[str]]]]:
    """The report of the command, and what each thing's checks noted, in their order."""
    notes = Path(os.environ["NOTES"])
    notes.unlink(missing_ok=True)
    assert main(["inspect", "--jobs", str(jobs), "--format", "json=out.json"]) == 1
    found: dict[str, list[list[str]]] = {}
    for line in notes.read_text(encoding="utf-8").splitlines():
        name, what, worker = line.split()
        found.setdefault(name, []).append([what, worker])
    report: dict[str, Any] = json.loads((project / "out.json").read_text(encoding="utf-8"))
    return report, found


def without_times(report: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in report.items() if name not in {"started", "duration", "run"}}


def test_two_jobs_find_what_one_finds_and_keep_together_what_belongs_together(project: Path) -> None:
    alone, order = run(project, 1)
    together, again = run(project, 2)
    assert [one["rule"] for one in alone["findings"]] != []
    assert without_times(together) == without_times(alone)
    assert {worker for notes in order.values() for _, worker in notes} == {"alone"}
    for name, notes in again.items():
        assert [what for what, _ in notes] == [what for what, _ in order[name]], name
        assert len({worker for _, worker in notes}) == 1, f"{name} was inspected by several workers"
    assert len({worker for notes in again.values() for _, worker in notes}) == 2, "one worker did it all"


@pytest.mark.parametrize(("cores", "jobs"), [(1, 1), (2, 3), (4, 6)])
def test_three_jobs_for_two_cores(monkeypatch: pytest.MonkeyPatch, cores: int, jobs: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    assert jobs_here() == jobs


def test_the_promise_is_held_against_the_checks_of_all_workers(project: Path) -> None:
    inventory = project / "inventory" / "local.yml"
    inventory.write_text(INVENTORY.replace("checks: 13", "checks: 14"), encoding="utf-8")
    found = inspect(InspectRequest(inventory, jobs=2), project)
    (broken,) = [one for one in found.findings if one.rule == "SP-INSPECT-PROMISE"]
    assert "suite demo made 13 of 14 promised checks" in broken.message


def test_what_workers_leave_out_makes_the_run_partial(project: Path) -> None:
    request = InspectRequest(project / "inventory" / "local.yml", arguments=("-k", "order"), jobs=2)
    found = inspect(request, project)
    assert (found.complete, found.findings) == (False, ())
    assert found.partial_because == "8 checks were deselected"


FAILS, ENDS = "assert False, 'not well'", "__import__('os')._exit(3)"


@pytest.mark.parametrize(("jobs", "end"), [(1, FAILS), (2, FAILS), (2, ENDS)])
def test_a_check_without_a_host_that_fails_or_ends_its_worker_is_told(
    project: Path, jobs: int, end: str
) -> None:
    file = project / "tests" / "infra" / "demo" / "test_end.py"
    file.write_text(f"def test_end():\n    {end}\n", encoding="utf-8")
    found = inspect(InspectRequest(project / "inventory" / "local.yml", jobs=jobs), project)
    assert {one.rule for one in found.findings} == {"one-role", "demo.drift"}
    (problem,) = found.problems
    assert problem.message.startswith("tests/infra/demo/test_end.py::test_end failed: ")


WAITING = """
import os, time
def test_waits(inspected, inspection):
    inspection.start(["sleep", "600"])
    inspection.scratch("kept")
    with open(os.environ["NOTES"], "a") as file:
        file.write(f"{inspection.id}\\n")
    time.sleep(600)
"""


def marked(identity: str) -> list[int]:
    """The processes of a session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={identity}".encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_of_two_jobs_that_is_ended_leaves_nothing(project: Path, number: signal.Signals) -> None:
    (project / "tests" / "infra" / "demo" / "test_demo.py").write_text(WAITING, encoding="utf-8")
    program = "import sys; from stackproof.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "inspect", "demo", "--jobs", "2"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    notes, end = Path(os.environ["NOTES"]), time.monotonic() + 120
    while not notes.is_file() or len(notes.read_text(encoding="utf-8").splitlines()) < 2:
        assert time.monotonic() < end, "the checks did not begin"
        time.sleep(0.05)
    sessions = set(notes.read_text(encoding="utf-8").split())
    assert len(sessions) == 2
    assert all(marked(one) for one in sessions), "nothing to clean: nothing is proven"
    process.send_signal(number)
    process.wait(120)
    folder = Path(os.environ["STACKPROOF_HOSTS"])
    end = time.monotonic() + 60
    while time.monotonic() < end and (any(map(marked, sessions)) or any((folder / "sessions").iterdir())):
        time.sleep(0.05)
    assert [pid for one in sessions for pid in marked(one)] == []
    assert list((folder / "sessions").iterdir()) == []
    assert [one.name for one in folder.glob("groups-*")] == []

"""stackproof inspect on this machine itself: findings, promises, reasons, the joined verdict."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from stackproof.cli import main
from stackproof.errors import UsageError
from stackproof.hosts.run import InspectRequest, inspect

HERE = subprocess.run(
    ["/bin/sh", "-c", '. /etc/os-release; echo "$ID-${VERSION_ID:-0}"'], capture_output=True, text=True
).stdout.strip()

INVENTORY = """
suites:
  demo: {checks: %d}
hosts:
  here:
    suites: [demo]
    url: local://
    system: debian-12
    capabilities: [runtime]
    facts: {role: web}
  there:
    suites: [demo]
    url: local://
    system: debian-12
    facts: {role: db}
"""

SUITE = """
import pytest
from stackproof.hosts.differs import Differs
from stackproof.model import Location

def test_a_shell_answers(inspected_host):
    assert inspected_host.run("true").rc == 0

@pytest.mark.capability("runtime")
def test_it_runs(inspected): ...

@pytest.mark.hosts(role="db")
def test_only_the_database(inspected):
    assert inspected.name == "there"
"""

FAULTS = """
import pytest
from stackproof.hosts.differs import Differs
from stackproof.model import Location

@pytest.mark.hosts(role="web")
@pytest.mark.check("sshd_disable_root_login", title="Nobody logs in as root", severity="warning")
def test_root(inspected):
    assert False, "permitrootlogin is yes, not no"

@pytest.mark.hosts(role="web")
def test_drift(inspected):
    raise Differs("WebPort", said="80", shown="8080", location=Location("templates/web/template.yaml", 12, 7))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "stackproof.toml").write_text('fail_on = "warning"\n', encoding="utf-8")
    (tmp_path / "tests" / "infra" / "demo").mkdir(parents=True)
    (tmp_path / "inventory").mkdir()
    return tmp_path


def given(project: Path, suite: str, promised: int) -> InspectRequest:
    (project / "tests/infra/demo/test_demo.py").write_text(suite, encoding="utf-8")
    inventory = project / "inventory" / "local.yml"
    inventory.write_text(INVENTORY % promised, encoding="utf-8")
    return InspectRequest(inventory)


def test_each_check_is_made_on_each_host_that_its_suite_names(project: Path) -> None:
    found = inspect(given(project, SUITE, 4), project)
    assert found.findings == ()
    assert (found.stats["checks"], found.stats["skipped"], found.complete) == (4.0, 1.0, True)
    assert any("there lacks 'runtime'" in note for note in found.notes)
    assert {(one.configurations, one.resources) for one in found.judged} == {(("here",), 2), (("there",), 2)}


def test_fewer_checks_than_promised_is_a_finding_at_the_promise(project: Path) -> None:
    found = inspect(given(project, SUITE, 5), project)
    (broken,) = found.findings
    assert broken.rule == "SP-INSPECT-PROMISE"
    assert "made 4 of 5 promised checks" in broken.message
    assert "there lacks 'runtime'" in broken.message
    assert (broken.location.file, broken.location.line) == ("inventory/local.yml", 3)


def test_a_part_of_the_checks_is_not_held_against_the_promise_and_is_not_complete(project: Path) -> None:
    request = given(project, SUITE, 5)
    found = inspect(InspectRequest(request.inventory, arguments=("-k", "shell")), project)
    assert found.findings == ()
    assert (found.complete, found.stats["checks"]) == (False, 2.0)
    assert "deselected" in found.partial_because


def test_what_a_check_measures_is_told_though_it_passes(project: Path) -> None:
    suite = "def test_link(inspected, measured): measured('rtt 5.2 ms')\n"
    notes = inspect(given(project, suite, 2), project).notes
    assert [one for one in notes if one.startswith("measured")] == [
        "measured: test_link[here]: rtt 5.2 ms",
        "measured: test_link[there]: rtt 5.2 ms",
    ]


def test_what_the_report_tells_is_not_told_before_by_pytest(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    suite = SUITE + "\ndef test_link(inspected, measured): measured('rtt 5.2 ms')\n"
    (project / "pytest.ini").write_text("[pytest]\naddopts = -ra\n", encoding="utf-8")
    request = given(project, suite, 6)
    assert any("there lacks 'runtime'" in note for note in inspect(request, project).notes)
    told = capfd.readouterr().err
    assert "6 passed, 1 skipped" in told
    assert not {word for word in ("SKIPPED", "5.2 ms", "6 promised") if word in told}
    inspect(replace(request, quiet=False), project)
    told = capfd.readouterr().err
    assert {word for word in ("SKIPPED", "5.2 ms", "6 promised") if word in told} == {
        "SKIPPED",
        "5.2 ms",
        "6 promised",
    }


def test_a_run_says_how_many_of_its_checks_passed_on_each_host(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    suite = SUITE + "\ndef test_here_alone(inspected): assert inspected.name == 'here'\n"
    inspect(replace(given(project, suite, 5), quiet=False), project)
    told = capfd.readouterr().err
    assert "demo: 6 checks made, 5 promised: kept\n  here: 3 of 3 passed\n  there: 2 of 3 passed\n" in told


@pytest.mark.parametrize("option", ["--ignore=tests/infra/more", "--ignore-glob=tests/infra/m*"])
def test_a_suite_that_is_left_out_by_name_keeps_its_promise_for_another_run(
    project: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    request = given(project, SUITE, 4)
    promises = INVENTORY.replace("hosts:", "  more: {checks: 1}\nhosts:", 1).replace("[demo]", "[demo, more]")
    request.inventory.write_text(promises % 4, encoding="utf-8")
    more = project / "tests" / "infra" / "more"
    more.mkdir()
    (more / "test_more.py").write_text("def test_nothing(): ...\n", encoding="utf-8")
    monkeypatch.chdir(project)
    without = inspect(InspectRequest(request.inventory, arguments=(option,)), project)
    assert without.findings == ()
    assert (without.complete, without.partial_because) == (False, "more was left out")
    (whole,) = inspect(InspectRequest(request.inventory), project).findings
    assert "made 0 of 1 promised checks" in whole.message


def test_a_failed_check_is_a_finding_with_its_rule_host_and_severity(project: Path) -> None:
    found = inspect(given(project, FAULTS, 2), project)
    root, drift = sorted(found.findings, key=lambda one: one.rule != "sshd_disable_root_login")
    assert (root.severity, root.logical_id) == ("warning", "here")
    assert root.message.startswith("here: permitrootlogin is yes, not no")
    assert (drift.rule, drift.location.file) == ("demo.drift", "tests/infra/demo/test_demo.py")


def test_a_difference_names_what_is_written_and_what_is_shown(project: Path) -> None:
    found = inspect(given(project, FAULTS, 2), project)
    drift = next(one for one in found.findings if one.rule == "demo.drift")
    assert "written is 80" in drift.message
    assert "the host shows 8080" in drift.message
    (related,) = drift.related
    assert (related.location.file, related.location.line) == ("templates/web/template.yaml", 12)


def test_a_suite_that_the_inventory_does_not_promise_is_refused(project: Path) -> None:
    request = given(project, SUITE, 4)
    with pytest.raises(UsageError, match="promises no suite 'demmo'"):
        inspect(InspectRequest(request.inventory, ("demmo",)), project)


def test_a_suite_that_cannot_be_imported_is_no_pass(project: Path) -> None:
    found = inspect(given(project, "import no_such_module_of_ours\n", 4), project)
    assert found.problems
    assert found.problems[0].exit_code == 2


def test_the_command_writes_reports_that_the_verdict_takes(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given(project, SUITE, 4)
    monkeypatch.chdir(project)
    assert main(["inspect", "--format", "json=out.json", "--format", "junit=out.xml"]) == 0
    told = json.loads((project / "out.json").read_text(encoding="utf-8"))
    assert (told["pillar"], told["verdict"], told["complete"]) == ("inspect", "PASS", True)
    code = main(["verdict", "out.json", "--require", "inspect", "--commit", "0123456789abcdef"])
    assert code == 1, "the project has no commit: a result cannot vouch for one"
    assert "inspect" in capsys.readouterr().out


def test_the_command_fails_when_a_promise_is_broken(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given(project, SUITE, 50)
    monkeypatch.chdir(project)
    assert main(["inspect", "demo", "--format", "json=out.json"]) == 1


DOWN = """
suites:
  demo: {checks: 8}
hosts:
  here:
    suites: [demo]
    url: local://
    system: %s
  away:
    suites: [demo]
    url: ssh://root@127.0.0.1:1
    system: debian-12
  box:
    suites: [demo]
    url: docker://box
    system: %s
"""

DIES = """
from pathlib import Path

def test_first(inspected, inspected_host):
    if inspected.name == "box":
        (Path(%r) / "down").touch()

def test_swallowed(inspected_host):
    try:
        assert inspected_host.run("false").failed
    except Exception:
        pass

def test_nobody(inspected_host):
    assert inspected_host.run("grep -q nobody-has-this-name /etc/passwd").rc != 0

def test_false(inspected_host):
    assert inspected_host.run("false").rc == 0
"""


def test_a_host_that_cannot_be_asked_is_told_once_and_its_checks_are_not_made(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker = project / "docker"
    script = '[ -e "${0%%/*}/down" ] && { echo "it does not run" >&2; exit 1; }; shift 2; exec "$@"'
    docker.write_text(f"#!/bin/sh\n{script.replace('%%', '%')}\n", encoding="utf-8")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{project}:{os.environ['PATH']}")
    request = given(project, DIES % str(project), 1)
    request.inventory.write_text(DOWN % ("amzn-2023", HERE), encoding="utf-8")
    told = []
    for jobs in (1, 2):
        (project / "down").unlink(missing_ok=True)
        found = inspect(replace(request, jobs=jobs), project)
        told.append({one.rule + one.logical_id: one.message for one in found.findings})
    assert told[0] == told[1]
    assert sorted(told[0]) == [
        "SP-INSPECT-HOSTaway",
        "SP-INSPECT-HOSTbox",
        "SP-INSPECT-PROMISE",
        "SP-INSPECT-SYSTEMhere",
        "demo.falsehere",
    ]
    assert told[0]["SP-INSPECT-HOSTaway"].startswith("away cannot be reached: ssh: connect to host 127.0.0.1")
    assert told[0]["SP-INSPECT-HOSTbox"].startswith("box cannot be reached: it does not run; check")
    assert told[0]["SP-INSPECT-SYSTEMhere"] == f"here is {HERE}, the inventory says amzn-2023"
    assert "made 5 of 8 promised checks; 7 on hosts that cannot be asked" in told[0]["SP-INSPECT-PROMISE"]
    assert {one.configurations[0]: one.resources for one in found.judged} == {"here": 4, "away": 0, "box": 1}
    places = {one.logical_id: one.location.line for one in found.findings if one.rule.startswith("SP")}
    assert (places["here"], places["away"], places["box"]) == (6, 10, 14)

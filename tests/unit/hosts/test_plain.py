"""Suites that are plain testinfra: their ``host`` is the inventory's, and what they say is kept."""

from __future__ import annotations

from pathlib import Path

from stackproof.hosts.run import InspectRequest, inspect
from stackproof.verdict.outcome import RunOutcome

INVENTORY = """
suites:
  demo: {checks: 4}
hosts:
  here: {suites: [demo], url: "local://", system: debian-12, capabilities: [runtime]}
  there: {suites: [demo], url: "local://", system: debian-12, facts: {role: db}}
"""

SUITE = """
import pytest

@pytest.fixture
def shell(host):
    return host.run("echo %s", host.inspects)

def test_shell(shell, host):
    assert (shell.rc, shell.stdout) == (0, f"{host.inspects}\\n")

@pytest.mark.hosts(role="db")
def test_file(host):
    assert host.file("/nowhere").exists, "there is nothing"

@pytest.mark.capability("runtime")
def test_runs(host): ...

@pytest.mark.hosts(role="db")
def test_by_both_names(host, inspected, inspected_host):
    assert host.inspects == inspected.name
    assert host.backend is inspected_host.backend

def test_of_no_host():
    assert 1 == 2, "kept words"
"""


def inspected(tmp_path: Path, suite: str) -> RunOutcome:
    for name, text in (("tests/infra/demo/test_demo.py", suite), ("inventory/local.yml", INVENTORY)):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return inspect(InspectRequest(tmp_path / "inventory" / "local.yml"), tmp_path)


def test_a_plain_testinfra_suite_inspects_the_hosts_of_the_inventory_and_counts(tmp_path: Path) -> None:
    found = inspected(tmp_path, SUITE)
    assert (found.stats["checks"], found.stats["skipped"], found.complete) == (5.0, 1.0, True)
    assert {(one.configurations, one.resources) for one in found.judged} == {(("here",), 2), (("there",), 3)}
    (missing,) = found.findings
    assert (missing.rule, missing.logical_id) == ("demo.file", "there")
    assert missing.message.startswith("there: there is nothing")
    assert any("there lacks 'runtime'" in note for note in found.notes)
    (other,) = found.problems
    assert "test_of_no_host failed: AssertionError: kept words" in other.message
    assert other.location is not None
    assert (other.location.file, other.location.line) == ("tests/infra/demo/test_demo.py", 24)


def test_a_suite_that_names_hosts_of_its_own_is_refused_where_it_does(tmp_path: Path) -> None:
    found = inspected(tmp_path, 'testinfra_hosts = ["local://"]\n\ndef test_here(host): ...\n')
    (refused,) = found.problems
    assert "put those of 'testinfra_hosts' there" in refused.message
    assert refused.location is not None
    assert (refused.location.file, refused.location.line) == ("tests/infra/demo/test_demo.py", 3)

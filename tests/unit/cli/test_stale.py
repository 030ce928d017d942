"""A report of an earlier run never looks like the result of one that did not come to its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stackproof import cli
from stackproof.gate import run as gate
from stackproof.model import Report, Verdict
from stackproof.verdict import document
from stackproof.verdict.join import Result, join

COMMIT = "0" * 40
PASSED = document.dumps(Report("check", Verdict.PASS, 0, commit=COMMIT))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "stackproof.toml").write_text("")
    (tmp_path / "check.json").write_bytes(PASSED)
    (tmp_path / "check.xml").write_text("<testsuites/>")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def verdict_of(path: Path) -> Verdict:
    report = document.loads(path.read_bytes()) if path.exists() and path.stat().st_size else None
    return join(["check"], [Result(str(path), report, "" if report else "missing")], COMMIT).verdict


WRITTEN = [
    ["--format", "json=check.json", "--format", "junit=check.xml"],
    ["--format=json=check.json", "--format=junit=check.xml"],
    ["--output", "json:check.json", "--output=junit:check.xml"],
]
NOT_RUN = [
    ["nowhere"],
    ["--shard", "9"],
    ["--shard", "3/2"],
    ["--config", "nowhere.toml"],
    ["--frobnicate"],
    ["--format", "pdf"],
    ["--workers", "-1"],
]


def test_the_joined_verdict_takes_the_earlier_report_for_what_it_is(project: Path) -> None:
    assert verdict_of(project / "check.json") is Verdict.PASS


@pytest.mark.parametrize("outputs", WRITTEN)
@pytest.mark.parametrize("wrong", NOT_RUN, ids=" ".join)
def test_a_refused_run_leaves_no_earlier_report(project: Path, outputs: list[str], wrong: list[str]) -> None:
    assert cli.main(["check", *outputs, *wrong]) == 2
    assert verdict_of(project / "check.json") is Verdict.FAIL
    assert not (project / "check.xml").exists() or "error" in (project / "check.xml").read_text()


def test_a_run_that_cannot_take_place_says_why_in_its_reports(project: Path) -> None:
    assert cli.main(["check", "nowhere", *WRITTEN[0]]) == 2
    report = json.loads((project / "check.json").read_text())
    assert (report["verdict"], report["exit_code"], report["complete"]) == ("FAIL", 2, False)
    (problem,) = report["problems"]
    assert "nowhere" in problem["message"]
    assert "nowhere" in (project / "check.xml").read_text()


def test_a_broken_configuration_is_in_the_report_with_its_line(project: Path) -> None:
    (project / "stackproof.toml").write_text("\nfail_on = 3\n")
    assert cli.main(["check", *WRITTEN[0]]) == 2
    (problem,) = json.loads((project / "check.json").read_text())["problems"]
    assert problem["location"]["file"].endswith("stackproof.toml")


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt(), 130), (RuntimeError("defect"), 3)])
def test_a_run_that_is_broken_off_leaves_no_earlier_report(
    project: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException, code: int
) -> None:
    def stopped(*given: Any, **named: Any) -> Report:
        raise stop

    monkeypatch.setattr(gate, "check", stopped)
    assert cli.main(["check", *WRITTEN[0]]) == code
    assert verdict_of(project / "check.json") is Verdict.FAIL
    assert not (project / "check.xml").exists()


def test_a_link_stays_and_what_it_leads_to_is_emptied(project: Path) -> None:
    (project / "check.json").rename(project / "kept.json")
    (project / "check.json").symlink_to("kept.json")
    assert cli.main(["check", *WRITTEN[0], "--frobnicate"]) == 2
    assert (project / "check.json").is_symlink()
    assert verdict_of(project / "check.json") is Verdict.FAIL


def test_policy_tests_do_the_same(project: Path) -> None:
    assert cli.main(["test", "nowhere", "--format", "json=check.json"]) == 2
    assert json.loads((project / "check.json").read_text())["pillar"] == "test"


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "--help", "--format", "json=check.json"],
        ["check", "--frobnicate", "--", "--format=json=check.json"],
        ["check", "--frobnicate", "--format", "pdf=check.json"],
        ["check", "--frobnicate", "--format", "json:check.json"],
    ],
)
def test_what_is_no_report_of_this_run_stays(project: Path, arguments: list[str]) -> None:
    cli.main(arguments)
    assert (project / "check.json").read_bytes() == PASSED


def test_only_files_are_taken_away(project: Path) -> None:
    (project / "folder").mkdir()
    assert cli.main(["check", "--frobnicate", "--format", "json=folder", "--format", "json=/dev/null"]) == 2
    assert (project / "folder").is_dir()

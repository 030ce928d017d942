"""``stackproof baseline`` around a gate that is told what to find."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from stackproof import cli
from stackproof.model import Finding, Judged, Location, Problem, Report
from stackproof.verdict.judge import RunOutcome, judge


@dataclass
class Gate:
    """Stands for the gate: judges the given findings with the real judge."""

    findings: list[Finding] = field(default_factory=list)
    problems: tuple[Problem, ...] = ()
    complete: bool = True
    judged: tuple[str, ...] = ("a.yaml", "b.yaml")
    requests: list[Any] = field(default_factory=list)

    def check(self, request: Any, config: Any, root: Path) -> Report:
        self.requests.append(request)
        outcome = RunOutcome(
            "check",
            tuple(self.findings),
            self.problems,
            tuple(Judged(file) for file in self.judged),
            complete=self.complete,
        )
        return judge(outcome, config, today=date(2026, 1, 1), root=root)


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """A project of two templates in the current folder, and its gate."""
    monkeypatch.chdir(tmp_path)
    Path("stackproof.toml").write_text('baseline = "known.json"\n', encoding="utf-8")
    for file in ("a.yaml", "b.yaml"):
        Path(file).write_text("Resources: {}\n", encoding="utf-8")
    gate = Gate()
    module = ModuleType("stackproof.gate.run")
    module.check = gate.check  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "stackproof.gate.run", module)
    return gate


def finding(message: str, file: str = "a.yaml") -> Finding:
    return Finding("R1", message, Location(file, 1, 1))


def known() -> list[str]:
    return [one["message"] for one in json.loads(Path("known.json").read_text(encoding="utf-8"))["findings"]]


def test_it_records_what_is_there(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    gate.findings = [finding("one"), finding("two")]
    assert cli.main(["baseline"]) == 0
    assert sorted(known()) == ["one", "two"]
    assert capsys.readouterr().out == "known.json holds 2 findings (2 new, 0 taken out)\n"


def test_recording_again_replaces(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    gate.findings = [finding("one"), finding("two")]
    cli.main(["baseline"])
    gate.findings = [finding("two"), finding("three")]
    assert cli.main(["baseline"]) == 0
    assert sorted(known()) == ["three", "two"]
    assert "(1 new, 1 taken out)" in capsys.readouterr().out


def test_pruning_records_nothing_new(gate: Gate) -> None:
    gate.findings = [finding("one"), finding("two")]
    cli.main(["baseline"])
    gate.findings = [finding("two"), finding("three")]
    assert cli.main(["baseline", "--prune"]) == 0
    assert known() == ["two"]


def test_a_run_over_some_paths_keeps_the_other_entries(gate: Gate) -> None:
    gate.findings = [finding("one"), finding("one", "b.yaml")]
    cli.main(["baseline"])
    before = Path("known.json").read_text(encoding="utf-8")
    gate.findings, gate.complete, gate.judged = [finding("one", "b.yaml")], False, ("b.yaml",)
    assert cli.main(["baseline", "b.yaml"]) == 0
    assert gate.requests[-1].paths == (Path("b.yaml"),)
    assert Path("known.json").read_text(encoding="utf-8") == before


def test_a_run_with_problems_changes_nothing(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    gate.findings, gate.problems = [finding("one")], (Problem("the rule file is broken", 2),)
    assert cli.main(["baseline"]) == 2
    assert not Path("known.json").exists()
    assert "the rule file is broken" in capsys.readouterr().err


def test_findings_about_suppressions_are_left_and_told(
    gate: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    gate.findings = [Finding("SP-SUPPRESS-EXPIRED", "late", Location("a.yaml"))]
    assert cli.main(["baseline"]) == 0
    assert known() == []
    assert "1 finding about suppressions cannot be recorded" in capsys.readouterr().out


def test_a_broken_baseline_is_told_with_its_place(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    Path("known.json").write_text("{", encoding="utf-8")
    assert cli.main(["baseline"]) == 2
    assert "known.json:1:2: is not valid JSON" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["{}", "[]", "{", '{"version": 9, "findings": []}'])
def test_a_baseline_that_is_none_is_only_replaced_on_demand(
    gate: Gate, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    gate.findings = [finding("one")]
    Path("known.json").write_text(text, encoding="utf-8")
    assert cli.main(["baseline"]) == 2
    assert "'stackproof baseline --force', or remove it" in capsys.readouterr().err
    assert Path("known.json").read_text(encoding="utf-8") == text
    assert cli.main(["baseline", "--force"]) == 0
    assert known() == ["one"]

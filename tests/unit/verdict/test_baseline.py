"""The baseline: recorded findings do not count, new ones do, and vanished ones are told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stackproof.errors import ConfigError
from stackproof.model import Finding, Location, Outcome, Problem, Severity, Status
from stackproof.verdict import baseline
from stackproof.verdict.baseline import Baseline, Entry

LINE = "Resources: {}\n"


def finding(file: str = "a.yaml", line: int = 1, message: str = "wrong") -> Finding:
    return Finding("R1", message, Location(file, line), logical_id="A")


def recorded(project: Any, *findings: Finding) -> Baseline:
    return baseline.record(project.judge(findings).findings, project.root)


def statuses(report: Any) -> list[tuple[str, str]]:
    return [(one.location.file, one.status.value) for one in report.findings]


def test_recorded_findings_do_not_count_and_new_ones_do(project: Any) -> None:
    project.write("a.yaml", LINE)
    known = recorded(project, finding())
    assert project.judge([finding()], baseline=known).exit_code == 0
    report = project.judge([finding(), finding(message="new")], baseline=known)
    assert statuses(report) == [("a.yaml", "active"), ("a.yaml", "baselined")]
    assert (report.exit_code, report.stats["baselined"], report.stats["errors"]) == (1, 1, 1)


def test_a_moved_line_and_a_renamed_file_stay_recorded(project: Any, empty_project: Any) -> None:
    project.write("a.yaml", LINE)
    known = recorded(project, finding())
    renamed = empty_project()
    renamed.write("apps/b.yaml", f"# a comment\n\n{LINE}")
    assert renamed.judge([finding("apps/b.yaml", 3)], baseline=known).exit_code == 0


def test_a_second_equal_finding_is_new_and_it_is_the_one_in_the_other_file(project: Any) -> None:
    for file in ("a.yaml", "b.yaml"):
        project.write(file, LINE)
    known = recorded(project, finding("b.yaml"))
    report = project.judge([finding("a.yaml"), finding("b.yaml")], baseline=known)
    assert statuses(report) == [("a.yaml", "active"), ("b.yaml", "baselined")]


def test_an_entry_of_a_file_that_was_not_judged_covers_no_other_file(project: Any) -> None:
    project.write("a.yaml", LINE)
    known = recorded(project, finding())
    (project.root / "b.yaml").write_text(LINE, encoding="utf-8")
    partial = {"complete": False, "judged": ()}
    assert project.judge([finding("b.yaml")], baseline=known, **partial).exit_code == 1


def test_what_no_longer_occurs_is_told(project: Any) -> None:
    project.write("a.yaml", LINE)
    known = recorded(project, finding())
    report = project.judge(baseline=known)
    assert report.exit_code == 0
    assert any("R1 in a.yaml" in note and "--prune" in note for note in report.notes)


@pytest.mark.parametrize(
    "changes",
    [
        {"select": ("R2",)},
        {"problems": (Problem("broken"),)},
        {"judged": (), "complete": False},
        {"cut_off": frozenset({"a.yaml"})},
    ],
)
def test_nothing_is_told_gone_that_this_run_could_not_see(project: Any, changes: dict[str, Any]) -> None:
    project.write("a.yaml", LINE)
    known = recorded(project, finding())
    assert project.judge(baseline=known, **changes).notes == ()


def test_suppressed_findings_notes_and_findings_about_suppressions_are_not_recorded(project: Any) -> None:
    findings = [
        replace(finding(), status=Status.SUPPRESSED),
        replace(finding(), outcome=Outcome.NOTE),
        replace(finding(), rule="SP-SUPPRESS-EXPIRED"),
        replace(finding(), severity=Severity.INFO),
    ]
    assert [one.rule for one in baseline.record(findings, project.root).entries] == ["R1"]


def test_a_recorded_finding_about_a_suppression_still_counts(project: Any) -> None:
    about = replace(finding(), rule="SP-SUPPRESS-EXPIRED")
    (marked,) = project.judge([about]).findings
    forged = Baseline((Entry("a.yaml", marked.rule, marked.fingerprint, marked.message),))
    assert project.judge([about], baseline=forged).exit_code == 1


def test_the_file_reads_back_and_does_not_churn(project: Any) -> None:
    for file in ("b.yaml", "a.yaml"):
        project.write(file, LINE)
    outside = finding(str(project.root.parent / "other" / "c.yaml"), message=f"see {project.root}/x.yaml")
    known = recorded(project, finding("b.yaml"), finding("a.yaml", 7), outside)
    path = project.root / "deep" / "baseline.json"
    baseline.write(known, path)
    text = path.read_text(encoding="utf-8")
    loaded = baseline.load(path)
    assert loaded is not None
    assert loaded.entries == known.entries
    assert [one["file"] for one in json.loads(text)["findings"]] == ["../other/c.yaml", "a.yaml", "b.yaml"]
    assert str(project.root) not in text
    stamp = path.stat().st_mtime_ns
    baseline.write(Baseline(known.entries[::-1]), path)
    assert (path.read_text(encoding="utf-8"), path.stat().st_mtime_ns) == (text, stamp)


def test_no_file_is_no_baseline(tmp_path: Path) -> None:
    assert baseline.load(tmp_path / "none.json") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"version": 1,\n  oops', ":2:3: is not valid JSON"),
        ("[]", "expected 'version' and 'findings'"),
        ('{"version": 9, "findings": []}', "has version 9"),
        ('{"version": 1, "findings": {}}', "'findings' is no list"),
        ('{"version": 1, "findings": [{"rule": "R"}]}', "finding 1 needs"),
        (
            '{"version": 1, "findings": [{"rule": 1, "file": "", "fingerprint": "", "message": ""}]}',
            "as text",
        ),
        ("[" * 100_000, "baseline"),
        ("\udcff", "not UTF-8"),
    ],
)
def test_a_broken_baseline_is_an_error_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match=r"baseline\.json") as error:
        baseline.load(path)
    assert words in str(error.value)


def test_updating_after_a_partial_run_keeps_the_entries_of_the_other_files(project: Any) -> None:
    for file in ("a.yaml", "b.yaml"):
        project.write(file, LINE)
    whole = recorded(project, finding("a.yaml"), finding("b.yaml"))
    judged_only = project.judge([finding("b.yaml"), finding("b.yaml", message="new")])
    new = baseline.update(
        whole,
        judged_only.findings,
        project.root,
        decidable=lambda file: file == "b.yaml",
        prune=False,
    )
    assert {(one.file, one.message) for one in new.entries} == {
        ("a.yaml", "wrong"),
        ("b.yaml", "wrong"),
        ("b.yaml", "new"),
    }
    assert set(whole.entries) <= set(new.entries)


def test_pruning_takes_out_and_never_records(project: Any) -> None:
    project.write("a.yaml", LINE)
    old = recorded(project, finding(), finding(message="gone"))
    report = project.judge([finding(), finding(message="new")])
    pruned = baseline.update(old, report.findings, project.root, decidable=lambda _: True, prune=True)
    assert [one.message for one in pruned.entries] == ["wrong"]

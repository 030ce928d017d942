"""The same finding in several configurations is one finding; the threshold decides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stackproof.config import Config
from stackproof.model import Finding, Location, Outcome, Problem, Related, Severity, Verdict

FINDING = Finding("R1", "too open", Location("a.yaml", 3, 5), logical_id="Group")


def in_configuration(name: str, finding: Finding = FINDING, **changes: Any) -> Finding:
    return replace(finding, configurations=(name,), **changes)


def test_a_finding_of_all_configurations_is_shown_once_without_naming_them(project: Any) -> None:
    project.write("a.yaml", "Resources: {}\n", "dev", "prod")
    report = project.judge([in_configuration("prod"), in_configuration("dev")])
    assert [one.configurations for one in report.findings] == [()]


def test_a_finding_of_some_configurations_names_them_in_the_order_they_were_judged(project: Any) -> None:
    project.write("a.yaml", "Resources: {}\n", "test", "dev", "prod")
    report = project.judge([in_configuration("dev"), in_configuration("test")])
    assert [one.configurations for one in report.findings] == [("test", "dev")]


def test_a_finding_without_configuration_absorbs_the_same_with_one(project: Any) -> None:
    project.write("a.yaml", "Resources: {}\n", "dev", "prod")
    report = project.judge([in_configuration("dev"), FINDING])
    assert [one.configurations for one in report.findings] == [()]


def test_merging_keeps_what_differs_between_the_configurations(project: Any) -> None:
    project.write("a.yaml", "Resources: {}\n", "dev", "test", "prod")
    related = {name: Related(Location(f"config/{name}.json", 2), "value") for name in ("dev", "prod")}
    report = project.judge(
        [
            in_configuration(name, related=(related[name],), evidence={"value": name, "same": "x"})
            for name in ("dev", "prod")
        ]
    )
    (finding,) = report.findings
    assert finding.related == (related["dev"], related["prod"])
    assert finding.evidence == {"value": "dev | prod", "same": "x"}


def test_a_failure_and_an_undecided_one_stay_two_findings(project: Any) -> None:
    project.write("a.yaml", "Resources: {}\n", "dev", "prod")
    report = project.judge([in_configuration("dev"), in_configuration("prod", outcome=Outcome.UNDECIDED)])
    assert {(one.outcome, one.configurations) for one in report.findings} == {
        (Outcome.FAIL, ("dev",)),
        (Outcome.UNDECIDED, ("prod",)),
    }


def test_findings_are_sorted_by_place_whatever_their_order(project: Any) -> None:
    files = [("b.yaml", 1), ("a.yaml", 20), ("a.yaml", 3), ("a.yaml", 3)]
    findings = [Finding(f"R{number}", "m", Location(file, line)) for number, (file, line) in enumerate(files)]
    forth, back = project.judge(findings), project.judge(findings[::-1])
    assert [one.rule for one in forth.findings] == ["R2", "R3", "R1", "R0"]
    assert forth.findings == back.findings


@pytest.mark.parametrize(
    ("fail_on", "severity", "code"),
    [
        ("error", Severity.ERROR, 1),
        ("error", Severity.WARNING, 0),
        ("warning", Severity.WARNING, 1),
        ("warning", Severity.INFO, 0),
        ("info", Severity.INFO, 1),
        ("never", Severity.ERROR, 0),
    ],
)
def test_the_threshold_decides_the_exit_code(
    project: Any, fail_on: str, severity: Severity, code: int
) -> None:
    report = project.judge([replace(FINDING, severity=severity)], Config(fail_on=fail_on))
    assert report.exit_code == code
    assert report.verdict is (Verdict.FAIL if code else Verdict.PASS)


def test_a_note_never_makes_a_run_fail(project: Any) -> None:
    report = project.judge([replace(FINDING, outcome=Outcome.NOTE)], Config(fail_on="info"))
    assert (report.exit_code, report.stats["errors"]) == (0, 0)


@pytest.mark.parametrize(
    ("undecided", "severity", "shown"),
    [
        ("warning", Severity.ERROR, Severity.WARNING),
        ("error", Severity.ERROR, Severity.ERROR),
        ("error", Severity.INFO, Severity.INFO),
        ("info", Severity.WARNING, Severity.INFO),
    ],
)
def test_undecided_findings_have_their_own_weight_and_never_more_than_their_rule(
    project: Any, undecided: str, severity: Severity, shown: Severity
) -> None:
    finding = replace(FINDING, outcome=Outcome.UNDECIDED, severity=severity)
    report = project.judge([finding], Config(undecided=undecided))
    assert [one.severity for one in report.findings] == [shown]
    assert report.stats["undecided"] == 1


def test_the_highest_exit_code_wins_and_all_findings_stay(project: Any) -> None:
    problems = (Problem("broken rule", 2), Problem("crash", 3))
    report = project.judge([FINDING], problems=problems)
    assert (report.exit_code, len(report.findings), report.problems) == (3, 1, problems)
    assert project.judge([FINDING], problems=problems[:1]).exit_code == 2


def test_the_report_carries_the_lines_around_a_finding_and_what_is_related(project: Any) -> None:
    text = "".join(f"key{number}: {number}\n" for number in range(1, 10))
    project.write("a.yaml", text)
    (project.root / "prod.json").write_text('{\n  "Size": "huge"\n}\n', encoding="utf-8")
    related = Related(Location("prod.json", 2, 3), "the value")
    report = project.judge([replace(FINDING, location=Location("a.yaml", 5), related=(related,))])
    assert report.sources["a.yaml"] == {4: "key4: 4", 5: "key5: 5", 6: "key6: 6"}
    assert report.sources["prod.json"][2] == '  "Size": "huge"'


def test_lines_are_counted_as_yaml_counts_them(project: Any) -> None:
    (project.root / "a.yaml").write_bytes("a: 1\r\nb: \x0b2\rc: 3\u2028d: 4\n".encode())
    report = project.judge([replace(FINDING, location=Location("a.yaml", 4))])
    assert report.sources["a.yaml"] == {3: "c: 3", 4: "d: 4", 5: ""}


def test_a_file_that_is_gone_or_binary_costs_only_its_lines(project: Any) -> None:
    (project.root / "b.yaml").write_bytes(b"\xff\xfe\x00")
    findings = [replace(FINDING, location=Location(file)) for file in ("gone.yaml", "b.yaml", "")]
    assert len(project.judge(findings).findings) == 3

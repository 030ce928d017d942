"""Suppressions inside templates: what they reach, when they stop, what is said about them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from stackproof.config import Config, Governance
from stackproof.model import Finding, Location, Outcome, Problem, RuleInfo, Status

GOOD = "{rule: R1, reason: agreed with security, until: 2026-12-31}"
RESOURCE = """\
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Metadata:
      stackproof:
        suppress:
          - %s
  Queue:
    Type: AWS::SQS::Queue
"""


def finding(rule: str = "R1", logical_id: str = "Bucket", line: int = 3, **changes: Any) -> Finding:
    return replace(Finding(rule, "wrong", Location("a.yaml", line, 5), logical_id=logical_id), **changes)


def about(report: Any) -> list[tuple[str, int, int]]:
    return [
        (one.rule.removeprefix("SP-SUPPRESS-"), one.location.line, one.location.column)
        for one in report.findings
        if one.rule.startswith("SP-SUPPRESS-")
    ]


def test_a_suppressed_finding_stays_in_the_report_and_does_not_count(project: Any) -> None:
    project.write("a.yaml", RESOURCE % GOOD)
    report = project.judge([finding()])
    (one,) = report.findings
    assert report.exit_code == 0
    assert one.status is Status.SUPPRESSED
    assert one.suppression is not None
    assert (one.suppression.reason, one.suppression.until) == ("agreed with security", "2026-12-31")
    assert one.suppression.location == Location("a.yaml", 7, 13, 7, 72)


def test_it_reaches_its_rule_and_its_resource_only(project: Any) -> None:
    project.write("a.yaml", RESOURCE % GOOD)
    report = project.judge([finding(), finding("R2"), finding(logical_id="Queue", line=8)])
    assert [(one.rule, one.logical_id) for one in report.findings if one.status is Status.ACTIVE] == [
        ("R2", "Bucket"),
        ("R1", "Queue"),
    ]


def test_it_reaches_findings_of_generated_resources_that_point_into_its_resource(project: Any) -> None:
    project.write("a.yaml", RESOURCE % GOOD)
    report = project.judge(
        [
            finding(logical_id="BucketRole", location=Location("a.yaml", 2, 3)),
            finding(logical_id="QueueRole", location=Location("a.yaml", 8, 3)),
        ]
    )
    assert [one.status for one in report.findings] == [Status.SUPPRESSED, Status.ACTIVE]


def test_it_reaches_what_a_loop_makes_of_its_resource(project: Any) -> None:
    text = """\
Resources:
  Fn::ForEach::Queues:
    - Name
    - [A, B]
    - Queue${Name}:
        Type: AWS::SQS::Queue
        Metadata:
          stackproof:
            suppress:
              - {rule: R1, reason: agreed, until: 2026-12-31}
      Other${Name}:
        Type: AWS::SQS::Queue
"""
    project.write("a.yaml", text)
    made = [finding(logical_id=f"Queue{name}", line=6) for name in "AB"]
    report = project.judge([*made, finding(logical_id="OtherA", line=12)])
    assert [(one.logical_id, one.status) for one in report.findings] == [
        ("QueueA", Status.SUPPRESSED),
        ("QueueB", Status.SUPPRESSED),
        ("OtherA", Status.ACTIVE),
    ]


def test_one_on_the_template_reaches_every_resource_and_the_parameter_file(project: Any) -> None:
    project.write("a.yaml", f"Metadata: {{stackproof: {{suppress: [{GOOD}]}}}}\nResources: {{}}\n")
    elsewhere = Finding("R1", "m", Location("prod.json", 2), evidence={"template": "a.yaml"})
    foreign = Finding("R1", "m", Location("b.yaml", 2))
    report = project.judge([finding(), finding(logical_id="Queue"), elsewhere, foreign])
    active = [one.location.file for one in report.findings if one.status is Status.ACTIVE]
    assert active == ["b.yaml"]


def test_a_rule_may_be_a_glob(project: Any) -> None:
    project.write("a.yaml", RESOURCE % GOOD.replace("R1", "S3_*"))
    report = project.judge([finding("S3_LOGGING"), finding("SQS_LOGGING")])
    assert [one.status for one in report.findings] == [Status.SUPPRESSED, Status.ACTIVE]


def test_it_counts_through_its_last_day_and_no_longer(project: Any) -> None:
    project.write("a.yaml", RESOURCE % GOOD)
    assert project.judge([finding()], today=date(2026, 12, 31)).exit_code == 0
    late = project.judge([finding()], today=date(2027, 1, 1))
    assert late.exit_code == 1
    assert {one.rule for one in late.findings if one.status is Status.ACTIVE} == {"R1", "SP-SUPPRESS-EXPIRED"}
    assert about(late) == [("EXPIRED", 7, 13)]
    assert not any("is gone" in one.message for one in late.findings)


def test_an_expired_one_that_silences_nothing_says_remove_it(project: Any) -> None:
    project.write("a.yaml", RESOURCE % GOOD)
    (one,) = project.judge(today=date(2027, 1, 1)).findings
    assert (one.rule, one.fix) == ("SP-SUPPRESS-EXPIRED", "Remove it.")


def test_an_unused_one_is_a_warning_where_it_stands(project: Any) -> None:
    project.write("a.yaml", RESOURCE % GOOD)
    report = project.judge([finding("R2")])
    assert about(report) == [("UNUSED", 7, 13)]
    assert {one.severity.value for one in report.findings if one.rule == "SP-SUPPRESS-UNUSED"} == {"warning"}


def test_an_unused_one_of_a_rule_that_does_not_exist_says_so(project: Any) -> None:
    project.write("a.yaml", RESOURCE % GOOD)
    known, unknown = (project.judge(rules=(RuleInfo(name),)).findings[0] for name in ("R1", "R2"))
    assert known.message == "the suppression of 'R1' silences nothing"
    assert unknown.message == "the suppression of 'R1' silences nothing: no rule of this run has that name"


@pytest.mark.parametrize(
    "changes",
    [
        {"select": ("R2",)},
        {"ignore": ("R1",)},
        {"cut_off": frozenset({"a.yaml"})},
        {"problems": (Problem("the rule file with R1 is broken"),)},
        {"judged": (), "complete": False},
        {"pillar": "prove"},
    ],
)
def test_nothing_is_called_unused_that_was_not_judged(project: Any, changes: dict[str, Any]) -> None:
    project.write("a.yaml", RESOURCE % GOOD)
    assert about(project.judge(**changes)) == []


def test_a_partial_run_still_tells_what_is_unused_in_what_it_judged(project: Any) -> None:
    project.write("a.yaml", RESOURCE % GOOD)
    assert about(project.judge(complete=False, partial_because="shard 1/2")) == [("UNUSED", 7, 13)]
    assert about(project.judge(select=("R*",))) == [("UNUSED", 7, 13)]
    broken = (Problem("another rule file is broken"),)
    assert about(project.judge(problems=broken, rules=(RuleInfo("R1"),))) == [("UNUSED", 7, 13)]


@pytest.mark.parametrize("rule", ["SP-PROVE-RACE", "SP-INSPECT-*", "SP-*", "*"])
def test_rules_of_the_other_pillars_are_not_unused_in_a_check(project: Any, rule: str) -> None:
    project.write("a.yaml", RESOURCE % GOOD.replace("R1", f"'{rule}'"))
    assert about(project.judge()) == []


def test_one_for_some_configurations_leaves_the_finding_active_in_the_others(project: Any) -> None:
    project.write("a.yaml", RESOURCE % GOOD.replace("}", ", configurations: ['de*']}"), "dev", "demo", "prod")
    report = project.judge([finding()])
    assert [(one.status, one.configurations) for one in report.findings] == [
        (Status.SUPPRESSED, ("dev", "demo")),
        (Status.ACTIVE, ("prod",)),
    ]
    assert report.exit_code == 1


def test_two_for_different_configurations_silence_all_of_them(project: Any) -> None:
    entries = [GOOD.replace("}", f", configurations: [{name}]}}") for name in ("dev", "prod")]
    project.write("a.yaml", RESOURCE % "\n          - ".join(entries), "dev", "prod")
    report = project.judge([finding()])
    assert {(one.status, one.configurations) for one in report.findings} == {
        (Status.SUPPRESSED, ("dev",)),
        (Status.SUPPRESSED, ("prod",)),
    }


def test_one_for_configurations_that_do_not_show_the_finding_is_unused(project: Any) -> None:
    project.write("a.yaml", RESOURCE % GOOD.replace("}", ", configurations: [prod]}"), "dev", "prod")
    report = project.judge([finding(configurations=("dev",))])
    assert about(report) == [("UNUSED", 7, 13)]
    assert report.exit_code == 1


def test_undecided_findings_can_be_suppressed_too(project: Any) -> None:
    project.write("a.yaml", RESOURCE % GOOD)
    report = project.judge([finding(outcome=Outcome.UNDECIDED)], Config(undecided="error"))
    assert [(one.status, one.outcome) for one in report.findings] == [(Status.SUPPRESSED, Outcome.UNDECIDED)]
    assert report.exit_code == 0


def test_copies_of_one_written_suppression_are_used_when_one_of_them_is(project: Any) -> None:
    text = """\
Resources:
  One:
    Metadata: &silent
      stackproof:
        suppress:
          - {rule: R1, reason: agreed, until: 2026-12-31}
  Two:
    Metadata: *silent
"""
    source = project.write("a.yaml", text)
    source.places = {path: place for path, place in source.places.items() if path[:2] != ("Resources", "Two")}
    report = project.judge([finding(logical_id="One", line=2)])
    assert about(report) == []


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ("R1", (7, 13)),
        ("{reason: r, until: 2026-12-31}", (7, 13)),
        ("{rule: '', reason: r, until: 2026-12-31}", (7, 13)),
        ("{rule: R1, reason: r, until: soon}", (7, 35)),
        ("{rule: R1, reason: r, until: '2026-02-30'}", (7, 35)),
        ("{rule: R1, reason: [r], until: 2026-12-31}", (7, 24)),
        ("{rule: R1, reason: r, until: 2026-12-31, why: x}", (7, 54)),
        ("{rule: R1, reason: r, until: 2026-12-31, configurations: {a: b}}", (7, 54)),
        ("{rule: R1, until: 2026-12-31}", (7, 13)),
        ("{rule: R1, reason: r}", (7, 13)),
    ],
)
def test_a_malformed_one_is_an_error_at_its_place_and_silences_nothing(
    project: Any, entry: str, place: tuple[int, int]
) -> None:
    project.write("a.yaml", RESOURCE % entry)
    report = project.judge([finding()])
    assert about(report) == [("MALFORMED", *place)]
    assert [one.status for one in report.findings if one.rule == "R1"] == [Status.ACTIVE]
    assert report.exit_code == 1


@pytest.mark.parametrize(
    "section", ["text", "[a]", "{suppres: []}", "{suppress: {rule: R1}}", "{suppress: R1}"]
)
def test_a_malformed_section_is_an_error(project: Any, section: str) -> None:
    project.write("a.yaml", f"Metadata:\n  stackproof: {section}\nResources: {{}}\n")
    assert [rule for rule, _, _ in about(project.judge())] == ["MALFORMED"]


@pytest.mark.parametrize(
    "text", ["Resources: []\n", "Resources: {A: 1, B: {Metadata: 3}}\n", "Metadata: [1]\n"]
)
def test_templates_of_odd_shape_hold_no_suppressions(project: Any, text: str) -> None:
    assert project.write("a.yaml", text).suppressions() == ([], [])


def test_unquoted_dates_and_a_single_configuration_name_are_understood(project: Any) -> None:
    project.write("a.yaml", RESOURCE % GOOD.replace("}", ", configurations: dev}"), "dev")
    assert project.judge([finding()]).exit_code == 0


def test_a_date_is_only_needed_where_governance_asks_for_it(project: Any) -> None:
    project.write("a.yaml", RESOURCE % "{rule: R1, reason: r}")
    config = Config(governance=Governance(require_until=False))
    assert project.judge([finding()], config).exit_code == 0

"""What an organisation allows: inline, native, forbidden rules, the longest time, configuration's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stackproof import config as configuration
from stackproof.config import Config, Governance, Suppress
from stackproof.model import Finding, Location, Status

OURS = """\
Resources:
  Bucket:
    Metadata:
      stackproof: {suppress: [{rule: %s, reason: agreed, until: 2026-12-31}]}
"""
NATIVE = """\
Metadata:
  cfn-lint: {config: {ignore_checks: [W2001, E3]}}
Resources:
  Bucket:
    Metadata:
      cfn-lint: {config: {ignore_checks: [E3012]}}
      guard:
        SuppressedRules:
          - S3_LOGGING
"""
S3_LOGGING = Finding("S3_LOGGING", "m", Location("a.yaml", 2, 3), logical_id="Bucket", source="guard")
FORBID = Config(governance=Governance(forbid=("S3_*",)))


def about(report: Any) -> list[str]:
    return [
        str(one.location) + " " + one.rule for one in report.findings if one.rule.startswith("SP-SUPPRESS")
    ]


def test_inline_suppressions_can_be_switched_off(project: Any) -> None:
    project.write("a.yaml", OURS % "S3_LOGGING")
    report = project.judge([S3_LOGGING], Config(governance=Governance(inline=False)))
    assert about(report) == ["a.yaml:4:31 SP-SUPPRESS-FORBIDDEN"]
    assert {one.status for one in report.findings} == {Status.ACTIVE}


def test_no_inline_includes_those_of_the_tools(project: Any) -> None:
    project.write("a.yaml", NATIVE)
    report = project.judge([S3_LOGGING], Config(governance=Governance(inline=False)))
    assert [one.rule for one in report.findings].count("SP-SUPPRESS-FORBIDDEN") == 4
    assert report.exit_code == 1


def test_configuration_may_still_suppress_without_inline(project: Any) -> None:
    project.write("a.yaml", "Resources: {}\n")
    entry = Suppress(rule="S3_LOGGING", reason="agreed", until="2026-12-31")
    config = Config(governance=Governance(inline=False), suppress=(entry,))
    report = project.judge([S3_LOGGING], config)
    assert (report.exit_code, about(report)) == (0, [])


def test_guards_own_suppressions_count_and_are_told_as_ungoverned(project: Any) -> None:
    project.write("a.yaml", NATIVE)
    report = project.judge([S3_LOGGING])
    (one,) = report.findings
    assert one.status is Status.SUPPRESSED
    assert one.suppression is not None
    assert not one.suppression.governed
    assert report.stats["ungoverned"] == 4
    assert any("4 ungoverned suppressions" in note and "a.yaml:9:13" in note for note in report.notes)


def test_guards_suppressions_silence_guard_only(project: Any) -> None:
    project.write("a.yaml", NATIVE)
    other = Finding("S3_LOGGING", "m", Location("a.yaml", 2, 3), logical_id="Bucket", source="cfn-lint")
    assert project.judge([other]).exit_code == 1


def test_no_native_refuses_those_of_the_tools(project: Any) -> None:
    project.write("a.yaml", NATIVE)
    report = project.judge([S3_LOGGING], Config(governance=Governance(native=False)))
    assert [one.status for one in report.findings if one.rule == "S3_LOGGING"] == [Status.ACTIVE]
    assert about(report) == [
        "a.yaml:2:39 SP-SUPPRESS-UNGOVERNED",
        "a.yaml:2:46 SP-SUPPRESS-UNGOVERNED",
        "a.yaml:6:43 SP-SUPPRESS-UNGOVERNED",
        "a.yaml:9:13 SP-SUPPRESS-UNGOVERNED",
    ]
    assert report.stats["ungoverned"] == 0


def test_nobody_may_suppress_a_forbidden_rule(project: Any) -> None:
    project.write("a.yaml", OURS % "S3_LOGGING")
    report = project.judge([S3_LOGGING], FORBID)
    assert about(report) == ["a.yaml:4:31 SP-SUPPRESS-FORBIDDEN"]
    assert [one.status for one in report.findings if one.rule == "S3_LOGGING"] == [Status.ACTIVE]


def test_a_glob_does_not_reach_a_forbidden_rule(project: Any) -> None:
    project.write("a.yaml", OURS % "'*'")
    other = Finding("SQS_DLQ", "m", Location("a.yaml", 2, 3), logical_id="Bucket")
    report = project.judge([S3_LOGGING, other], FORBID)
    assert {one.rule: one.status for one in report.findings} == {
        "S3_LOGGING": Status.ACTIVE,
        "SQS_DLQ": Status.SUPPRESSED,
        "SP-SUPPRESS-FORBIDDEN": Status.ACTIVE,
    }


def test_forbidden_holds_for_configuration_too(project: Any) -> None:
    entry = Suppress(rule="S3_LOGGING", reason="agreed", until="2026-12-31")
    report = project.judge([S3_LOGGING], Config(governance=FORBID.governance, suppress=(entry,)))
    active = sorted(one.rule for one in report.findings if one.status is Status.ACTIVE)
    assert active == ["S3_LOGGING", "SP-SUPPRESS-FORBIDDEN"]


@pytest.mark.parametrize(("days", "code"), [(198, 1), (199, 0), (0, 0)])
def test_the_longest_time_is_kept(project: Any, days: int, code: int) -> None:
    project.write("a.yaml", OURS % "S3_LOGGING")
    report = project.judge([S3_LOGGING], Config(governance=Governance(max_days=days)))
    assert report.exit_code == code
    assert bool(about(report)) is bool(code)


def test_findings_about_suppressions_cannot_be_suppressed(project: Any) -> None:
    project.write("a.yaml", OURS % "S3_LOGGING")
    entry = Suppress(rule="*", reason="all", until="2026-12-31", templates=("a.yaml",))
    config = Config(governance=FORBID.governance, suppress=(entry,))
    assert "a.yaml:4:31 SP-SUPPRESS-FORBIDDEN" in about(project.judge([], config))


TOML = """\
fail_on = "error"

[[suppress]]
rule = "S3_LOGGING"
reason = "agreed"
until = "2026-12-31"
templates = ["apps/*.yaml"]
resources = ["Log*"]

[[suppress]]
rule = "OTHER"
reason = "agreed"
until = "never"
"""


def configured(root: Path, text: str = TOML) -> Config:
    (root / "stackproof.toml").write_text(text, encoding="utf-8")
    return configuration.load(root)


def test_configurations_suppressions_are_limited_by_template_and_resource(project: Any) -> None:
    config = configured(project.root)
    places = [("apps/a.yaml", "LogBucket"), ("apps/a.yaml", "Bucket"), ("net/a.yaml", "LogBucket")]
    findings = [Finding("S3_LOGGING", "m", Location(file, 2), logical_id=name) for file, name in places]
    report = project.judge(findings, config)
    silent = [one for one in report.findings if one.status is Status.SUPPRESSED]
    assert [(one.location.file, one.logical_id) for one in silent] == [("apps/a.yaml", "LogBucket")]


def test_findings_about_configurations_suppressions_name_their_line(project: Any) -> None:
    report = project.judge([], configured(project.root))
    assert about(report) == [
        "stackproof.toml:3:1 SP-SUPPRESS-UNUSED",
        "stackproof.toml:10:1 SP-SUPPRESS-MALFORMED",
    ]


def test_inline_tables_are_told_where_they_begin(project: Any) -> None:
    expired = '{rule = "A", reason = "r", until = "2020-01-01"}'
    text = f'suppress = [\n  {expired},\n  {{rule = "A", reason = "r"}},\n]\n'
    assert about(project.judge([], configured(project.root, text))) == [
        "stackproof.toml:2:3 SP-SUPPRESS-EXPIRED",
        "stackproof.toml:3:3 SP-SUPPRESS-MALFORMED",
    ]


def test_configurations_suppressions_are_not_unused_in_a_partial_run(project: Any) -> None:
    config = configured(project.root)
    report = project.judge([], config, complete=False, partial_because="--changed-since")
    assert about(report) == ["stackproof.toml:10:1 SP-SUPPRESS-MALFORMED"]

"""Tests of rules: wrong expectations, missing cases, rules that do not look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stackproof.checks.guard.testing.run import TestRun, run_tests
from stackproof.errors import NothingToJudge, UsageError

RULE = """let buckets = Resources.*[ Type == 'AWS::S3::Bucket' ]

rule NAMED when %buckets !empty {
    %buckets.Properties {
        Name in ['a', 'b'] <<odd name>>
        Access.Public == false <<public>>
    }
}
"""
CASES = """- name: good
  input: {Resources: {B: {Type: 'AWS::S3::Bucket', Properties: {Name: a, Access: {Public: false}}}}}
  expectations: {rules: {NAMED: PASS}}
- name: bad
  input: {Resources: {B: {Type: 'AWS::S3::Bucket', Properties: {Name: c, Access: {Public: false}}}}}
  expectations:
    rules:
      NAMED: FAIL
- name: nothing
  input: {}
  expectations: {rules: {NAMED: SKIP}}
"""


def run(bench: Any, rule: str = RULE, cases: str = CASES, name: str = "x_tests.yaml", **more: Any) -> TestRun:
    bench.write("policies/x.guard", rule)
    bench.write(f"policies/{name}", cases)
    return run_tests([bench.root / "policies"], bench.root, **more)


def rules_of(found: TestRun) -> list[str]:
    return [finding.rule for finding in found.findings]


def test_right_expectations_full_coverage_and_a_rule_that_looks(bench: Any) -> None:
    found = run(bench)
    assert (found.findings, found.problems) == ([], [])
    assert (found.rules, found.cases) == (1, 3)
    assert found.mutations > 0


@pytest.mark.parametrize("name", ["x_tests.yml", "tests/x_tests.yaml"])
def test_where_tests_stand(bench: Any, name: str) -> None:
    assert run(bench, name=name).cases == 3


def test_a_wrong_expectation_is_shown_at_its_place(bench: Any) -> None:
    found = run(bench, cases=CASES.replace("      NAMED: FAIL", "      NAMED: PASS"), mutation=False)
    wrong = [finding for finding in found.findings if finding.rule == "SP-TEST-EXPECTATION"]
    (finding,) = wrong
    assert (finding.location.file, finding.location.line, finding.location.column) == (
        "policies/x_tests.yaml",
        8,
        7,
    )
    assert "FAIL on 'bad', expected PASS" in finding.message
    assert finding.related[0].location.line == 3


def test_an_expectation_of_a_rule_that_is_not_there(bench: Any) -> None:
    found = run(bench, cases=CASES.replace("NAMED: SKIP", "OTHER: SKIP"), mutation=False)
    assert sorted(rules_of(found)) == ["SP-TEST-COVERAGE", "SP-TEST-EXPECTATION"]


@pytest.mark.parametrize("status", ["PASS", "FAIL", "SKIP"])
def test_a_missing_case_is_named(bench: Any, status: str) -> None:
    kept = [case for case in CASES.split("- name:")[1:] if status not in case]
    found = run(bench, cases="".join(f"- name:{case}" for case in kept), mutation=False)
    (finding,) = found.findings
    assert finding.rule == "SP-TEST-COVERAGE"
    assert finding.evidence["missing"] == status
    assert (finding.location.file, finding.location.line) == ("policies/x.guard", 3)


def test_a_rule_that_never_skips_needs_no_such_case(bench: Any) -> None:
    rule = "rule ALWAYS { Outputs.Owner == 'me' }\n"
    cases = """- {name: a, input: {Outputs: {Owner: me}}, expectations: {rules: {ALWAYS: PASS}}}
- {name: b, input: {}, expectations: {rules: {ALWAYS: FAIL}}}
"""
    assert run(bench, rule, cases).findings == []


def test_a_rule_without_tests_is_uncovered_and_other_files_run(bench: Any) -> None:
    bench.write("policies/alone.guard", RULE.replace("NAMED", "ALONE"))
    found = run(bench)
    assert [finding.evidence["rule"] for finding in found.findings] == ["ALONE"]


class TestMutation:
    def test_a_clause_that_can_not_fail_survives(self, bench: Any) -> None:
        blind = RULE.replace("Access.Public == false", "Access.Public == false or Access exists")
        found = run(bench, blind)
        (finding,) = found.findings
        assert finding.rule == "SP-TEST-MUTATION"
        assert finding.evidence["property"] == "AWS::S3::Bucket: Access.Public"
        assert "removed" in finding.evidence["mutations"] or "flipped" in finding.evidence["mutations"]
        assert finding.related[0].location.file == "policies/x_tests.yaml"

    def test_a_compliant_case_in_which_only_this_property_counts_is_enough(self, bench: Any) -> None:
        either = RULE.replace("Name in ['a', 'b'] <<odd name>>", "Name == 'a' or Tag == 'ok' <<neither>>")
        both = CASES.replace("Name: a,", "Name: a, Tag: ok,")
        assert {f.evidence["property"] for f in run(bench, either, both).findings} == {
            "AWS::S3::Bucket: Name",
            "AWS::S3::Bucket: Tag",
        }
        single = """- name: tag only
  input: {Resources: {B: {Type: 'AWS::S3::Bucket', Properties: {Tag: ok, Access: {Public: false}}}}}
  expectations: {rules: {NAMED: PASS}}
"""
        assert run(bench, either, CASES + single).findings == []

    @pytest.mark.parametrize(
        ("clause", "value"),
        [
            ("Value not in ['*', 'all']", "'fine'"),
            ("Value != /(?i)secret/", "'fine'"),
            ("Value >= 12", "14"),
            ("Value in r[1,5]", "3"),
            ("Value[*] != '*'", "['a']"),
            ("Value !empty", "['a']"),
            ("Value is_string", "'x'"),
            ("Value == true", "true"),
            ("Value == 'true'", "'true'"),
        ],
    )
    def test_every_kind_of_clause_is_seen_to_look(self, bench: Any, clause: str, value: str) -> None:
        rule = RULE.replace("Name in ['a', 'b'] <<odd name>>", clause)
        cases = CASES.replace("Name: a,", f"Value: {value},").replace(
            "Name: c, Access: {Public: false}", "Zed: 1"
        )
        assert run(bench, rule, cases).findings == []

    def test_it_can_be_left_out(self, bench: Any) -> None:
        assert run(bench, mutation=False).mutations == 0


@pytest.mark.parametrize(
    ("cases", "line"),
    [
        ("- name: a\n  input: {}\n", 1),
        ("- input: {}\n  expectations: {}\n", 2),
        ("- input: {}\n  expectations:\n    rules:\n      NAMED: MAYBE\n", 4),
        ("- name: [\n", 2),
        ("name: a\n", 1),
        ("- name: a\n  input: {}\n  expectation: {}\n  expectations: {rules: {NAMED: SKIP}}\n", 3),
    ],
)
def test_a_broken_test_file_is_a_problem_at_its_line(bench: Any, cases: str, line: int) -> None:
    problems = run(bench, cases=cases, mutation=False).problems
    places = [(p.location.file, p.location.line) for p in problems if p.location]
    assert places == [("policies/x_tests.yaml", line)]


def test_intrinsic_functions_and_dates_are_read_as_templates_are(bench: Any) -> None:
    rule = """rule R when Resources exists {
    Resources.B.A == { 'Fn::GetAtt': ['X', 'Arn'] }
    Resources.B.R == { Ref: 'X' }
    Resources.B.S == { 'Fn::Sub': '${X}/*' }
    Resources.B.Version == '2012-10-17'
}
"""
    cases = """- name: short forms
  input: {Resources: {B: {A: !GetAtt X.Arn, R: !Ref X, S: !Sub '${X}/*', Version: 2012-10-17}}}
  expectations: {rules: {R: PASS}}
"""
    assert "SP-TEST-EXPECTATION" not in rules_of(run(bench, rule, cases, mutation=False))


@pytest.mark.parametrize("name", ["orphan_tests.yaml", "sub/tests/orphan_tests.json"])
def test_tests_of_no_rule_file_are_an_error(bench: Any, name: str) -> None:
    bench.write(f"policies/{name}", "[]")
    found = run(bench, mutation=False)
    (lost,) = found.findings
    assert (lost.rule, lost.severity.value) == ("SP-TEST-ORPHAN", "error")
    assert lost.location.file == f"policies/{name}"
    assert found.cases == 3


def test_nothing_to_test_is_said(bench: Any, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(NothingToJudge):
        run_tests([tmp_path / "none"], tmp_path)
    bench.write("bare/x.guard", RULE)
    with pytest.raises(NothingToJudge, match="no test"):
        run_tests([tmp_path / "bare"], tmp_path)
    with pytest.raises(UsageError):
        run_tests([tmp_path / "missing"], tmp_path)

"""Values against their declarations, and the Rules section."""

from __future__ import annotations

from typing import Any

import pytest

from stackproof.model import Outcome

TOPIC = "Resources:\n  T: {Type: 'AWS::SNS::Topic'}\n"


@pytest.mark.parametrize(
    ("declaration", "given", "rule"),
    [
        ("Type: Number", "12", ""),
        ("Type: Number", "twelve", "SP-PARAM-TYPE"),
        ("Type: List<Number>", "1, 2,3", ""),
        ("Type: List<Number>", "1,b", "SP-PARAM-TYPE"),
        ("{Type: Number, MinValue: 2, MaxValue: 5}", "5", ""),
        ("{Type: Number, MinValue: 2, MaxValue: 5}", "5.5", "SP-PARAM-RANGE"),
        ("{Type: Number, MinValue: 2}", "1", "SP-PARAM-RANGE"),
        ("{Type: String, MinLength: 3}", "ab", "SP-PARAM-LENGTH"),
        ("{Type: String, MaxLength: 3}", "abcd", "SP-PARAM-LENGTH"),
        ("{Type: String, AllowedValues: [a, b]}", "c", "SP-PARAM-ALLOWED-VALUES"),
        ("{Type: Number, AllowedValues: [1, 2]}", "2", ""),
        ("{Type: CommaDelimitedList, AllowedValues: [a, b]}", "a,c", "SP-PARAM-ALLOWED-VALUES"),
        ("{Type: String, AllowedPattern: '[a-z]+'}", "abc", ""),
        ("{Type: String, AllowedPattern: '[a-z]+'}", "abc1", "SP-PARAM-PATTERN"),
        ("{Type: String, AllowedPattern: '\\p{L}++'}", "Grüße", ""),
        ("{Type: String, AllowedPattern: '\\p{L}++'}", "a1", "SP-PARAM-PATTERN"),
        ("Type: AWS::EC2::VPC::Id", "vpc-0123456789abcdef0", ""),
        ("Type: AWS::EC2::VPC::Id", "subnet-0123456789abcdef0", "SP-PARAM-TYPE"),
        ("Type: List<AWS::EC2::Subnet::Id>", "subnet-01234567,subnet-x", "SP-PARAM-TYPE"),
        ("Type: AWS::SSM::Parameter::Value<String>", "/a/b", ""),
        ("Type: AWS::SSM::Parameter::Value<String>", "a b", "SP-PARAM-TYPE"),
    ],
)
def test_a_value_is_held_against_its_declaration(
    resolved: Any, declaration: str, given: str, rule: str
) -> None:
    declaration = declaration if declaration.startswith("{") else f"{{{declaration!s}}}"
    text = f"Parameters:\n  P: {declaration}\n{TOPIC}"
    found = resolved(text, {"P": given}).findings
    assert [finding.rule for finding in found] == ([rule] if rule else [])
    for finding in found:
        assert (finding.location.file, finding.location.line) == ("config/test.json", 3)
        assert [related.location.line for related in finding.related] == [2]


@pytest.mark.parametrize("pattern", ["(x|xx)+[^x]", "[a-"])
def test_a_pattern_that_cannot_be_applied_is_said(resolved: Any, pattern: str) -> None:
    text = f"Parameters:\n  P: {{Type: String, AllowedPattern: '{pattern}'}}\n{TOPIC}"
    (finding,) = resolved(text, {"P": "x" * 99}).findings
    assert (finding.rule, finding.outcome) == ("SP-PARAM-PATTERN", Outcome.UNDECIDED)


def test_a_secret_is_not_quoted(resolved: Any) -> None:
    text = f"Parameters:\n  P: {{Type: String, NoEcho: true, MinLength: 9}}\n{TOPIC}"
    (finding,) = resolved(text, {"P": "hunter2"}).findings
    assert "hunter2" not in repr(finding)


def test_a_missing_value_is_refused_only_where_there_is_a_configuration(resolved: Any) -> None:
    text = f"Parameters:\n  P: {{Type: String}}\n{TOPIC}"
    assert [f.rule for f in resolved(text, name="prod", environment="prod").findings] == ["SP-PARAM-MISSING"]
    assert resolved(text).findings == ()


RULES = """
Parameters:
  Env: {Type: String, Default: prod}
  Size: {Type: String, Default: small}
  Zones: {Type: CommaDelimitedList, Default: "a,b"}
Rules:
  Check:
    RuleCondition: !Equals [!Ref Env, prod]
    Assertions:
      - Assert: ASSERT
        AssertDescription: production is large
Resources:
  T: {Type: "AWS::SNS::Topic"}
"""


@pytest.mark.parametrize(
    ("assertion", "holds"),
    [
        ("{'Fn::Contains': [[large, huge], !Ref Size]}", False),
        ("{'Fn::Contains': [[large, small], !Ref Size]}", True),
        ("{'Fn::EachMemberIn': [!Ref Zones, [a, b, c]]}", True),
        ("{'Fn::EachMemberIn': [!Ref Zones, [a]]}", False),
        ("{'Fn::EachMemberEquals': [!Ref Zones, a]}", False),
        ("!Not [!Equals [!Ref Size, large]]", True),
        ("!And [!Equals [!Ref Size, small], !Equals [!Ref Env, prod]]", True),
        ("!Or [!Equals [!Ref Size, x], !Equals [!Ref Env, y]]", False),
    ],
)
def test_an_assertion_is_evaluated(resolved: Any, assertion: str, holds: bool) -> None:
    found = resolved(RULES.replace("ASSERT", assertion, 1)).findings
    assert [finding.rule for finding in found] == ([] if holds else ["SP-RULES-ASSERTION"])
    for finding in found:
        assert "production is large" in finding.message
        assert finding.outcome is Outcome.FAIL


def test_a_rule_whose_condition_is_false_says_nothing(resolved: Any) -> None:
    text = RULES.replace("ASSERT", "!Equals [a, b]", 1)
    assert resolved(text, {"Env": "dev"}).findings == ()


def test_an_assertion_over_a_missing_value_is_undecided(resolved: Any) -> None:
    text = RULES.replace("Size: {Type: String, Default: small}", "Size: {Type: String}")
    found = resolved(text.replace("ASSERT", "{'Fn::Contains': [[large], !Ref Size]}", 1)).findings
    assert [finding.outcome for finding in found] == [Outcome.UNDECIDED]


def test_what_only_the_account_knows_is_a_note(resolved: Any) -> None:
    assertion = "{'Fn::EachMemberIn': [{'Fn::RefAll': 'AWS::EC2::VPC::Id'}, [a]]}"
    found = resolved(RULES.replace("ASSERT", assertion, 1)).findings
    assert [finding.outcome for finding in found] == [Outcome.NOTE]


def test_a_rule_whose_condition_is_unknown_is_undecided(resolved: Any) -> None:
    text = RULES.replace("Env: {Type: String, Default: prod}", "Env: {Type: String}")
    found = resolved(text.replace("ASSERT", "!Equals [!Ref Size, large]", 1)).findings
    assert [finding.outcome for finding in found] == [Outcome.UNDECIDED]

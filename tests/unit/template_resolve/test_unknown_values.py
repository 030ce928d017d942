"""What cannot be known stays unknown, and says as much as is certain."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from stackproof.template.model import ABSENT, Unknown

Value = Callable[..., Any]

HEAD = """
Parameters:
  Free: {Type: String}
  Word: {Type: String, AllowedPattern: "^[a-z]{3}$"}
  Env: {Type: String, AllowedValues: [dev, prod]}
  Store: {Type: "AWS::SSM::Parameter::Value<String>", Default: /a/b}
  Secret: {Type: String, NoEcho: true, Default: hunter2}
  Vpc: {Type: "AWS::EC2::VPC::Id"}
  Subnets: {Type: "List<AWS::EC2::Subnet::Id>"}
Conditions:
  IsProd: !Equals [!Ref Env, prod]
  IsDev: !Equals [!Ref Env, dev]
  HasFree: !Not [!Equals [!Ref Free, ""]]
  HasSecret: !Not [!Equals [!Ref Secret, ""]]
  IsHunter: !Equals [!Ref Secret, hunter2]
Resources:
  Queue: {Type: "AWS::SQS::Queue", Properties: {QueueName: named}}
  Bucket: {Type: "AWS::S3::Bucket"}
  Role: {Type: "AWS::IAM::Role", Properties: {Path: /team/}}
  Net: {Type: "AWS::EC2::VPC"}
"""


def fits(unknown: object, text: str) -> bool:
    assert isinstance(unknown, Unknown)
    return re.fullmatch(unknown.pattern, text, re.DOTALL) is not None


@pytest.mark.parametrize(
    ("expression", "yes", "no"),
    [
        (
            "!GetAtt Queue.Arn",
            "arn:aws:sqs:eu-west-1:111122223333:named",
            "arn:aws:sqs:eu-west-1:111122223333:x",
        ),
        ("!GetAtt Bucket.Arn", "arn:aws-cn:s3:::anything", "arn:aws:sqs:::anything"),
        ("!GetAtt Role.Arn", "arn:aws:iam::111122223333:role/team/x", "arn:aws:iam::111122223333:role/x"),
        ("!Ref Net", "vpc-0123456789abcdef0", "subnet-0123456789abcdef0"),
        ("!Ref Vpc", "vpc-01234567", "vpc-x"),
        ("!Ref Word", "abc", "abcd"),
        ("!Sub '${Bucket.Arn}/*'", "arn:aws:s3:::b/*", "arn:aws:s3:::b"),
        ("!Join ['-', [a, !Ref Word]]", "a-abc", "b-abc"),
        ("!Ref AWS::AccountId", "123456789012", "12345"),
    ],
)
def test_a_pattern_is_as_narrow_as_can_be_known(value: Value, expression: str, yes: str, no: str) -> None:
    found = value(expression, HEAD)
    assert fits(found, yes)
    assert not fits(found, no)


@pytest.mark.parametrize(
    ("expression", "generated"),
    [("!Ref Bucket", True), ("!GetAtt Bucket.Arn", True), ("!GetAtt Queue.Arn", False), ("!Ref Free", False)],
)
def test_only_what_aws_chooses_is_generated(value: Value, expression: str, generated: bool) -> None:
    assert value(expression, HEAD).generated is generated


def test_account_and_region_narrow_an_arn(value: Value) -> None:
    found = value("!GetAtt Bucket.Arn", HEAD, region="cn-north-1")
    assert fits(found, "arn:aws-cn:s3:::x")
    assert not fits(found, "arn:aws:s3:::x")


def test_an_expression_keeps_what_is_known(value: Value) -> None:
    assert value("!Sub '${Bucket}-${AWS::Region}'", HEAD, region="eu-west-1").expression == {
        "Fn::Sub": "${Bucket}-eu-west-1"
    }


def test_allowed_values_are_the_only_ones(value: Value) -> None:
    assert value("!Ref Env", HEAD).values == ("dev", "prod")
    assert value("!Sub 'x-${Env}'", HEAD).values == ("x-dev", "x-prod")


def test_what_hangs_on_one_parameter_twice_is_not_multiplied(value: Value) -> None:
    assert value("!Sub '${Env}-${Env}'", HEAD).values == ()


@pytest.mark.parametrize(
    ("name", "empty"), [("Free", True), ("Word", False), ("Env", False), ("Vpc", False), ("Store", False)]
)
def test_emptiness_follows_the_declaration(value: Value, name: str, empty: bool) -> None:
    assert value(f"!Ref {name}", HEAD).may_be_empty is empty


def test_a_secret_never_reaches_the_tree_but_decides_conditions(resolved: Any) -> None:
    result = resolved(HEAD + "Outputs: {Out: {Value: !Sub 'x-${Secret}'}}\n")
    assert result.conditions["HasSecret"] is True
    assert result.conditions["IsHunter"] is True
    assert "hunter2" not in repr(result.tree["Outputs"])
    assert result.outputs["Out"].expression == {"Fn::Sub": "x-${Secret}"}


def test_a_dynamic_reference_is_unknown_as_written(value: Value) -> None:
    found = value("'{{resolve:secretsmanager:db:SecretString:password}}'", HEAD)
    assert found.expression == "{{resolve:secretsmanager:db:SecretString:password}}"
    assert isinstance(value("!Sub '{{resolve:ssm:/${Word}/x}}'", HEAD), Unknown)


def test_an_unknown_condition_is_a_choice(value: Value) -> None:
    found = value("!If [IsProd, a, !Ref 'AWS::NoValue']", HEAD)
    assert (found.condition, found.then, found.otherwise) == ("IsProd", "a", ABSENT)


def test_a_choice_inside_a_text_lifts_out(value: Value) -> None:
    found = value("!Join ['-', [x, !If [IsProd, a, b]]]", HEAD)
    assert (found.then, found.otherwise) == ("x-a", "x-b")


def test_branches_with_the_same_value_are_no_choice(value: Value) -> None:
    assert value("!If [IsProd, a, a]", HEAD) == "a"


def test_a_branch_knows_what_its_condition_says(value: Value) -> None:
    inside = value("!If [IsProd, !If [IsProd, a, b], !If [IsProd, c, d]]", HEAD)
    assert (inside.then, inside.otherwise) == ("a", "d")
    other = value("!If [IsProd, !If [IsDev, wrong, right], x]", HEAD)
    assert other.then == "right"
    parameter = value("!If [IsProd, !Ref Env, x]", HEAD)
    assert parameter.then == "prod"
    left = value("!If [IsProd, x, !Ref Env]", HEAD)
    assert left.otherwise == "dev"
    filled = value("!If [HasFree, !Ref Free, x]", HEAD)
    assert filled.then.may_be_empty is False


def test_a_resource_under_an_unknown_condition_is_seen_as_if_it_held(resolved: Any) -> None:
    result = resolved(
        HEAD
        + "  T: {Type: 'AWS::SNS::Topic', Condition: IsProd, Properties: {TopicName: !If [IsProd, a, b]}}\n"
    )
    assert result.conditional == {"T": "IsProd"}
    assert result.tree["Resources"]["T"] == {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "a"}}


def test_a_mapping_with_an_unknown_key_is_one_of_its_values(value: Value) -> None:
    head = HEAD + "Mappings: {M: {dev: {n: small}, prod: {n: large}, test: {n: other}}}\n"
    assert value("!FindInMap [M, !Ref Env, n]", head).values == ("small", "large")


def test_zones_are_unknown_but_named_after_their_region(value: Value) -> None:
    found = value("!GetAZs ''", HEAD, region="eu-west-1")
    assert found.kind == "list"
    assert fits(found, "eu-west-1b")
    one = value("!Select [0, !GetAZs eu-west-1]", HEAD)
    assert one.kind == "string"
    assert not fits(one, "us-east-1a")


def test_unknown_blocks_have_a_known_count(value: Value) -> None:
    found = value("!Cidr [!Ref Free, 3, 8]", HEAD)
    assert [isinstance(item, Unknown) for item in found] == [True] * 3


def test_a_choice_with_many_conditions_ends(value: Value) -> None:
    parameters = "".join(f"  P{i}: {{Type: String}}\n" for i in range(9))
    conditions = "".join(f"  C{i}: !Equals [!Ref P{i}, x]\n" for i in range(9))
    parts = ", ".join(f"!If [C{i}, a{i}, b{i}]" for i in range(9))
    head = f"\nParameters:\n{parameters}Conditions:\n{conditions}"
    assert isinstance(value(f"!Join ['', [{parts}]]", head), Unknown)

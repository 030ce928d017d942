"""Intrinsic functions over known values, and their faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stackproof.template.model import Unknown

HEAD = """
Parameters:
  Name: {Type: String, Default: orders}
  Size: {Type: Number, Default: "20"}
  Odd: {Type: Number, Default: "007"}
  Zones: {Type: CommaDelimitedList, Default: "a, b,c"}
  Block: {Type: String, Default: 10.0.0.0/16}
Mappings:
  Sizes:
    eu-west-1: {small: t3.small, list: [x, y]}
Conditions:
  IsOrders: !Equals [!Ref Name, orders]
  NotOrders: !Not [!Condition IsOrders]
Resources:
  Queue: {Type: "AWS::SQS::Queue", Properties: {QueueName: named}}
  Group: {Type: "AWS::Logs::LogGroup", Properties: {LogGroupName: /Team/A}}
  Base: {Type: "AWS::RDS::DBInstance", Properties: {DBInstanceIdentifier: Orders}}
"""


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("!Ref Name", "orders"),
        ("!Ref Size", 20),
        ("!Ref Odd", "007"),
        ("!Ref Zones", ["a", "b", "c"]),
        ("!Sub '${Name}-${Size}-${!Literal}'", "orders-20-${Literal}"),
        ("!Sub ['${A}/${Name}', {A: !Ref Size}]", "20/orders"),
        ("!Join ['-', [!Ref Name, x, !Ref 'AWS::NoValue']]", "orders-x"),
        ("!Join [',', !Ref Zones]", "a,b,c"),
        ("!Select [1, !Ref Zones]", "b"),
        ("!Select ['2', !Split ['/', a/b/c]]", "c"),
        ("!If [IsOrders, yes-it-is, no]", "yes-it-is"),
        ("!If [NotOrders, a, b]", "b"),
        ("!FindInMap [Sizes, !Ref 'AWS::Region', small]", "t3.small"),
        ("!FindInMap [Sizes, !Ref 'AWS::Region', list]", ["x", "y"]),
        ("!FindInMap [Sizes, elsewhere, small, {DefaultValue: !Ref Name}]", "orders"),
        ("!Cidr [!Ref Block, 2, 8]", ["10.0.0.0/24", "10.0.1.0/24"]),
        ("!Select [1, !Cidr [10.0.0.0/24, 4, 4]]", "10.0.0.16/28"),
        ("!Base64 hello", "aGVsbG8="),
        ("!GetAtt Queue.Arn", "arn:aws:sqs:eu-west-1:111122223333:named"),
        ("!Ref Queue", "https://sqs.eu-west-1.amazonaws.com/111122223333/named"),
        ("!GetAtt Queue.QueueName", "named"),
        ("!Ref Group", "/Team/A"),
        ("!Ref Base", "orders"),
        ("!Sub 'arn:${AWS::Partition}:s3:::${Name}.${AWS::URLSuffix}'", "arn:aws:s3:::orders.amazonaws.com"),
        ("{'Fn::Length': !Ref Zones}", 3),
        ("{'Fn::ToJsonString': {a: !Ref Size, b: [!Ref Name]}}", '{"a":20,"b":["orders"]}'),
    ],
)
def test_everything_known_becomes_a_value(
    value: Callable[..., Any], expression: str, expected: object
) -> None:
    assert value(expression, HEAD, region="eu-west-1", account="111122223333") == expected


@pytest.mark.parametrize(
    ("expression", "rule"),
    [
        ("!Ref Nothing", "SP-RESOLVE-REF"),
        ("!Sub '${Nothing}'", "SP-RESOLVE-REF"),
        ("!GetAtt Nothing.Arn", "SP-RESOLVE-GETATT"),
        ("!If [Nothing, a, b]", "SP-RESOLVE-CONDITION"),
        ("!FindInMap [Sizes, elsewhere, small]", "SP-RESOLVE-MAPPING"),
        ("!FindInMap [Nothing, a, b]", "SP-RESOLVE-MAPPING"),
        ("!Select [3, !Ref Zones]", "SP-RESOLVE-SELECT"),
        ("!Select [x, !Ref Zones]", "SP-RESOLVE-SHAPE"),
        ("!Join [x]", "SP-RESOLVE-SHAPE"),
        ("!Sub {a: b}", "SP-RESOLVE-SHAPE"),
        ("!Sub '${Zones}'", "SP-RESOLVE-SHAPE"),
        ("!If [IsOrders, a]", "SP-RESOLVE-SHAPE"),
        ("!Cidr [10.0.0.0/28, 4, 8]", "SP-RESOLVE-CIDR"),
        ("{'Fn::Nonsense': 1}", "SP-RESOLVE-FUNCTION"),
    ],
)
def test_a_fault_is_a_finding_at_its_line_and_unknown(resolved: Any, expression: str, rule: str) -> None:
    text = HEAD + "Outputs:\n  Out:\n    Value: " + expression + "\n"
    result = resolved(text)
    assert [finding.rule for finding in result.findings] == [rule]
    assert result.findings[0].location.line == text.rstrip().count("\n") + 1
    assert isinstance(result.outputs["Out"], Unknown)


@pytest.mark.parametrize("name", ["ModuleBucket", "Module.Bucket"])
def test_what_a_module_holds_is_unknown_and_no_fault(resolved: Any, name: str) -> None:
    result = resolved(
        f"""
        Resources:
          Module: {{Type: "Acme::Storage::Bucket::MODULE"}}
          Topic: {{Type: "AWS::SNS::Topic", DependsOn: {name}}}
        Outputs:
          Name: {{Value: !Ref {name}}}
          Arn: {{Value: !GetAtt [{name}, Arn]}}
          Text: {{Value: !Sub "x-${{{name}}}"}}
          Mod: {{Value: !Ref Modul}}
        """
    )
    assert [(one.rule, one.path) for one in result.findings] == [
        ("SP-RESOLVE-REF", ("Outputs", "Mod", "Value", "Ref"))
    ]
    assert all(isinstance(result.outputs[one], Unknown) for one in ("Name", "Arn", "Text"))


def test_a_circle_of_references_is_named_and_ends(resolved: Any) -> None:
    result = resolved(
        """
        Resources:
          A: {Type: "AWS::SQS::Queue", Properties: {QueueName: !Ref B}}
          B: {Type: "AWS::SQS::Queue", Properties: {QueueName: !GetAtt A.QueueName}}
        """
    )
    assert [finding.rule for finding in result.findings] == ["SP-RESOLVE-CYCLE"]
    assert "A" in result.findings[0].message
    assert "B" in result.findings[0].message
    assert result.findings[0].location.line in {3, 4}
    assert result.findings[0].related[0].location.line in {3, 4}


def test_a_circle_of_conditions_is_named_and_ends(resolved: Any) -> None:
    result = resolved(
        """
        Conditions:
          A: !Not [!Condition B]
          B: !Not [!Condition A]
        Resources:
          T: {Type: "AWS::SNS::Topic", Condition: A}
        """
    )
    assert "SP-RESOLVE-CYCLE" in [finding.rule for finding in result.findings]
    assert result.conditions == {"A": None, "B": None}


def test_no_value_takes_keys_and_items_away(resolved: Any) -> None:
    result = resolved(
        """
        Conditions: {Never: !Equals [a, b]}
        Resources:
          T:
            Type: AWS::SNS::Topic
            Properties:
              TopicName: !Ref AWS::NoValue
              DisplayName: kept
              Subscription:
                - !If [Never, {Protocol: sqs}, !Ref "AWS::NoValue"]
                - Protocol: lambda
        """
    )
    properties = result.tree["Resources"]["T"]["Properties"]
    assert properties == {"DisplayName": "kept", "Subscription": [{"Protocol": "lambda"}]}
    assert result.locate(("Resources", "T", "Properties", "Subscription", 0, "Protocol")).line == 11


def test_a_resource_with_a_false_condition_is_gone_and_what_needs_it_is_told(resolved: Any) -> None:
    result = resolved(
        """
        Conditions: {Never: !Equals [a, b]}
        Resources:
          Gone: {Type: "AWS::SNS::Topic", Condition: Never}
          Kept: {Type: "AWS::SQS::Queue", DependsOn: [Gone], Properties: {QueueName: !Ref Gone}}
        """
    )
    assert list(result.tree["Resources"]) == ["Kept"]
    assert "DependsOn" not in result.tree["Resources"]["Kept"]
    assert [finding.rule for finding in result.findings] == ["SP-RESOLVE-REMOVED"]
    assert result.findings[0].location.line == 5


def test_a_dependency_on_nothing_is_a_finding(resolved: Any) -> None:
    result = resolved("Resources:\n  A: {Type: 'AWS::SNS::Topic', DependsOn: Nothing}\n")
    assert [finding.rule for finding in result.findings] == ["SP-RESOLVE-DEPENDSON"]

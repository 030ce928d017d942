"""Unknown conditions are decided in every way that can be, and in no other."""

from __future__ import annotations

from collections.abc import Callable

from stackproof.checks.resources.worlds import worlds
from stackproof.model import Finding, Outcome
from stackproof.template.model import Resolved

CONDITIONS = """
Parameters: {Env: {Type: String}}
Conditions:
  Prod: !Equals [!Ref Env, prod]
  Test: !Equals [!Ref Env, test]
  NotProd: !Not [!Condition Prod]
  Either: !Or [!Condition Prod, !Condition Test]
"""


def test_a_template_without_unknown_conditions_is_one_world(resolved: Callable[..., Resolved]) -> None:
    (world,) = worlds(resolved("Resources: {Topic: {Type: AWS::SNS::Topic}}"))
    assert not world.sides


def test_conditions_never_contradict_each_other(resolved: Callable[..., Resolved]) -> None:
    resources = "\n".join(
        f"  {name}Topic: {{Type: AWS::SNS::Topic, Condition: {name}}}"
        for name in ("Prod", "Test", "NotProd", "Either")
    )
    found = worlds(resolved(f"{CONDITIONS}Resources:\n{resources}\n"))
    rows = {tuple(world.sides[name] for name in ("Prod", "Test", "NotProd", "Either")) for world in found}
    assert rows == {(True, False, False, True), (False, True, True, True), (False, False, True, False)}
    for world in found:
        names = {f"{name}Topic" for name, side in world.sides.items() if side}
        assert set(world.tree["Resources"]) == names


def test_many_conditions_are_bounded(resolved: Callable[..., Resolved]) -> None:
    count = 12
    parameters = ", ".join(f"P{number}: {{Type: String}}" for number in range(count))
    conditions = "\n".join(f"  C{number}: !Equals [!Ref P{number}, x]" for number in range(count))
    resources = "\n".join(
        f"  T{number}: {{Type: AWS::SNS::Topic, Condition: C{number}}}" for number in range(count)
    )
    text = f"Parameters: {{{parameters}}}\nConditions:\n{conditions}\nResources:\n{resources}\n"
    found = worlds(resolved(text))
    assert len(found) == 2 * count + 2
    for number in range(count):
        assert {world.sides[f"C{number}"] for world in found} == {True, False}


URL = """
Resources:
  Function: {Type: AWS::Lambda::Function}
  Url: {Type: AWS::Lambda::Url, %sProperties: {TargetFunctionArn: !GetAtt Function.Arn, AuthType: %s}}
"""


def test_a_fault_that_hangs_on_a_condition_is_undecided_and_names_it(
    judge: Callable[..., list[Finding]],
) -> None:
    (finding,) = judge(CONDITIONS + URL % ("", "!If [NotProd, NONE, AWS_IAM]"), "FUNCTION-URL")
    assert finding.outcome is Outcome.UNDECIDED
    assert "NotProd" in finding.evidence["unknown"]


def test_a_fault_on_both_sides_of_a_condition_is_a_fault(judge: Callable[..., list[Finding]]) -> None:
    (finding,) = judge(CONDITIONS + URL % ("", "!If [Prod, NONE, NONE]"), "FUNCTION-URL")
    assert finding.outcome is Outcome.FAIL


def test_a_faulty_resource_that_may_not_exist_is_undecided(judge: Callable[..., list[Finding]]) -> None:
    (finding,) = judge(CONDITIONS + URL % ("Condition: Prod, ", "NONE"), "FUNCTION-URL")
    assert finding.outcome is Outcome.UNDECIDED
    assert "Prod" in finding.evidence["unknown"]


def test_findings_name_the_resources_that_take_part(judge: Callable[..., list[Finding]]) -> None:
    (finding,) = judge(URL % ("", "NONE"), "FUNCTION-URL")
    assert finding.logical_id == "Url"
    assert [(item.message, item.location.line) for item in finding.related] == [("Function", 3)]


NAMED = """
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: orders}}
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: orders}}
  Subscription:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref Topic, Protocol: sqs, Endpoint: !GetAtt Queue.Arn}
  Policy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Queue]
      PolicyDocument:
        Statement:
          - Effect: Allow
            Principal: {Service: sns.amazonaws.com}
            Action: sqs:SendMessage
            Resource: !GetAtt Queue.Arn
            Condition: {ArnEquals: {"aws:SourceArn": "arn:aws:sns:eu-west-1:111122223333:%s"}}
"""


def test_names_that_are_known_stand_for_their_resources(judge: Callable[..., list[Finding]]) -> None:
    where = {"region": "eu-west-1", "account": "111122223333"}
    assert judge(NAMED % "orders", "SNS-SQS", **where) == []
    (finding,) = judge(NAMED % "others", "SNS-SQS", **where)
    assert finding.outcome is Outcome.FAIL


SAM = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Queue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 30}}
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: app.handler
      CodeUri: s3://bucket/key
      Timeout: 10
      Events:
        Orders: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn}}
"""


def test_what_sam_expands_is_judged_at_the_line_that_made_it(judge: Callable[..., list[Finding]]) -> None:
    (finding,) = judge(SAM, "VISIBILITY")
    assert finding.location.line == 4
    assert {item.message for item in finding.related} >= {"Function"}

"""Custom resources: the provider runs and answers; what it says is what the stack does."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import pytest

from stackproof.errors import DeploymentFailed

ROLE: dict[str, Any] = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
    },
}
HEADER = """
import json, os, urllib.request
import cfnresponse

def record(event):
    print("REQUEST " + json.dumps({name: event.get(name) for name in
        ("RequestType", "PhysicalResourceId", "ResourceProperties", "OldResourceProperties")}))
"""
NAMED = """
def handler(event, context):
    record(event)
    name = event["ResourceProperties"]["Name"]
    if name == "wrong":
        cfnresponse.send(event, context, cfnresponse.FAILED, {}, reason="this name is taken")
        return
    cfnresponse.send(event, context, cfnresponse.SUCCESS, {"Upper": name.upper(), "Size": len(name)}, name)
"""
SILENT = """
def handler(event, context):
    record(event)
    if event["RequestType"] == "Delete":
        cfnresponse.send(event, context, cfnresponse.SUCCESS, {})
"""
BY_HAND = """
def handler(event, context):
    answer = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"Status": "SUCCESS", "PhysicalResourceId": "by-hand", "Data": {"Upper": "URLLIB", "Size": "6"}}
    body = json.dumps(answer).encode()
    request = urllib.request.Request(event["ResponseURL"], data=body, method="PUT",
                                     headers={"Content-Type": "", "Content-Length": str(len(body))})
    urllib.request.urlopen(request)
"""


def template(code: str, name: str = "first", **more: Any) -> dict[str, Any]:
    provider = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.12",
            "Handler": "index.handler",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Code": {"ZipFile": textwrap.dedent(HEADER + code)},
        },
    }
    token = {"Fn::GetAtt": ["Provider", "Arn"]}
    return {
        "Resources": {
            "Role": ROLE,
            "Provider": provider,
            "Queue": {"Type": "AWS::SQS::Queue"},
            "It": {
                "Type": "Custom::Name",
                "DependsOn": "Queue",
                "Properties": {
                    "ServiceToken": token,
                    "Name": name,
                    "Count": 3,
                    "Deep": {"Yes": True},
                    **more,
                },
            },
        },
        "Outputs": {
            "Ref": {"Value": {"Ref": "It"}},
            "Upper": {"Value": {"Fn::GetAtt": ["It", "Upper"]}},
            "Size": {"Value": {"Fn::Sub": "${It.Size} letters"}},
        },
    }


@pytest.fixture
def requests(aws: Any) -> Any:
    """``requests()``: what providers were asked, in order."""

    def all_of_them() -> list[dict[str, Any]]:
        groups = [group["logGroupName"] for group in aws.logs.describe_log_groups()["logGroups"]]
        events = [one for name in groups for one in aws.logs.filter_log_events(logGroupName=name)["events"]]
        found = [one["message"] for one in events if one["message"].startswith("REQUEST ")]
        return [json.loads(message.removeprefix("REQUEST ")) for message in found]

    return all_of_them


def test_the_provider_makes_the_resource_and_its_answer_is_seen(stack: Any, requests: Any) -> None:
    made = stack(template(NAMED), name="custom")
    assert made.outputs == {"Ref": "first", "Upper": "FIRST", "Size": "5 letters"}
    (request,) = requests()
    assert request["RequestType"] == "Create"
    properties = request["ResourceProperties"]
    assert (properties["Name"], properties["Count"], properties["Deep"]) == ("first", "3", {"Yes": "true"})
    assert made["It"].verdict.level == "emulated"


def test_a_provider_that_answers_by_hand(stack: Any) -> None:
    assert stack(template(BY_HAND), name="custom").outputs["Upper"] == "URLLIB"


def test_an_update_that_changes_the_id_deletes_the_old_resource_at_the_end(stack: Any, requests: Any) -> None:
    made = stack(template(NAMED), name="custom")
    made.update(template(NAMED, "second"))
    assert made.outputs["Ref"] == "second"
    kinds = [(one["RequestType"], one["PhysicalResourceId"]) for one in requests()]
    assert kinds == [("Create", None), ("Update", "first"), ("Delete", "first")]
    update = requests()[1]
    assert update["OldResourceProperties"]["Name"] == "first"
    made.delete()
    assert (requests()[-1]["RequestType"], requests()[-1]["PhysicalResourceId"]) == ("Delete", "second")


def test_an_update_that_keeps_the_id_deletes_nothing(stack: Any, requests: Any) -> None:
    made = stack(template(NAMED), name="custom")
    made.update(template(NAMED, Count=4))
    assert [one["RequestType"] for one in requests()] == ["Create", "Update"]


def test_a_failure_rolls_the_stack_back_with_the_providers_reason(
    stack: Any, aws: Any, requests: Any
) -> None:
    with pytest.raises(DeploymentFailed) as caught:
        stack(template(NAMED, "wrong"), name="custom")
    assert "this name is taken" in str(caught.value)
    assert caught.value.logical_id == "It"
    assert aws.sqs.list_queues().get("QueueUrls", []) == []
    assert [one["RequestType"] for one in requests()] == ["Create", "Delete"]


def test_a_failed_update_leaves_the_stack_as_it_was(stack: Any, requests: Any) -> None:
    made = stack(template(NAMED), name="custom")
    with pytest.raises(DeploymentFailed, match="this name is taken"):
        made.update(template(NAMED, "wrong"))
    assert made.outputs["Ref"] == "first"
    names = [(one["RequestType"], one["ResourceProperties"]["Name"]) for one in requests()]
    assert names == [("Create", "first"), ("Update", "wrong"), ("Update", "first")]


@pytest.mark.parametrize(("given", "seconds"), [(None, 3600), (90, 90)])
def test_a_provider_that_never_answers_is_waited_for(
    given: Any, seconds: int, stack: Any, fabric: Any
) -> None:
    before = fabric.world.clock.elapsed
    more = {} if given is None else {"ServiceTimeout": given}
    with pytest.raises(DeploymentFailed, match="did not receive a response"):
        stack(template(SILENT, **more), name="custom")
    assert seconds <= fabric.world.clock.elapsed - before < seconds + 60


def test_a_topic_can_be_the_token(stack: Any) -> None:
    wanted = template(
        "def handler(event, context):\n"
        '    request = json.loads(event["Records"][0]["Sns"]["Message"])\n'
        '    cfnresponse.send(request, context, cfnresponse.SUCCESS, {"Upper": "TOPIC", "Size": 5}, "it")\n'
    )
    resources = wanted["Resources"]
    resources["Topic"] = {"Type": "AWS::SNS::Topic"}
    resources["Subscription"] = {
        "Type": "AWS::SNS::Subscription",
        "Properties": {
            "TopicArn": {"Ref": "Topic"},
            "Protocol": "lambda",
            "Endpoint": {"Fn::GetAtt": ["Provider", "Arn"]},
        },
    }
    resources["Permission"] = {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "FunctionName": {"Ref": "Provider"},
            "Action": "lambda:InvokeFunction",
            "Principal": "sns.amazonaws.com",
            "SourceArn": {"Ref": "Topic"},
        },
    }
    resources["It"]["DependsOn"] = ["Subscription", "Permission"]
    resources["It"]["Properties"]["ServiceToken"] = {"Ref": "Topic"}
    assert stack(wanted, name="custom").outputs["Upper"] == "TOPIC"


def test_the_service_token_cannot_be_changed(stack: Any) -> None:
    made = stack(template(NAMED), name="custom")
    other = template(NAMED)
    other["Resources"]["Other"] = other["Resources"]["Provider"]
    other["Resources"]["It"]["Properties"]["ServiceToken"] = {"Fn::GetAtt": ["Other", "Arn"]}
    with pytest.raises(DeploymentFailed, match="service token"):
        made.update(other)


def test_only_inline_code_gets_the_module(stack: Any, tmp_path: Any) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "index.py").write_text(HEADER + NAMED)
    wanted = template(NAMED, ServiceTimeout=60)
    wanted["Resources"]["Provider"]["Properties"]["Code"] = str(folder)
    with pytest.raises(DeploymentFailed, match="did not receive a response"):
        stack(wanted, name="custom")

"""What CloudFormation does besides a first deployment: updates, nested stacks, rollbacks."""

from __future__ import annotations

from typing import Any

import pytest

from stackproof.errors import DeploymentFailed

FAMILY = "stacks/family/template.yaml"


def _delay(aws: Any, made: Any) -> str:
    url = made.queue("Queue")
    found = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])
    return str(found["Attributes"]["DelaySeconds"])


@pytest.mark.capability("nested-stacks")
def test_a_child_stands_and_its_outputs_are_its_parents(stack: Any, fabric: Any, aws: Any) -> None:
    made = stack(FAMILY, require="emulated")
    child = made.nested("Child")
    found = aws.ssm.get_parameter(Name=made["Named"].physical_id)
    assert found["Parameter"]["Value"] == child.queue("Queue")
    made.delete()
    assert aws.sqs.list_queues().get("QueueUrls", []) == []


@pytest.mark.capability("stack-updates")
def test_an_update_changes_what_differs_and_keeps_the_rest(stack: Any, fabric: Any, aws: Any) -> None:
    made = stack(FAMILY)
    before = made.nested("Child").queue("Queue")
    made.update(parameters={"Delay": 9})
    assert _delay(aws, made.nested("Child")) == "9"
    assert made.nested("Child").queue("Queue") == before


def _tree(delay: int, **more: Any) -> dict[str, Any]:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": delay}}
    return {"Resources": {"Queue": queue, **more}}


@pytest.mark.capability("stack-updates")
def test_an_update_that_is_refused_is_rolled_back(stack: Any, fabric: Any, aws: Any) -> None:
    key: dict[str, Any] = {
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
        "TableName": "taken",
    }
    aws.dynamodb.create_table(**key)
    table = {"Type": "AWS::DynamoDB::Table", "DependsOn": "Queue", "Properties": key}
    made = stack(_tree(3))
    with pytest.raises(DeploymentFailed, match="taken"):
        made.update(_tree(9, Table=table))
    assert made.status == "UPDATE_ROLLBACK_COMPLETE"
    assert _delay(aws, made) == "3"

"""hil-rigs: the link is as large as the post's formulas ask; a rig that drops out gives its drive back."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stackproof.hosts.sizing import RigNeed, RigPlan, RigSite
from stackproof.hosts.units import Bandwidth, DataSize

SYSTEM = "templates/hil-rigs"
TWO_WEEKS = timedelta(weeks=2)


@pytest.fixture
def system(stack: Any, aws: Any) -> Any:
    ec2, ssm = aws("ec2"), aws("ssm")
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.1.0/24")["Subnet"]["SubnetId"]
    ssm.put_parameter(Name="/network/prod/vpc-id", Type="String", Value=vpc)
    ssm.put_parameter(Name="/network/prod/private-subnet-ids", Type="StringList", Value=subnet)
    return stack(SYSTEM, config="prod")


def parameters(root: Path, environment: str) -> dict[str, str]:
    document = json.loads((root / SYSTEM / "config" / f"{environment}.json").read_text())
    found: dict[str, str] = document["Parameters"]
    return found


def test_production_has_the_ports_that_20_petabytes_in_two_weeks_need(root: Path) -> None:
    given = parameters(root, "prod")
    ports = RigPlan(RigNeed(DataSize.parse("20 PB"), TWO_WEEKS), RigSite()).ports
    assert (ports.count, ports.speed) == (int(given["PortCount"]), Bandwidth.parse(given["PortSpeed"]))
    assert given["CacheHost"] == ""


def test_a_site_whose_link_is_too_slow_has_a_cache(root: Path) -> None:
    given = parameters(root, "test")
    link = Bandwidth.parse(given["PortSpeed"]) * int(given["PortCount"])
    plan = RigPlan(RigNeed(DataSize.parse("10 PB"), TWO_WEEKS), RigSite(link=link))
    assert plan.cache is not None
    assert bool(plan.cache.bytes) == bool(given["CacheHost"])


def test_drive_logs_and_results_are_encrypted_by_the_rigs_key(system: Any, aws: Any) -> None:
    for name in ("DriveLogsName", "ResultsName"):
        answer = aws("s3").get_bucket_encryption(Bucket=system.outputs[name])
        (rule,) = answer["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"


def test_scenes_are_found_by_their_tag_in_the_order_of_time(system: Any, aws: Any) -> None:
    table = aws("dynamodb")
    for minute, tag in ((2, "left turn"), (1, "left turn"), (3, "high velocity")):
        at = f"2026-11-22T10:0{minute}:00Z"
        item = {"drive": {"S": f"drive {minute}"}, "startedAt": {"S": at}, "tag": {"S": tag}}
        table.put_item(TableName=system.outputs["ScenesName"], Item=item)
    found = table.query(
        TableName=system.outputs["ScenesName"],
        IndexName="by-tag",
        KeyConditionExpression="tag = :tag",
        ExpressionAttributeValues={":tag": {"S": "left turn"}},
    )["Items"]
    assert [one["drive"]["S"] for one in found] == ["drive 1", "drive 2"]


def test_the_drive_of_a_rig_that_drops_out_goes_to_another_one(system: Any, aws: Any, fabric: Any) -> None:
    queue, url = aws("sqs"), system.outputs["ReplaysUrl"]
    queue.send_message(QueueUrl=url, MessageBody="drive 1")
    (taken,) = queue.receive_message(QueueUrl=url)["Messages"]
    assert "Messages" not in queue.receive_message(QueueUrl=url)
    fabric.advance(901)
    (again,) = queue.receive_message(QueueUrl=url)["Messages"]
    assert (again["Body"], again["MessageId"]) == ("drive 1", taken["MessageId"])
    queue.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    fabric.advance(901)
    assert "Messages" not in queue.receive_message(QueueUrl=url)


def test_a_drive_that_three_rigs_gave_up_is_set_apart(system: Any, aws: Any, fabric: Any) -> None:
    queue, url = aws("sqs"), system.outputs["ReplaysUrl"]
    queue.send_message(QueueUrl=url, MessageBody="a drive that breaks rigs")
    for _ in range(3):
        assert queue.receive_message(QueueUrl=url)["Messages"]
        fabric.advance(901)
    assert "Messages" not in queue.receive_message(QueueUrl=url)
    (apart,) = queue.receive_message(QueueUrl=system.outputs["FailedReplaysUrl"])["Messages"]
    assert apart["Body"] == "a drive that breaks rigs"

"""The streams of DynamoDB tables as event sources."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

OK = "def handler(event, context):\n    return None\n"
FAIL = "def handler(event, context):\n    raise RuntimeError('no')\n"
COPY = """
import boto3

table = boto3.client("dynamodb")

def handler(event, context):
    for record in event["Records"]:
        item = {**record["dynamodb"]["NewImage"], "kind": {"S": record["eventName"]}}
        table.put_item(TableName="copies", Item=item)
"""


class Orders:
    def __init__(self, lab):
        self.lab, self.db = lab, lab.backend.client("dynamodb")
        self.arn = self.table("orders", StreamSpecification={
            "StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})["LatestStreamArn"]  # fmt: skip

    def table(self, name, **settings):
        return self.db.create_table(
            TableName=name, KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST", **settings,
        )["TableDescription"]  # fmt: skip

    def put(self, key, **fields):
        self.db.put_item(TableName="orders", Item={"k": {"S": key}, **fields})

    def feed(self, **settings):
        given = {"StartingPosition": "TRIM_HORIZON", **settings}
        return self.lab.aws.create_event_source_mapping(EventSourceArn=self.arn, FunctionName="f", **given)

    def keys(self):
        return [
            [record["dynamodb"]["Keys"]["k"]["S"] for record in event["Records"]]
            for event in self.lab.events("f")
        ]


@pytest.fixture
def orders(lab):
    return Orders(lab)


def test_changes_reach_the_function_in_order(lab, orders):
    lab.function("f", OK)
    orders.feed(BatchSize=2)
    for key in ("a", "b", "c"):
        orders.put(key)
    lab.run()
    assert orders.keys() == [["a", "b"], ["c"]]


def test_a_record_is_that_of_aws(lab, orders):
    lab.function("f", OK)
    orders.feed()
    orders.put("a", raw={"B": b"\x00"}, n={"N": "5"})
    lab.run()
    record = lab.events("f")[0]["Records"][0]
    change = record.pop("dynamodb")
    assert len(record.pop("eventID")) == 32
    assert record == {
        "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": "us-east-1",
        "eventSourceARN": orders.arn,
    }  # fmt: skip
    assert change["NewImage"] == {"k": {"S": "a"}, "raw": {"B": "AA=="}, "n": {"N": "5"}}
    assert change["ApproximateCreationDateTime"] == 1767225600
    assert change["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert change["SizeBytes"] == 11


def test_a_function_writes_on_what_it_reads(lab, orders):
    orders.table("copies")
    lab.function("f", COPY)
    orders.feed()
    orders.put("a")
    lab.run()
    (item,) = orders.db.scan(TableName="copies")["Items"]
    assert item == {"k": {"S": "a"}, "kind": {"S": "INSERT"}}


def test_only_what_the_filter_wants_arrives(lab, orders):
    lab.function("f", OK)
    pattern = {"eventName": ["MODIFY"], "dynamodb": {"NewImage": {"s": {"S": [{"prefix": "done"}]}}}}
    orders.feed(FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]})
    orders.put("a", s={"S": "done"})
    orders.put("a", s={"S": "done again"})
    orders.put("a", s={"S": "open"})
    lab.run()
    assert orders.keys() == [["a"]]


def test_what_is_given_up_goes_to_the_destination(lab, orders):
    lab.function("f", FAIL)
    topic = lab.backend.client("sns").create_topic(Name="failed")["TopicArn"]
    url = lab.queue("heard")
    lab.backend.client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=lab.arn(url), Attributes={"RawMessageDelivery": "true"}
    )
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": lab.arn(url)}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    lab.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    orders.feed(MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": topic}})
    orders.put("a")
    lab.run()
    (document,) = [json.loads(body) for body in lab.bodies(url)]
    assert document["DDBStreamBatchInfo"]["streamArn"] == orders.arn
    assert document["DDBStreamBatchInfo"]["approximateArrivalOfFirstRecord"] == "2026-01-01T00:00:00Z"
    assert document["requestContext"]["approximateInvokeCount"] == 1


def test_what_is_given_up_can_be_kept_in_a_bucket(lab, orders):
    lab.function("f", FAIL)
    bucket = lab.backend.client("s3")
    bucket.create_bucket(Bucket="failed-records")
    target = {"OnFailure": {"Destination": "arn:aws:s3:::failed-records"}}
    made = orders.feed(MaximumRetryAttempts=0, DestinationConfig=target)
    orders.put("a")
    lab.run()
    (entry,) = bucket.list_objects_v2(Bucket="failed-records")["Contents"]
    assert entry["Key"].startswith(f"aws/lambda/{made['UUID']}/shardId-")
    document = json.loads(bucket.get_object(Bucket="failed-records", Key=entry["Key"])["Body"].read())
    assert document["payload"]["Records"][0]["dynamodb"]["Keys"] == {"k": {"S": "a"}}


def test_a_shard_that_follows_is_read_on(lab, orders):
    lab.function("f", OK)
    orders.feed(StartingPosition="LATEST")
    lab.run()
    orders.put("a")
    lab.world.advance(5 * 3600)
    orders.put("b")
    lab.run()
    assert orders.keys() == [["a"], ["b"]]


def test_no_time_to_begin_at(lab, orders):
    lab.function("f", OK)
    with pytest.raises(ClientError, match="Unsupported starting position"):
        orders.feed(StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=0)
    with pytest.raises(ClientError, match="Stream not found"):
        lab.aws.create_event_source_mapping(
            EventSourceArn=orders.arn + "1", FunctionName="f", StartingPosition="LATEST"
        )


def test_expired_items_say_who_deleted_them(lab, orders):
    lab.function("f", OK)
    pattern = {"userIdentity": {"type": ["Service"], "principalId": ["dynamodb.amazonaws.com"]}}
    orders.feed(FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]})
    orders.db.update_time_to_live(
        TableName="orders", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )
    orders.put("a", ttl={"N": str(int(lab.world.clock.now) + 10)})
    orders.put("b")
    orders.db.delete_item(TableName="orders", Key={"k": {"S": "b"}})
    lab.world.advance(120)
    lab.run()
    assert orders.keys() == [["a"]]
    assert lab.events("f")[0]["Records"][0]["eventName"] == "REMOVE"

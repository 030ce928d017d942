"""Both kinds of streams with every option of their event source mappings, by a deployed template."""

from __future__ import annotations

import json
from typing import Any

import pytest

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: python3.12, Handler: index.handler, Timeout: 30}
Resources:
  Heard: {Type: AWS::SQS::Queue}
  Dead: {Type: AWS::SQS::Queue}
  Stream: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: SHARDS}}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_IMAGE}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      Policies:
        - SQSSendMessagePolicy: {QueueName: !GetAtt Heard.QueueName}
        - SQSSendMessagePolicy: {QueueName: !GetAtt Dead.QueueName}
      Environment: {Variables: {HEARD: !Ref Heard}}
      InlineCode: |
        import base64, boto3, json, os, time
        def number(record):
            if "kinesis" in record:
                return json.loads(base64.b64decode(record["kinesis"]["data"]))["n"]
            return int(record["dynamodb"]["NewImage"]["n"]["N"])
        def name(record):
            return (record.get("kinesis") or {}).get("sequenceNumber") or record["dynamodb"]["SequenceNumber"]
        def handler(event, context):
            numbers = [number(record) for record in event["Records"]]
            said = {"numbers": numbers, "state": event.get("state")}
            said["final"] = event.get("isFinalInvokeForWindow")
            boto3.client("sqs").send_message(QueueUrl=os.environ["HEARD"], MessageBody=json.dumps(said))
            time.sleep(1)
            bad = [name(record) for record, n in zip(event["Records"], numbers) if n < 0]
            if bad and "REPORTS" == "yes":
                return {"batchItemFailures": [{"itemIdentifier": bad[0]}]}
            if bad:
                raise ValueError(numbers)
            if "window" in event:
                return {"state": {"sum": event["state"].get("sum", 0) + sum(numbers)}}
      Events:
        Feed:
          Type: KIND
          Properties: {Stream: !GetAtt SOURCE, StartingPosition: TRIM_HORIZON, OPTIONS}
"""
DEAD = "DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Dead.Arn}}"


class Feed:
    """A deployed stream with its function: numbers go in, the function's batches come out."""

    def __init__(self, kind: str, stack: Any, fabric: Any, aws: Any, taken: Any) -> None:
        self.kind, self._stack, self._fabric, self._aws, self._taken = kind, stack, fabric, aws, taken
        self._count = 0

    def deploy(self, options: str, shards: int = 1) -> None:
        """``options`` are properties of the SAM event, as YAML."""
        source = "Stream.Arn" if self.kind == "Kinesis" else "Table.StreamArn"
        text = TEMPLATE.replace("OPTIONS", options).replace("SOURCE", source).replace("KIND", self.kind)
        text = text.replace("REPORTS", "yes" if "ReportBatch" in options else "no")
        text = text.replace("SHARDS", str(shards))
        self.made = self._stack(text, require="emulated")

    def put(self, *numbers: int, key: str = "a") -> None:
        """Each number is a record; those of one key are in order."""
        for number in numbers:
            self._count += 1
            if self.kind == "Kinesis":
                data, name = json.dumps({"n": number}).encode(), self.made["Stream"].physical_id
                self._aws.kinesis.put_record(StreamName=name, Data=data, PartitionKey=key)
            else:
                identifier = key if key != "a" else f"{self._count}"
                item = {"id": {"S": identifier}, "n": {"N": str(number)}}
                self._aws.dynamodb.put_item(TableName=self.made.table("Table"), Item=item)

    def batches(self) -> list[list[int]]:
        """What the function was given, in order."""
        return [one["numbers"] for one in self._taken(self.made.queue("Heard"))]

    def said(self) -> list[dict[str, Any]]:
        """What the function was given, with the state of its window."""
        return list(self._taken(self.made.queue("Heard")))

    def dead(self) -> list[dict[str, Any]]:
        """What reached the destination of failures."""
        return list(self._taken(self.made.queue("Dead")))


@pytest.fixture(params=["Kinesis", "DynamoDB"])
def feed(request: Any, stack: Any, fabric: Any, aws: Any, taken: Any) -> Feed:
    """A feed of each kind."""
    return Feed(request.param, stack, fabric, aws, taken)


def info(feed: Feed, body: dict[str, Any]) -> Any:
    """The place of the records in a report of failure."""
    return body["KinesisBatchInfo" if feed.kind == "Kinesis" else "DDBStreamBatchInfo"]


def test_batch_size_and_window(feed: Feed) -> None:
    feed.deploy("BatchSize: 3, MaximumBatchingWindowInSeconds: 20")
    feed.put(1, 2, 3, 4)
    assert feed.batches() == [[1, 2, 3], [4]]


def test_filter_criteria(feed: Feed) -> None:
    pattern = '{"data": {"n": [{"numeric": [">", 2]}]}}'
    if feed.kind == "DynamoDB":
        pattern = '{"dynamodb": {"NewImage": {"n": {"N": ["3", "4"]}}}}'
    feed.deploy(f"FilterCriteria: {{Filters: [{{Pattern: '{pattern}'}}]}}")
    feed.put(1, 2, 3, 4)
    assert [number for batch in feed.batches() for number in batch] == [3, 4]


def test_bisecting_isolates_a_poison_record_which_reaches_the_destination(feed: Feed) -> None:
    feed.deploy(f"BisectBatchOnFunctionError: true, MaximumRetryAttempts: 3, {DEAD}")
    feed.put(1, 2, -3, 4)
    tried = feed.batches()
    assert [-3] in tried
    assert [4] in tried
    (report,) = feed.dead()
    assert report["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert info(feed, report)["batchSize"] == 1


def test_retries_end_and_block_the_shard_meanwhile(feed: Feed) -> None:
    feed.deploy(f"BatchSize: 1, MaximumRetryAttempts: 2, {DEAD}")
    feed.put(1, -2, 3)
    assert feed.batches() == [[1], [-2], [-2], [-2], [3]]
    assert [info(feed, one)["batchSize"] for one in feed.dead()] == [1]


def test_the_age_of_a_record_ends_its_retries(feed: Feed, fabric: Any) -> None:
    feed.deploy(f"BatchSize: 1, MaximumRecordAgeInSeconds: 60, {DEAD}")
    feed.put(-1)
    fabric.advance(50)
    feed.put(2)
    batches = feed.batches()
    assert (batches[0], batches[-1]) == ([-1], [2]), batches
    (report,) = feed.dead()
    assert report["requestContext"]["condition"] == "RecordAgeExceeded"


def test_partial_batch_responses_go_on_from_the_first_failure(feed: Feed) -> None:
    feed.deploy(f"FunctionResponseTypes: [ReportBatchItemFailures], MaximumRetryAttempts: 1, {DEAD}")
    feed.put(1, 2, -3, 4)
    batches = feed.batches()
    assert batches[:2] == [[1, 2, -3, 4], [-3, 4]]
    assert batches.count([1]) == 0
    assert info(feed, feed.dead()[0])["batchSize"] == 2


def test_parallel_batches_keep_the_order_of_a_key(feed: Feed, fabric: Any) -> None:
    feed.deploy("BatchSize: 1, ParallelizationFactor: 4")
    begin = fabric.world.clock.ms
    for number in range(1, 7):
        feed.put(number, number + 10, key=f"key{number}")
    seen = [number for batch in feed.batches() for number in batch]
    assert sorted(seen) == sorted([*range(1, 7), *range(11, 17)])
    assert all(seen.index(number) < seen.index(number + 10) for number in range(1, 7))
    assert fabric.world.clock.ms - begin < 12 * 1000  # twelve batches of a second, not one after the other


def test_tumbling_windows_carry_a_state(feed: Feed, fabric: Any) -> None:
    feed.deploy("BatchSize: 1, TumblingWindowInSeconds: 60")
    feed.put(1, 2, 3)
    fabric.advance(120)
    said = feed.said()
    assert [one["numbers"] for one in said] == [[1], [2], [3], []]
    assert [one["state"] for one in said] == [{}, {"sum": 1}, {"sum": 3}, {"sum": 6}]
    assert [one["final"] for one in said] == [False, False, False, True]


def test_shards_are_read_side_by_side_and_resharding_keeps_the_order(
    stack: Any, fabric: Any, aws: Any, taken: Any
) -> None:
    feed = Feed("Kinesis", stack, fabric, aws, taken)
    feed.deploy("BatchSize: 10", shards=2)
    name = feed.made["Stream"].physical_id
    feed.put(1, 2, key="a")
    aws.kinesis.update_shard_count(StreamName=name, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    fabric.advance(60)
    feed.put(3, 4, key="a")
    assert [number for batch in feed.batches() for number in batch] == [1, 2, 3, 4]
    shards = aws.kinesis.list_shards(StreamName=name)["Shards"]
    assert len([one for one in shards if "EndingSequenceNumber" not in one["SequenceNumberRange"]]) == 4

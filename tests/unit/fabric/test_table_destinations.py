"""Kinesis streams that take the changes of tables."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from stackproof.backends.embedded import EmbeddedBackend
from stackproof.fabric.choice import Seeded


class Setting:
    """A table ``things`` (with a stream of its own when it has a ``view``) and a Kinesis stream."""

    def __init__(self, backend, view=""):
        self.db, self.kinesis = backend.client("dynamodb"), backend.client("kinesis")
        own = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": view}} if view else {}
        self.db.create_table(
            TableName="things", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST", **own,
        )  # fmt: skip
        self.kinesis.create_stream(StreamName="changes", ShardCount=1)
        backend.world.advance(60)
        self.stream = self.kinesis.describe_stream(StreamName="changes")["StreamDescription"]["StreamARN"]

    def enable(self, **configuration):
        more = {"EnableKinesisStreamingConfiguration": configuration} if configuration else {}
        return self.db.enable_kinesis_streaming_destination(TableName="things", StreamArn=self.stream, **more)

    def put(self, key, **fields):
        item = {"k": {"S": key}, **{name: {"S": value} for name, value in fields.items()}}
        self.db.put_item(TableName="things", Item=item)

    def records(self):
        at = self.kinesis.get_shard_iterator(
            StreamName="changes", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        return self.kinesis.get_records(ShardIterator=at)["Records"]

    def changes(self):
        return [json.loads(record["Data"]) for record in self.records()]


@pytest.fixture
def it(backend):
    return Setting(backend)


def names(changes):
    return [(one["eventName"], one["dynamodb"]["Keys"]["k"]["S"]) for one in changes]


def test_a_change_has_the_shape_that_aws_writes(it, world):
    it.enable()
    it.put("a", v="1")
    it.put("a", v="2")
    it.db.delete_item(TableName="things", Key={"k": {"S": "a"}})
    world.run_until_idle()
    first, second, third = it.changes()
    assert list(first) == [
        "awsRegion", "eventID", "eventName", "userIdentity", "recordFormat", "tableName", "dynamodb",
        "eventSource",
    ]  # fmt: skip
    micro = first["dynamodb"].pop("ApproximateCreationDateTime")
    assert micro // 1000 == world.clock.ms
    assert first["dynamodb"] == {
        "Keys": {"k": {"S": "a"}},
        "NewImage": {"k": {"S": "a"}, "v": {"S": "1"}},
        "SizeBytes": 6,
        "ApproximateCreationDateTimePrecision": "MICROSECOND",
    }
    assert (first["userIdentity"], first["recordFormat"]) == (None, "application/json")
    assert (first["tableName"], first["eventSource"]) == ("things", "aws:dynamodb")
    assert second["dynamodb"]["OldImage"]["v"] == {"S": "1"}
    assert "NewImage" not in third["dynamodb"]
    assert names([first, second, third]) == [("INSERT", "a"), ("MODIFY", "a"), ("REMOVE", "a")]


def test_all_changes_of_an_item_have_one_partition_key(it, world):
    it.enable()
    for key in ("a", "b", "a"):
        it.put(key, v=str(world.clock.ms))
        world.advance(1)
    keys = [record["PartitionKey"] for record in it.records()]
    assert keys[0] == keys[2] != keys[1]
    assert all(len(key) == 32 and set(key) <= set("0123456789ABCDEF") for key in keys)


def test_a_write_that_changes_nothing_leaves_no_record(it, world):
    it.enable()
    for _ in range(2):
        it.put("a", v="1")
    world.run_until_idle()
    assert names(it.changes()) == [("INSERT", "a")]


def test_milliseconds_when_they_are_asked_for_and_microseconds_again(it, world):
    it.enable(ApproximateCreationDateTimePrecision="MILLISECOND")
    it.put("a")
    world.run_until_idle()
    found = it.changes()[0]["dynamodb"]
    assert found["ApproximateCreationDateTime"] == world.clock.ms
    assert "ApproximateCreationDateTimePrecision" not in found
    answer = it.db.update_kinesis_streaming_destination(
        TableName="things", StreamArn=it.stream,
        UpdateKinesisStreamingConfiguration={"ApproximateCreationDateTimePrecision": "MICROSECOND"},
    )  # fmt: skip
    assert answer["DestinationStatus"] == "UPDATING"
    it.put("b")
    world.run_until_idle()
    assert it.changes()[1]["dynamodb"]["ApproximateCreationDateTimePrecision"] == "MICROSECOND"


@pytest.mark.parametrize("view", ["", "KEYS_ONLY"])
def test_both_images_go_to_kinesis_whatever_the_own_stream_is(backend, world, view):
    it = Setting(backend, view)
    it.enable()
    it.put("a", v="1")
    it.put("a", v="2")
    world.run_until_idle()
    found = it.changes()[1]["dynamodb"]
    assert (found["OldImage"]["v"], found["NewImage"]["v"]) == ({"S": "1"}, {"S": "2"})
    streams = backend.client("dynamodbstreams").list_streams()["Streams"]
    assert len(streams) == (1 if view else 0)


def test_a_stream_that_is_switched_off_leaves_the_destination_alone(backend, world):
    it = Setting(backend, "NEW_IMAGE")
    it.enable()
    it.db.update_table(TableName="things", StreamSpecification={"StreamEnabled": False})
    it.put("a")
    world.run_until_idle()
    assert names(it.changes()) == [("INSERT", "a")]


def test_a_destination_that_is_disabled_takes_no_more_and_can_come_back(it, world):
    it.enable()
    it.put("a")
    answer = it.db.disable_kinesis_streaming_destination(TableName="things", StreamArn=it.stream)
    assert answer["DestinationStatus"] == "DISABLING"
    it.put("b")
    (shown,) = it.db.describe_kinesis_streaming_destination(TableName="things")[
        "KinesisDataStreamDestinations"
    ]
    assert (shown["StreamArn"], shown["DestinationStatus"]) == (it.stream, "DISABLED")
    assert it.enable()["DestinationStatus"] == "ENABLING"
    it.put("c")
    world.run_until_idle()
    assert names(it.changes()) == [("INSERT", "a"), ("INSERT", "c")]


def test_what_is_refused(it):
    def refusal(call, **params):
        with pytest.raises(ClientError) as caught:
            call(**params)
        return caught.value.response["Error"]

    enable, disable = it.db.enable_kinesis_streaming_destination, it.db.disable_kinesis_streaming_destination
    other = it.stream.replace("changes", "nobody")
    assert "permission" in refusal(enable, TableName="things", StreamArn=other)["Message"]
    assert refusal(enable, TableName="no", StreamArn=it.stream)["Code"] == "ResourceNotFoundException"
    assert "must be ACTIVE" in refusal(disable, TableName="things", StreamArn=it.stream)["Message"]
    it.enable()
    assert "must be DISABLED" in refusal(enable, TableName="things", StreamArn=it.stream)["Message"]
    same = refusal(
        it.db.update_kinesis_streaming_destination, TableName="things", StreamArn=it.stream,
        UpdateKinesisStreamingConfiguration={"ApproximateCreationDateTimePrecision": "MICROSECOND"},
    )  # fmt: skip
    assert "already set" in same["Message"]


def test_an_item_whose_time_is_over_says_who_deleted_it(it, world):
    it.enable()
    it.db.update_time_to_live(
        TableName="things", TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"}
    )
    until = {"N": str(int(world.clock.now) + 10)}
    it.db.put_item(TableName="things", Item={"k": {"S": "a"}, "until": until})
    world.advance(120)
    last = it.changes()[-1]
    assert last["eventName"] == "REMOVE"
    assert last["userIdentity"] == {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


def test_what_the_stream_throttles_is_tried_again(it, world):
    from stackproof.fabric.service import ServiceError

    refusals = iter(range(3))

    def guard(service, operation, params, caller):
        if operation == "PutRecord" and next(refusals, None) is not None:
            raise ServiceError("ProvisionedThroughputExceededException", "Rate exceeded")

    it.enable()
    world.guards.append(guard)
    it.put("a")
    began = world.clock.ms
    world.run_until_idle()
    assert names(it.changes()) == [("INSERT", "a")]
    assert world.clock.ms - began == 7000


def test_a_stream_that_is_gone_loses_the_record_and_the_journal_says_so(it, world):
    it.enable()
    it.kinesis.delete_stream(StreamName="changes", EnforceConsumerDeletion=True)
    world.advance(120)
    it.put("a")
    world.run_until_idle()
    assert any(entry.verb == "dynamodb.ReplicationLost" for entry in world.journal)


def test_a_record_may_come_twice_where_duplicates_are_searched_for(it, world):
    world.service("dynamodb").destinations.duplicates = True
    chosen = []

    def choose(label, options, names=None):
        chosen.append(label)
        return options[-1] if len(chosen) == 1 else options[0]

    it.enable()
    it.put("a")
    world.scheduler.choose = choose
    world.run_until_idle()
    first, second = it.changes()
    assert first == second


def test_a_world_taken_back_knows_its_destination(it, world):
    it.enable()
    kept = world.snapshot()
    it.db.disable_kinesis_streaming_destination(TableName="things", StreamArn=it.stream)
    it.put("a")
    world.restore(kept)
    it.put("b")
    world.run_until_idle()
    assert names(it.changes()) == [("INSERT", "b")]


def test_a_table_that_is_made_anew_has_no_destination(it, world):
    it.enable()
    it.db.delete_table(TableName="things")
    it.db.create_table(
        TableName="things", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST",
    )  # fmt: skip
    it.put("a")
    world.run_until_idle()
    assert it.changes() == []


def _driven(seed):
    with EmbeddedBackend(seed=seed, chooser=Seeded(seed)) as backend:
        it = Setting(backend)
        it.enable()
        for value in "123":
            it.put("a", v=value)
        backend.world.run_until_idle()
        order = [change["dynamodb"]["NewImage"]["v"]["S"] for change in it.changes()]
        return order, [str(entry) for entry in backend.world.journal]


def test_the_order_of_records_is_the_schedulers_and_the_same_for_a_seed():
    orders = [_driven(seed)[0] for seed in range(8)]
    assert all(sorted(order) == ["1", "2", "3"] for order in orders)
    assert any(order != ["1", "2", "3"] for order in orders)
    assert _driven(3) == _driven(3)

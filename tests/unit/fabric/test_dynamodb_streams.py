"""The streams of tables, and items whose time is over."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


class Table:
    def __init__(self, backend, view="NEW_AND_OLD_IMAGES"):
        self.db, self.api = backend.client("dynamodb"), backend.client("dynamodbstreams")
        made = self.db.create_table(
            TableName="things",
            KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
        )
        self.arn = made["TableDescription"]["LatestStreamArn"]

    def put(self, key, **fields):
        item = {"k": {"S": key}, **{name: {"S": value} for name, value in fields.items()}}
        self.db.put_item(TableName="things", Item=item)

    def iterator(self, kind="TRIM_HORIZON", shard=0, **more):
        shards = self.api.describe_stream(StreamArn=self.arn)["StreamDescription"]["Shards"]
        answer = self.api.get_shard_iterator(
            StreamArn=self.arn, ShardId=shards[shard]["ShardId"], ShardIteratorType=kind, **more
        )
        return answer["ShardIterator"]

    def records(self, **more):
        return self.api.get_records(ShardIterator=self.iterator(**more))["Records"]


@pytest.fixture
def table(backend):
    return Table(backend)


def events(records):
    return [(record["eventName"], record["dynamodb"]["Keys"]["k"]["S"]) for record in records]


def test_each_write_is_one_record_in_order(table):
    table.put("a", v="1")
    table.put("a", v="2")
    table.db.update_item(
        TableName="things", Key={"k": {"S": "b"}}, UpdateExpression="SET v = :v",
        ExpressionAttributeValues={":v": {"S": "1"}},
    )  # fmt: skip
    table.db.delete_item(TableName="things", Key={"k": {"S": "a"}})
    found = table.records()
    assert events(found) == [("INSERT", "a"), ("MODIFY", "a"), ("INSERT", "b"), ("REMOVE", "a")]
    numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in found]
    assert numbers == sorted(set(numbers))
    assert found[1]["dynamodb"]["OldImage"] == {"k": {"S": "a"}, "v": {"S": "1"}}
    assert found[1]["dynamodb"]["NewImage"] == {"k": {"S": "a"}, "v": {"S": "2"}}
    assert found[2]["dynamodb"]["NewImage"] == {"k": {"S": "b"}, "v": {"S": "1"}}
    assert "NewImage" not in found[3]["dynamodb"]
    assert (found[0]["eventVersion"], found[0]["awsRegion"]) == ("1.1", "us-east-1")


@pytest.mark.parametrize(
    ("view", "images"),
    [
        ("KEYS_ONLY", set()),
        ("NEW_IMAGE", {"NewImage"}),
        ("OLD_IMAGE", {"OldImage"}),
        ("NEW_AND_OLD_IMAGES", {"NewImage", "OldImage"}),
    ],
)
def test_the_view_type_says_which_images_there_are(backend, view, images):
    table = Table(backend, view)
    table.put("a", v="1")
    table.put("a", v="2")
    change = table.records()[1]["dynamodb"]
    assert {name for name in change if name.endswith("Image")} == images
    assert change["StreamViewType"] == view


def test_what_changed_nothing_leaves_no_record(table):
    table.put("a", v="1")
    table.put("a", v="1")
    table.db.delete_item(TableName="things", Key={"k": {"S": "nothing"}})
    with pytest.raises(ClientError):
        table.db.put_item(
            TableName="things", Item={"k": {"S": "a"}}, ConditionExpression="attribute_not_exists(k)"
        )
    assert events(table.records()) == [("INSERT", "a")]


def test_an_order_of_a_set_is_no_change(table):
    for order in (["x", "y"], ["y", "x"]):
        table.db.put_item(TableName="things", Item={"k": {"S": "a"}, "s": {"SS": order}})
    assert len(table.records()) == 1


def test_batches_and_transactions_are_recorded_item_by_item(table):
    table.put("old")
    put = {"PutRequest": {"Item": {"k": {"S": "new"}}}}
    table.db.batch_write_item(RequestItems={"things": [put, {"DeleteRequest": {"Key": {"k": {"S": "old"}}}}]})
    table.db.transact_write_items(
        TransactItems=[{"Put": {"TableName": "things", "Item": {"k": {"S": "tx"}}}}]
    )
    assert events(table.records())[1:] == [("INSERT", "new"), ("REMOVE", "old"), ("INSERT", "tx")]


def test_a_cancelled_transaction_leaves_no_record(table):
    put = {"TableName": "things", "Item": {"k": {"S": "tx"}}}
    refused = {**put, "Item": {"k": {"S": "other"}}, "ConditionExpression": "attribute_exists(k)"}
    with pytest.raises(ClientError, match="TransactionCanceled"):
        table.db.transact_write_items(TransactItems=[{"Put": put}, {"Put": refused}])
    assert table.records() == []
    table.put("after")
    assert events(table.records()) == [("INSERT", "after")]


def test_binary_values_stay_bytes(table):
    table.db.put_item(TableName="things", Item={"k": {"S": "a"}, "m": {"M": {"b": {"B": b"\x00\xff"}}}})
    assert table.records()[0]["dynamodb"]["NewImage"]["m"] == {"M": {"b": {"B": b"\x00\xff"}}}


def test_a_record_is_there_for_a_day(table, world):
    table.put("a")
    world.advance(23 * 3600)
    table.put("b")
    world.advance(2 * 3600)
    assert table.records() == []
    assert events(table.records(shard=-1)) == [("INSERT", "b")]


def test_a_shard_is_followed_by_another_after_four_hours(table, world):
    table.put("a")
    world.advance(4 * 3600)
    table.put("b")
    first, second = table.api.describe_stream(StreamArn=table.arn)["StreamDescription"]["Shards"]
    assert second["ParentShardId"] == first["ShardId"]
    assert "EndingSequenceNumber" in first["SequenceNumberRange"]
    assert "NextShardIterator" not in table.api.get_records(ShardIterator=table.iterator())


def test_iterators_at_and_after_a_number_and_at_the_end(table):
    table.put("a")
    table.put("b")
    number = table.records()[0]["dynamodb"]["SequenceNumber"]
    assert len(table.records(kind="AT_SEQUENCE_NUMBER", SequenceNumber=number)) == 2
    assert len(table.records(kind="AFTER_SEQUENCE_NUMBER", SequenceNumber=number)) == 1
    assert table.records(kind="LATEST") == []


def test_an_iterator_holds_fifteen_minutes(table, world):
    iterator = table.iterator()
    world.advance(15 * 60)
    table.api.get_records(ShardIterator=iterator)
    world.advance(1)
    with pytest.raises(ClientError, match="ExpiredIterator"):
        table.api.get_records(ShardIterator=iterator)


def test_a_stream_that_is_switched_off_can_be_read_for_a_day(table, world):
    table.put("a")
    table.db.update_table(TableName="things", StreamSpecification={"StreamEnabled": False})
    table.put("b")
    described = table.api.describe_stream(StreamArn=table.arn)["StreamDescription"]
    assert described["StreamStatus"] == "DISABLED"
    assert events(table.records()) == [("INSERT", "a")]
    again = table.db.update_table(
        TableName="things", StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    )["TableDescription"]["LatestStreamArn"]
    assert again != table.arn
    world.advance(25 * 3600)
    listed = [stream["StreamArn"] for stream in table.api.list_streams(TableName="things")["Streams"]]
    assert listed == [again]


def test_an_item_expires_by_the_service(table, world):
    now = int(world.clock.now)
    table.db.update_time_to_live(
        TableName="things", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )
    table.db.put_item(TableName="things", Item={"k": {"S": "short"}, "ttl": {"N": str(now + 300)}})
    table.db.put_item(TableName="things", Item={"k": {"S": "text"}, "ttl": {"S": str(now + 300)}})
    world.run_until_idle()
    assert world.clock.now == now
    world.advance(290)
    assert table.db.scan(TableName="things")["Count"] == 2
    world.advance(80)
    assert [item["k"]["S"] for item in table.db.scan(TableName="things")["Items"]] == ["text"]
    last = table.records()[-1]
    assert last["eventName"] == "REMOVE"
    assert last["userIdentity"] == {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}


def test_a_world_taken_back_has_the_stream_of_that_time(table, world):
    table.put("a")
    kept = world.snapshot()
    table.put("b")
    world.restore(kept)
    table.put("c")
    assert events(table.records()) == [("INSERT", "a"), ("INSERT", "c")]


def test_a_table_without_a_stream_has_none(backend):
    db = backend.client("dynamodb")
    db.create_table(
        TableName="plain", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST",
    )  # fmt: skip
    db.put_item(TableName="plain", Item={"k": {"S": "a"}})
    assert backend.client("dynamodbstreams").list_streams()["Streams"] == []


def test_what_expired_five_years_ago_stays_and_a_later_write_is_noticed(table, world):
    now = int(world.clock.now)
    table.db.update_time_to_live(
        TableName="things", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )
    table.db.put_item(
        TableName="things", Item={"k": {"S": "ancient"}, "ttl": {"N": str(now - 6 * 365 * 86400)}}
    )
    world.advance(120)
    table.db.put_item(TableName="things", Item={"k": {"S": "late"}, "ttl": {"N": str(now + 60)}})
    world.advance(120)
    assert [item["k"]["S"] for item in table.db.scan(TableName="things")["Items"]] == ["ancient"]

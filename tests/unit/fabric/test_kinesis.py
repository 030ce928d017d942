"""Kinesis data streams."""

from __future__ import annotations

from itertools import pairwise

import pytest
from botocore.exceptions import ClientError

from stackproof.fabric.service import Delivery

HALF = 2**127


class Stream:
    def __init__(self, backend, shards=1, **settings):
        self.api = backend.client("kinesis")
        self.world = backend.world
        self.api.create_stream(StreamName="s", **({"ShardCount": shards} | settings))
        self.arn = f"arn:aws:kinesis:us-east-1:{backend.account}:stream/s"

    def put(self, data=b"x", key="k", **more):
        return self.api.put_record(StreamName="s", Data=data, PartitionKey=key, **more)

    def shards(self, **more):
        return self.api.list_shards(StreamName="s", **more)["Shards"]

    def iterator(self, kind="TRIM_HORIZON", shard="shardId-000000000000", **more):
        answer = self.api.get_shard_iterator(StreamName="s", ShardId=shard, ShardIteratorType=kind, **more)
        return answer["ShardIterator"]

    def read(self, **more):
        return self.api.get_records(ShardIterator=self.iterator(**more))

    def data(self, **more):
        return [record["Data"] for record in self.read(**more)["Records"]]


@pytest.fixture
def stream(backend):
    return Stream(backend)


def refused(code):
    return pytest.raises(ClientError, match=code)


def test_records_come_back_in_order_with_growing_numbers(stream):
    numbers = [int(stream.put(f"{n}".encode())["SequenceNumber"]) for n in range(5)]
    assert numbers == sorted(set(numbers))
    assert stream.data() == [b"0", b"1", b"2", b"3", b"4"]


def test_a_key_always_falls_into_the_same_shard(backend):
    stream = Stream(backend, shards=4)
    homes = {key: {stream.put(key=key)["ShardId"] for _ in range(3)} for key in map(str, range(40))}
    assert all(len(shards) == 1 for shards in homes.values())
    assert len(set.union(*homes.values())) == 4


def test_an_explicit_hash_key_overrides_the_partition_key(backend):
    stream = Stream(backend, shards=2)
    assert stream.put(ExplicitHashKey="0")["ShardId"] == "shardId-000000000000"
    assert stream.put(ExplicitHashKey=str(HALF - 1))["ShardId"] == "shardId-000000000000"
    assert stream.put(ExplicitHashKey=str(HALF))["ShardId"] == "shardId-000000000001"
    assert stream.put(ExplicitHashKey=str(2**128 - 1))["ShardId"] == "shardId-000000000001"
    with refused("InvalidArgument"):
        stream.put(ExplicitHashKey=str(2**128))


def test_hash_key_ranges_cover_everything_once(backend):
    stream = Stream(backend, shards=3)
    ranges = [(int(s["HashKeyRange"]["StartingHashKey"]), int(s["HashKeyRange"]["EndingHashKey"]))
              for s in stream.shards()]  # fmt: skip
    assert ranges[0][0] == 0
    assert ranges[-1][1] == 2**128 - 1
    assert all(one[1] + 1 == other[0] for one, other in pairwise(ranges))


def test_iterators_of_every_kind(stream):
    numbers = [stream.put(f"{n}".encode())["SequenceNumber"] for n in range(3)]
    stream.world.advance(10)
    moment = stream.world.clock.datetime()
    stream.put(b"3")
    assert stream.data(kind="AT_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1]) == [b"1", b"2", b"3"]
    assert stream.data(kind="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1]) == [b"2", b"3"]
    assert stream.data(kind="AT_TIMESTAMP", Timestamp=moment) == [b"3"]
    assert stream.data(kind="LATEST") == []
    with refused("did not come from this"):
        stream.iterator(kind="AT_SEQUENCE_NUMBER", StartingSequenceNumber="1")


def test_an_iterator_holds_five_minutes(stream):
    iterator = stream.iterator()
    stream.world.advance(300)
    stream.api.get_records(ShardIterator=iterator)
    stream.world.advance(1)
    with refused("ExpiredIteratorException"):
        stream.api.get_records(ShardIterator=iterator)


def test_how_far_behind_the_answer_is(stream):
    stream.put(b"a")
    stream.put(b"b")
    stream.world.advance(7)
    first = stream.api.get_records(ShardIterator=stream.iterator(), Limit=1)
    assert first["MillisBehindLatest"] == 7000
    second = stream.api.get_records(ShardIterator=first["NextShardIterator"])
    assert second["MillisBehindLatest"] == 0


def test_a_record_stays_for_the_retention(stream):
    stream.put(b"a")
    stream.world.advance(24 * 3600)
    assert stream.data() == [b"a"]
    stream.api.increase_stream_retention_period(StreamName="s", RetentionPeriodHours=8760)
    stream.world.advance(3600)
    assert stream.data() == [b"a"]
    stream.api.decrease_stream_retention_period(StreamName="s", RetentionPeriodHours=24)
    assert stream.data() == []
    for change, hours in ((stream.api.increase_stream_retention_period, 8761),
                          (stream.api.decrease_stream_retention_period, 23)):  # fmt: skip
        with refused("InvalidArgument"):
            change(StreamName="s", RetentionPeriodHours=hours)


def test_a_shard_takes_a_thousand_records_a_second(stream):
    answers = [
        stream.api.put_records(StreamName="s", Records=[{"Data": b"x", "PartitionKey": "k"}] * 400)
        for _ in range(3)
    ]
    assert [answer["FailedRecordCount"] for answer in answers] == [0, 0, 200]
    assert answers[2]["Records"][-1]["ErrorCode"] == "ProvisionedThroughputExceededException"
    assert "SequenceNumber" in answers[2]["Records"][0]
    with refused("ProvisionedThroughputExceeded"):
        stream.put()
    stream.world.advance(1)
    stream.put()


def test_a_shard_takes_a_mebibyte_a_second(stream):
    stream.put(b"x" * 700_000)
    with refused("Rate exceeded for shard shardId-000000000000 in stream s"):
        stream.put(b"x" * 700_000)


def test_a_shard_is_read_five_times_a_second(stream):
    iterator = stream.iterator()
    for _ in range(5):
        stream.api.get_records(ShardIterator=iterator)
    with refused("ProvisionedThroughputExceeded"):
        stream.api.get_records(ShardIterator=iterator)
    stream.world.advance(1)
    stream.api.get_records(ShardIterator=iterator)


def test_limits_of_a_record_and_of_a_call(backend):
    stream = Stream(backend, shards=8)
    with refused("length less than or equal to 1048576"):
        stream.put(b"x" * (1024 * 1024))
    with refused("less than or equal to 500"):
        stream.api.put_records(StreamName="s", Records=[{"Data": b"x", "PartitionKey": "k"}] * 501)
    with refused("exceeds 5 MB"):
        stream.api.put_records(
            StreamName="s", Records=[{"Data": b"x" * 1_000_000, "PartitionKey": str(n)} for n in range(6)]
        )


def test_splitting_closes_the_parent_and_points_to_the_children(stream):
    stream.put(b"before", ExplicitHashKey="0")
    stream.api.split_shard(StreamName="s", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(HALF))
    stream.put(b"after", ExplicitHashKey="0")
    parent, low, high = stream.shards()
    assert "EndingSequenceNumber" in parent["SequenceNumberRange"]
    assert low["ParentShardId"] == high["ParentShardId"] == parent["ShardId"]
    assert high["HashKeyRange"]["StartingHashKey"] == str(HALF)
    answer = stream.read()
    assert [record["Data"] for record in answer["Records"]] == [b"before"]
    assert "NextShardIterator" not in answer
    assert [child["ShardId"] for child in answer["ChildShards"]] == [low["ShardId"], high["ShardId"]]
    assert stream.data(shard=low["ShardId"]) == [b"after"]
    with refused("not an open shard"):
        stream.api.split_shard(
            StreamName="s", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(HALF)
        )


def test_merging_needs_neighbours(backend):
    stream = Stream(backend, shards=3)
    merge = stream.api.merge_shards
    with refused("not an adjacent pair"):
        merge(
            StreamName="s", ShardToMerge="shardId-000000000000", AdjacentShardToMerge="shardId-000000000002"
        )
    merge(StreamName="s", ShardToMerge="shardId-000000000001", AdjacentShardToMerge="shardId-000000000000")
    merged = stream.shards()[-1]
    assert merged["ParentShardId"] == "shardId-000000000001"
    assert merged["AdjacentParentShardId"] == "shardId-000000000000"
    assert merged["HashKeyRange"]["StartingHashKey"] == "0"


@pytest.mark.parametrize(("before", "after"), [(1, 2), (4, 2), (2, 3), (3, 5), (5, 4)])
def test_a_new_count_spreads_the_keys_evenly(backend, before, after):
    stream = Stream(backend, shards=before)
    answer = stream.api.update_shard_count(
        StreamName="s", TargetShardCount=after, ScalingType="UNIFORM_SCALING"
    )
    assert (answer["CurrentShardCount"], answer["TargetShardCount"]) == (before, after)
    shards = stream.shards(ShardFilter={"Type": "AT_LATEST"})
    widths = [
        int(s["HashKeyRange"]["EndingHashKey"]) - int(s["HashKeyRange"]["StartingHashKey"]) for s in shards
    ]
    assert len(shards) == after
    assert max(widths) - min(widths) <= 1


def test_a_count_changes_by_a_factor_of_two_at_most_and_ten_times_a_day(backend):
    stream = Stream(backend, shards=2)
    update = stream.api.update_shard_count
    for target in (5, 0):
        with pytest.raises(Exception, match=r"double|TargetShardCount"):
            update(StreamName="s", TargetShardCount=target, ScalingType="UNIFORM_SCALING")
    for number in range(10):
        update(StreamName="s", TargetShardCount=1 + number % 2, ScalingType="UNIFORM_SCALING")
    with refused("LimitExceeded"):
        update(StreamName="s", TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    stream.world.advance(24 * 3600)
    update(StreamName="s", TargetShardCount=2, ScalingType="UNIFORM_SCALING")


def test_consumers_encryption_tags_and_modes_are_kept(stream):
    api = stream.api
    consumer = api.register_stream_consumer(StreamARN=stream.arn, ConsumerName="c")["Consumer"]
    with refused("ResourceInUse"):
        api.register_stream_consumer(StreamARN=stream.arn, ConsumerName="c")
    found = api.describe_stream_consumer(ConsumerARN=consumer["ConsumerARN"])["ConsumerDescription"]
    assert (found["ConsumerStatus"], found["StreamARN"]) == ("ACTIVE", stream.arn)
    with refused("not emulated"):
        api.subscribe_to_shard(
            ConsumerARN=consumer["ConsumerARN"], ShardId="shardId-000000000000",
            StartingPosition={"Type": "LATEST"},
        )  # fmt: skip
    api.start_stream_encryption(StreamName="s", EncryptionType="KMS", KeyId="alias/aws/kinesis")
    assert stream.put()["EncryptionType"] == "KMS"
    api.add_tags_to_stream(StreamName="s", Tags={"a": "1", "b": "2"})
    api.remove_tags_from_stream(StreamName="s", TagKeys=["a"])
    assert api.list_tags_for_stream(StreamName="s")["Tags"] == [{"Key": "b", "Value": "2"}]
    api.update_stream_mode(StreamARN=stream.arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    summary = api.describe_stream_summary(StreamName="s")["StreamDescriptionSummary"]
    assert summary["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert (summary["ConsumerCount"], summary["KeyId"]) == (1, "alias/aws/kinesis")
    with refused("ResourceInUse"):
        api.delete_stream(StreamName="s")
    api.delete_stream(StreamName="s", EnforceConsumerDeletion=True)
    with refused("ResourceNotFound"):
        stream.put()


def test_an_on_demand_stream_begins_with_four_shards(backend):
    stream = _on_demand(backend)
    assert len(stream.shards()) == 4
    with refused("on-demand"):
        stream.api.split_shard(StreamName="s", ShardToSplit="shardId-000000000000", NewStartingHashKey="100")


def _on_demand(backend):
    stream = Stream.__new__(Stream)
    stream.api, stream.world = backend.client("kinesis"), backend.world
    stream.api.create_stream(StreamName="s", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    return stream


def test_pages_of_shards_and_streams(backend):
    stream = Stream(backend, shards=5)
    first = stream.api.list_shards(StreamName="s", MaxResults=2)
    rest = stream.api.list_shards(NextToken=first["NextToken"])
    assert len(first["Shards"] + rest["Shards"]) == 5
    assert "NextToken" not in rest
    stream.world.advance(301)
    with refused("ExpiredNextToken"):
        stream.api.list_shards(NextToken=first["NextToken"])
    assert stream.api.list_streams()["StreamNames"] == ["s"]


def test_a_delivery_becomes_a_record(stream, world):
    heard = []
    delivery = Delivery("arn:aws:events:us-east-1:1:rule/r", "{}", context={"PartitionKey": "p"})
    world.deliver(stream.arn, delivery, heard.append)
    world.deliver(stream.arn + "x", delivery, heard.append)
    record = stream.read()["Records"][0]
    assert (record["Data"], record["PartitionKey"]) == (b"{}", "p")
    assert heard[0] is None
    assert "does not exist" in str(heard[1])


def test_a_world_taken_back_has_the_records_of_that_time(stream, world):
    stream.put(b"a")
    kept = world.snapshot()
    stream.put(b"b")
    stream.api.update_shard_count(StreamName="s", TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    world.restore(kept)
    assert stream.data() == [b"a"]
    assert len(stream.shards()) == 1


def test_a_large_read_uses_up_the_seconds_that_follow(stream):
    for _ in range(4):
        stream.put(b"x" * 1_000_000)
        stream.world.advance(1)
    iterator = stream.iterator()
    assert len(stream.api.get_records(ShardIterator=iterator)["Records"]) == 4
    stream.world.advance(1)
    with refused("ProvisionedThroughputExceeded"):
        stream.api.get_records(ShardIterator=iterator)
    stream.world.advance(1)
    stream.api.get_records(ShardIterator=iterator)


def test_a_long_log_is_trimmed_and_read_on(stream):
    for number in range(3):
        for part in range(4):
            records = [{"Data": f"{number}.{part}".encode(), "PartitionKey": "k"}] * 250
            stream.api.put_records(StreamName="s", Records=records)
        stream.world.advance(12 * 3600 + 1)
    assert len(stream.data()) == 1000
    last = stream.put(b"last")
    assert stream.data(kind="AT_SEQUENCE_NUMBER", StartingSequenceNumber=last["SequenceNumber"]) == [b"last"]
    stream.world.advance(13 * 3600)
    assert stream.data() == [b"last"]

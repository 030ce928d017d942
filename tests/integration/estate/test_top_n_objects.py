"""top-n-objects: every change of the table is a line in the lake, whatever the delivery stream refuses."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from typing import Any

import pytest

from stackproof.fabric.service import ServiceError

PLACE = re.compile(r"dynamodb/streams/transactions/\d{4}/\d\d/\d\d/\d\d/[^/]+\.gz")


class System:
    """The stack: tweets go in, lines come out."""

    def __init__(self, made: Any, aws: Any, fabric: Any, look: Any) -> None:
        self.made, self.fabric, self.look = made, fabric, look
        self.dynamodb, self.firehose = aws("dynamodb"), fabric.world.service("firehose")

    def tweet(self, user: str, *numbers: int) -> None:
        for number in numbers:
            item = {"user_id": {"S": user}, "tweet_id": {"N": str(number)}, "text": {"S": f"text {number}"}}
            self.dynamodb.put_item(TableName=self.made.table("Tweets"), Item=item)

    def lines(self) -> list[dict[str, Any]]:
        self.fabric.run_until_idle()
        objects = self.look.objects(self.made.bucket("Lake"))
        assert all(PLACE.fullmatch(key) for key in objects)
        return [json.loads(line) for data in objects.values() for line in gzip.decompress(data).splitlines()]

    def arrived(self) -> Counter[tuple[str, int]]:
        return Counter((line["user_id"], line["tweet_id"]) for line in self.lines())

    def aside(self) -> list[Any]:
        return list(self.look.take(self.made.queue("FailedRecords")))


@pytest.fixture
def system(stack: Any, aws: Any, fabric: Any, look: Any) -> System:
    return System(stack("templates/top-n-objects", config="test"), aws, fabric, look)


def test_a_tweet_is_a_line_with_the_columns_of_the_table(system: System, aws: Any) -> None:
    system.tweet("ana", 17)
    (line,) = system.lines()
    table = aws("glue").get_table(DatabaseName="ddbtablestats", Name="twitterfeed")["Table"]
    assert list(line) == [column["Name"] for column in table["StorageDescriptor"]["Columns"]]
    assert line == {
        "table_name": system.made.table("Tweets"),
        "user_id": "ana",
        "tweet_id": 17,
        "approx_post_time": "2026-01-01 00:00:00.000",
    }
    assert [key["Name"] for key in table["PartitionKeys"]] == ["year", "month", "day", "hour"]


def test_lines_wait_for_each_other_and_hours_have_objects_of_their_own(system: System) -> None:
    system.tweet("ana", *range(10))
    system.lines()
    system.fabric.advance(3600)
    system.tweet("ana", 10)
    assert sum(system.arrived().values()) == 11
    keys = sorted(system.look.objects(system.made.bucket("Lake")))
    assert [key.split("/")[3:7] for key in keys] == [
        ["2026", "01", "01", "00"],
        ["2026", "01", "01", "01"],
    ]


def test_the_query_counts_the_ten_who_wrote_most(system: System, aws: Any) -> None:
    query = aws("athena").get_named_query(NamedQueryId=system.made["TopTen"].physical_id)["NamedQuery"]
    text = " ".join(query["QueryString"].split())
    assert "COUNT(DISTINCT tweet_id)" in text
    assert text.endswith("LIMIT 10")
    assert query["Database"] == "ddbtablestats"


def _throttled(system: System, share: int, until: int) -> list[bytes]:
    """Refuse one of ``share`` records, ``until`` so many were refused. Answers what was refused so far."""
    refused: list[bytes] = []
    seen = 0

    def refuse(name: str, data: bytes) -> bool:
        nonlocal seen
        seen += 1
        if seen % share or len(refused) >= until:
            return False
        refused.append(data)
        return True

    system.firehose.refusals.append(refuse)
    return refused


@pytest.mark.parametrize("share", [1, 2, 3, 7])
def test_records_that_are_throttled_in_part_are_all_put_again(share: int, system: System) -> None:
    refused = _throttled(system, share, until=200)
    wanted = {(user, number) for user in ("ana", "bo") for number in range(40)}
    for user in ("ana", "bo"):
        system.tweet(user, *range(40))
    assert set(system.arrived()) == wanted
    assert refused
    assert system.aside() == []


def test_what_was_taken_is_not_put_again_with_what_was_refused(system: System) -> None:
    refused = _throttled(system, 3, until=10)
    system.tweet("ana", *range(30))
    assert system.arrived() == Counter({("ana", number): 1 for number in range(30)})
    assert len(refused) == 10


def test_calls_that_are_refused_whole_lose_nothing(system: System, fabric: Any) -> None:
    refused = []

    def refuse(service: str, operation: str, params: Any, caller: Any) -> None:
        if operation == "PutRecordBatch" and len(refused) < 20:
            refused.append(params)
            raise ServiceError("ServiceUnavailableException", "Slow down.", status=503)

    fabric.world.guards.append(refuse)
    system.tweet("ana", *range(30))
    assert set(system.arrived()) == {("ana", number) for number in range(30)}
    assert len(refused) == 20
    assert system.aside() == []


def test_a_record_that_is_refused_for_minutes_holds_up_only_what_comes_after_it(system: System) -> None:
    world = system.fabric.world
    system.firehose.refusals.append(
        lambda name, data: b'"tweet_id": 5,' in data and world.clock.elapsed < 600
    )
    system.tweet("ana", *range(10))
    assert set(system.arrived()) == {("ana", number) for number in range(10)}
    assert system.aside() == []


@pytest.mark.parametrize("point", ["before firehose.PutRecordBatch", "after firehose.PutRecordBatch"])
def test_a_forwarder_that_dies_loses_nothing(point: str, system: System, faults: Any) -> None:
    died = faults.crash(point, times=3)
    system.tweet("ana", *range(20))
    assert set(system.arrived()) == {("ana", number) for number in range(20)}
    assert len(died) == 3


def test_an_object_that_s3_refuses_is_written_later(system: System, fabric: Any) -> None:
    refused = []

    def refuse(service: str, operation: str, params: Any, caller: Any) -> None:
        if operation == "PutObject" and len(refused) < 5:
            refused.append(params["Key"])
            raise ServiceError("SlowDown", "later", status=503)

    fabric.world.guards.append(refuse)
    system.tweet("ana", 1)
    assert system.arrived() == Counter({("ana", 1): 1})
    assert len(refused) == 5


def test_what_is_refused_for_ever_is_set_aside_by_its_place_in_the_stream(system: System) -> None:
    system.firehose.refusals.append(lambda name, data: b'"tweet_id": 5,' in data)
    system.tweet("ana", *range(10))
    found = system.arrived()
    assert set(found) == {("ana", number) for number in range(10)} - {("ana", 5)}
    (aside,) = system.aside()
    assert json.loads(aside["Body"])["DDBStreamBatchInfo"]["batchSize"] == 1

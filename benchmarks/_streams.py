"""The streams that ``benchmarks.fabric`` measures: ``python -m benchmarks._streams NAME COUNT [JOURNAL]``.

A Kinesis stream of ten shards through a function into a table, and the stream of a table through a function
into another table: the same records and handlers through the fabric and through ministack's own event
source mappings.
"""

from __future__ import annotations

import io
import json
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from benchmarks._pipelines import (
    ACCOUNT,
    REGION,
    Measured,
    _check,
    _memory,
    _ministack,
    _stored,
    _timed,
)

SHARDS, BATCH, CALL = 10, 100, 500
PATIENCE = 240
"""Seconds after which a peer that stores nothing more is given up."""
KINESIS_HANDLER = """
import base64
import boto3

table = boto3.client("dynamodb")

def handler(event, context):
    for record in event["Records"]:
        text = base64.b64decode(record["kinesis"]["data"]).decode()
        item = {"id": {"S": record["kinesis"]["partitionKey"]}, "text": {"S": text}}
        table.put_item(TableName="benchmark", Item=item)
"""
TABLE_HANDLER = """
import boto3

table = boto3.client("dynamodb")

def handler(event, context):
    for record in event["Records"]:
        table.put_item(TableName="benchmark", Item=record["dynamodb"]["NewImage"])
"""


def _table(client: Callable[[str], Any], name: str, **settings: Any) -> dict[str, Any]:
    made: dict[str, Any] = client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        **settings,
    )["TableDescription"]
    return made


def _function(client: Callable[[str], Any], code: str, source: str) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("index.py", code)
    client("lambda").create_function(
        FunctionName="benchmark",
        Runtime="python3.12",
        Handler="index.handler",
        Timeout=60,
        Role=f"arn:aws:iam::{ACCOUNT}:role/benchmark",
        Code={"ZipFile": held.getvalue()},
    )
    client("lambda").create_event_source_mapping(
        EventSourceArn=source, FunctionName="benchmark", BatchSize=BATCH, StartingPosition="TRIM_HORIZON"
    )


def _kinesis(client: Callable[[str], Any]) -> None:
    client("kinesis").create_stream(StreamName="benchmark", ShardCount=SHARDS)
    _table(client, "benchmark")
    _function(client, KINESIS_HANDLER, f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/benchmark")


def _put(kinesis: Any, count: int, pause: Callable[[], object], first: int = 0) -> None:
    """Put records, those that a full shard refused once more after a second."""
    left = [{"Data": f"record {n}".encode(), "PartitionKey": f"{n}"} for n in range(first, first + count)]
    while left:
        part, left = left[:CALL], left[CALL:]
        answers = kinesis.put_records(StreamName="benchmark", Records=part)["Records"]
        refused = [one for one, answer in zip(part, answers, strict=True) if "ErrorCode" in answer]
        if refused:
            pause()
            left = refused + left


def _changed(client: Callable[[str], Any]) -> None:
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    arn = _table(client, "source", StreamSpecification=stream)["LatestStreamArn"]
    _table(client, "benchmark")
    _function(client, TABLE_HANDLER, arn)


def _write(dynamodb: Any, count: int, first: int = 0) -> None:
    for start in range(first, first + count, 25):
        numbers = range(start, min(start + 25, first + count))
        puts = [{"PutRequest": {"Item": {"id": {"S": f"{n}"}, "text": {"S": "record"}}}} for n in numbers]
        dynamodb.batch_write_item(RequestItems={"source": puts})


# The fabric.


def _in_world(
    count: int, journal: str, prepare: Callable[[Any], None], send: Callable[[Any, int], None]
) -> Measured:
    from stackproof.backends.embedded import EmbeddedBackend

    with EmbeddedBackend(journal=journal) as backend:
        prepare(backend.client)

        def work() -> None:
            send(backend, count)
            backend.world.run_until_idle()

        seconds, cpu = _timed(work)
        memory = _memory()
        _check(count, _stored(backend.client("dynamodb")))
        return Measured(seconds, cpu, memory, count)


def kinesis_fabric(count: int, journal: str) -> Measured:
    """Kinesis to Lambda to DynamoDB; a second passes whenever a shard is full."""
    return _in_world(
        count, journal, _kinesis, lambda backend, n: _put(
            backend.client("kinesis"), n, lambda: backend.world.advance(1)
        ),
    )  # fmt: skip


def table_fabric(count: int, journal: str) -> Measured:
    """The stream of a table to Lambda to another table."""
    return _in_world(count, journal, _changed, lambda backend, n: _write(backend.client("dynamodb"), n))


# ministack, as a process.


def _in_ministack(
    count: int, prepare: Callable[[Any], None], send: Callable[[Any, int, int], None]
) -> Measured:
    with _ministack() as server:
        prepare(server.client)
        dynamodb = server.client("dynamodb")
        send(server.client, BATCH, 0)  # its worker process is warm after this
        _arrived(dynamodb, BATCH)

        def work() -> None:
            send(server.client, count, BATCH)
            _arrived(dynamodb, count + BATCH)

        seconds, cpu = _timed(work, server.cpu)
        memory = server.memory()
        _check(count + BATCH, _stored(dynamodb))
        return Measured(seconds, cpu, memory, count)


def _arrived(dynamodb: Any, wanted: int) -> None:
    last, since = -1, time.monotonic()
    while (stored := _stored(dynamodb)) < wanted:
        if stored != last:
            last, since = stored, time.monotonic()
        if time.monotonic() - since > PATIENCE:
            raise RuntimeError(f"ministack stored {stored} of {wanted} and then nothing for {PATIENCE} s")
        time.sleep(0.1)


def kinesis_ministack(count: int) -> Measured:
    """Its poller works while records arrive; the end is when all are stored."""
    return _in_ministack(
        count, _kinesis,
        lambda client, n, first: _put(client("kinesis"), n, lambda: time.sleep(1), first),
    )  # fmt: skip


def table_ministack(count: int) -> Measured:
    """As above, for the stream of a table."""
    return _in_ministack(count, _changed, lambda client, n, first: _write(client("dynamodb"), n, first))


MEASUREMENTS: dict[str, Callable[..., Measured]] = {
    work.__name__: work for work in (kinesis_fabric, kinesis_ministack, table_fabric, table_ministack)
}

if __name__ == "__main__":
    name, number, *rest = sys.argv[1:]
    print(json.dumps(asdict(MEASUREMENTS[name](int(number), *rest))))

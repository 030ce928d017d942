"""What it costs to take a world back: snapshot and restore at growing depth, after one change each.

A world of tables, objects and waiting messages; ``copy.deepcopy`` of the same state is measured beside.
"""

from __future__ import annotations

import copy
import time
from statistics import median
from typing import Any

SIZES = (100, 1_000, 10_000)
ROUNDS = 7


def _filled(backend: Any, size: int) -> None:
    dynamodb, s3, sqs = (backend.client(name) for name in ("dynamodb", "s3", "sqs"))
    dynamodb.create_table(
        TableName="table",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    s3.create_bucket(Bucket="bucket")
    url = sqs.create_queue(QueueName="queue")["QueueUrl"]
    for index in range(size):
        dynamodb.put_item(TableName="table", Item={"k": {"S": str(index)}, "n": {"N": "1"}})
        sqs.send_message(QueueUrl=url, MessageBody="message")
        if index % 10 == 0:
            s3.put_object(Bucket="bucket", Key=str(index), Body=b"x" * 1000)


def _milliseconds(action: Any, between: Any) -> float:
    taken = []
    for _ in range(ROUNDS):
        between()
        start = time.perf_counter()
        action()
        taken.append((time.perf_counter() - start) * 1000)
    return median(taken)


def run(*, quick: bool = False) -> None:
    """Print the table."""
    from moto.dynamodb.models import dynamodb_backends

    from stackproof.backends.embedded import EmbeddedBackend

    print("Taking a world back: items of a table, as many messages, a tenth as many objects; milliseconds")
    print(f"{'items':>9} {'snapshot':>10} {'restore':>10} {'deepcopy of the table':>23}")
    for size in SIZES[:2] if quick else SIZES:
        with EmbeddedBackend() as backend:
            _filled(backend, size)
            dynamodb = backend.client("dynamodb")

            def change(client: Any = dynamodb) -> None:
                client.put_item(TableName="table", Item={"k": {"S": "0"}, "n": {"N": "2"}})

            taken = _milliseconds(backend.world.snapshot, change)
            state = backend.world.snapshot()
            back = _milliseconds(lambda w=backend.world, s=state: w.restore(s), change)
            table = dynamodb_backends[backend.account][backend.region].tables["table"]
            deep = _milliseconds(lambda t=table: copy.deepcopy(t), change)
        print(f"{size:>9} {taken:>10.1f} {back:>10.1f} {deep:>23.1f}")

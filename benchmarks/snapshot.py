"""What it costs to take a world back: snapshot and restore at growing depth, after one change each.

A world of tables, objects and waiting messages; ``copy.deepcopy`` of the same state is measured beside. Then
a world of warm execution environments.
"""

from __future__ import annotations

import copy
import tempfile
import time
from pathlib import Path
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


HANDLER = """
from aws_lambda_powertools import Logger, Metrics
import functools
logger, metrics = Logger(service="s"), Metrics(namespace="n", service="s")
seen = {str(n): {"n": n} for n in range(100)}

@functools.lru_cache
def remembered(n):
    return n

@logger.inject_lambda_context
def handler(event, context):
    with open("/tmp/seen", "a") as file:
        file.write("x")
    seen[str(len(seen))] = {"n": remembered(len(seen))}
    return len(seen)
"""
WARM = (1, 10, 100)


def _warm(backend: Any, folder: Path, functions: int) -> None:
    (folder / "app.py").write_text(HANDLER)
    service, client = backend.world.service("lambda"), backend.client("lambda")
    for number in range(functions):
        service.register_code(f"f{number}", folder)
        client.create_function(
            FunctionName=f"f{number}",
            Runtime="python3.12",
            Handler="app.handler",
            Role="arn:aws:iam::123456789012:role/runs-functions",
            Code={"ZipFile": b"-"},
        )
        client.invoke(FunctionName=f"f{number}", Payload=b"{}")


def _environments(*, quick: bool) -> None:
    from stackproof.backends.embedded import EmbeddedBackend

    print("Taking warm execution environments back, all of them used since; milliseconds")
    print(f"{'warm':>9} {'snapshot':>10} {'restore':>10}")
    for functions in WARM[:2] if quick else WARM:
        with tempfile.TemporaryDirectory() as folder, EmbeddedBackend() as backend:
            _warm(backend, Path(folder), functions)
            client = backend.client("lambda")

            def use(client: Any = client, functions: int = functions) -> None:
                for number in range(functions):
                    client.invoke(FunctionName=f"f{number}", Payload=b"{}")

            taken = _milliseconds(backend.world.snapshot, use)
            state = backend.world.snapshot()
            back = _milliseconds(lambda w=backend.world, s=state: w.restore(s), use)
        print(f"{functions:>9} {taken:>10.1f} {back:>10.1f}")


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
    _environments(quick=quick)

"""Whatever the schedule, the failures and the resharding: nothing is lost, and each key keeps its order."""

from __future__ import annotations

import random

import pytest

from stackproof.fabric.choice import Seeded

SOMETIMES = """
import base64, random, time

def handler(event, context):
    time.sleep(random.random())
    failed = [r["kinesis"]["sequenceNumber"] for r in event["Records"] if random.random() < 0.1]
    if random.random() < 0.1:
        raise RuntimeError("all of it")
    for record in event["Records"]:
        if record["kinesis"]["sequenceNumber"] in failed:
            break
        print("done", record["kinesis"]["partitionKey"], base64.b64decode(record["kinesis"]["data"]).decode())
    return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}
"""


@pytest.mark.parametrize("seed", range(12))
def test_every_record_is_handled_and_none_overtakes_its_key(make_lab, seed):
    lab = make_lab(seed=seed, chooser=Seeded(seed))
    dice = random.Random(seed)
    kinesis = lab.backend.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=2)
    lab.function("f", SOMETIMES, Timeout=30)
    made = lab.aws.create_event_source_mapping(
        EventSourceArn=f"arn:aws:kinesis:us-east-1:{lab.backend.account}:stream/s", FunctionName="f",
        StartingPosition="TRIM_HORIZON", BatchSize=dice.randint(1, 8),
        MaximumBatchingWindowInSeconds=dice.choice([0, 2]), ParallelizationFactor=dice.randint(1, 3),
        BisectBatchOnFunctionError=dice.random() < 0.5, FunctionResponseTypes=["ReportBatchItemFailures"],
    )  # fmt: skip
    for number in range(40):
        kinesis.put_record(StreamName="s", Data=f"{number}".encode(), PartitionKey=f"key{number % 5}")
        if number in (10, 25):
            target = dice.choice([1, 3, 4]) if number == 10 else 2
            kinesis.update_shard_count(StreamName="s", TargetShardCount=target, ScalingType="UNIFORM_SCALING")
        if number == 18:
            lab.aws.update_event_source_mapping(UUID=made["UUID"], Enabled=False)
        if number == 30:
            lab.aws.update_event_source_mapping(UUID=made["UUID"], Enabled=True)
        lab.world.advance(dice.choice([0, 0.3]))
    lab.run()
    written = "".join(line for done in lab.invocations for line in done.lines)
    lines = [line for line in written.splitlines() if line.startswith("done")]
    handled = [(line.split()[1], int(line.split()[2])) for line in lines]
    for key in range(5):
        order = [number for name, number in handled if name == f"key{key}"]
        first_seen = list(dict.fromkeys(order))
        assert first_seen == [number for number in range(40) if number % 5 == key]

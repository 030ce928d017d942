"""What becomes of records that a mapping on a stream gives up: the document for its on-failure destination.

Source: developer guide, "Retaining discarded records"; the shapes are as AWS recorded them.
"""

from __future__ import annotations

import json
from typing import Any

from stackproof.fabric import arns
from stackproof.fabric.clock import iso
from stackproof.fabric.functions.environment import identity
from stackproof.fabric.functions.invocation import Invocation, Outcome
from stackproof.fabric.functions.model import Version
from stackproof.fabric.mappings.lanes import Batch
from stackproof.fabric.mappings.model import EventSourceMapping
from stackproof.fabric.service import Delivery, ServiceError
from stackproof.fabric.world import World

RETRIES, AGE = "RetryAttemptsExhausted", "RecordAgeExceeded"
"""Why records are given up, as the documents name it."""


def document(
    batch: Batch,
    mapping: EventSourceMapping,
    shard: str,
    condition: str,
    failed: tuple[Invocation, Outcome] | None,
    info: dict[str, Any],
    now_ms: int,
    request_id: str,
) -> dict[str, Any]:
    """The document. The only key of ``info`` names the part about the batch, its value holds the times."""
    context: dict[str, Any] = {
        "requestId": failed[0].request_id if failed else request_id,
        "functionArn": mapping.target,
        "condition": condition,
        "approximateInvokeCount": batch.attempts,
    }
    found: dict[str, Any] = {"requestContext": context}
    if failed:
        invocation, outcome = failed
        found["responseContext"] = {
            "statusCode": 200,
            "executedVersion": invocation.version.number,
            "functionError": outcome.error or None,
        }
    ((name, times),) = info.items()
    sequences = batch.sequences
    found |= {"version": "1.0", "timestamp": iso(now_ms)}
    found[name] = {
        "shardId": shard,
        "startSequenceNumber": sequences[0],
        "endSequenceNumber": sequences[-1],
        **times,
        "batchSize": len(sequences),
        "streamArn": mapping.source,
    }
    return found


class Destination:
    """Sends documents to queues, topics and buckets."""

    def __init__(self, world: World) -> None:
        self._world = world

    def send(
        self,
        mapping: EventSourceMapping,
        version: Version | None,
        found: dict[str, Any],
        batch: Batch,
        shard: str,
    ) -> None:
        """Deliver to the mapping's on-failure destination, if it has one."""
        configured = mapping.given.get("DestinationConfig") or {}
        target = (configured.get("OnFailure") or {}).get("Destination", "")
        if not target:
            return
        if target.split(":")[2:3] == ["s3"]:
            self._to_bucket(mapping, version, target, found, batch, shard)
            return
        principal = "lambda.amazonaws.com" if version is None else identity(version).arn
        delivery = Delivery(mapping.function, json.dumps(found), principal=principal)
        self._world.deliver(target, delivery, _Report(self._world, mapping, target))

    def _to_bucket(
        self,
        mapping: EventSourceMapping,
        version: Version | None,
        target: str,
        found: dict[str, Any],
        batch: Batch,
        shard: str,
    ) -> None:
        """One object with the records themselves, under the key that the developer guide gives."""
        stamp = found["timestamp"][:19]
        day = stamp[:10].replace("-", "/")
        name = f"{stamp.replace(':', '.')}-{self._world.ids.uuid()}"
        params = {
            "Bucket": arns.last(target),
            "Key": f"aws/lambda/{mapping.uuid}/{shard}/{day}/{name}",
            "Body": json.dumps(
                {**found, "payload": {"Records": [entry for _, entry in batch.pairs]}}
            ).encode(),
        }
        caller = self._world.caller(mapping.account, mapping.region) if version is None else identity(version)
        try:
            self._world.call("s3", "PutObject", params, caller)
        except ServiceError as error:
            _Report(self._world, mapping, target)(error)


class _Report:
    """Writes down that a document was lost; nobody retries it."""

    def __init__(self, world: World, mapping: EventSourceMapping, target: str) -> None:
        self._world, self._mapping, self._target = world, mapping, target

    def __call__(self, error: Exception | None) -> None:
        if error is not None:
            name = arns.last(self._mapping.function)
            self._world.journal.record(
                f"{name} mapping", "lambda.DestinationFailed", arns.last(self._target), {"reason": str(error)}
            )

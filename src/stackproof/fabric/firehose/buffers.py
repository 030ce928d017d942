"""Buffers before S3: records gather until they are many or old enough, then they are one object.

A buffer is full when it holds as many bytes (before compression) as its hint says, or when its oldest record
has waited as long. An object that S3 refuses is written again with growing pauses for up to 24 hours, then it
is lost. Source: Firehose developer guide, "Understand data delivery in Amazon Data Firehose".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from stackproof.fabric.firehose import packing, prefixes
from stackproof.fabric.firehose.model import DeliveryStream, Failure, Item, Output, output
from stackproof.fabric.outlets import session
from stackproof.fabric.service import ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.firehose.service import FirehoseService

PRINCIPAL = "firehose.amazonaws.com"
DATA, BACKUP = "data", "backup"
_PATIENCE_MS = 86_400_000
_LONGEST_PAUSE = 120.0


class Place(NamedTuple):
    """Which buffer: ``kind`` is ``data``, ``backup`` or what kind of failure its records are of."""

    stream: str
    kind: str
    keys: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Held:
    """What a buffer holds; ``number`` tells one filling from the next."""

    number: int
    since_ms: int
    size: int = 0
    chunks: list[bytes] = field(default_factory=list)

    def clone(self) -> Held:
        """A copy of its own."""
        return Held(self.number, self.since_ms, self.size, list(self.chunks))


class Buffers:
    """``held`` is by place."""

    def __init__(self, service: FirehoseService) -> None:
        self._service = service
        self._world = service.world
        self.held: dict[Place, Held] = {}
        self._number = 0

    def add(self, stream: DeliveryStream, kind: str, items: Iterable[Item]) -> None:
        """Put records into the buffer of their kind and partition."""
        sorted_out: dict[Place, list[bytes]] = {}
        arrived: dict[Place, int] = {}
        for item in items:
            place = Place(stream.arn, kind, item.keys if kind == DATA else ())
            sorted_out.setdefault(place, []).append(item.data)
            arrived.setdefault(place, item.ms)
        for place, chunks in sorted_out.items():
            self._add(stream, place, chunks, arrived[place])

    def fail(self, stream: DeliveryStream, kind: str, items: Sequence[Item], failure: Failure) -> None:
        """Put records among the failed ones, as lines of JSON that say why."""
        now = self._world.clock.ms
        for item in items:
            line: dict[str, Any] = {
                "attemptsMade": failure.attempts,
                "arrivalTimestamp": item.ms,
                "errorCode": failure.code,
                "errorMessage": failure.message,
                "attemptEndingTimestamp": now,
                "rawData": base64.b64encode(item.data).decode(),
            }
            if failure.lambda_arn:
                line["lambdaArn"] = failure.lambda_arn
            self._add(stream, Place(stream.arn, kind), [f"{json.dumps(line)}\n".encode()], item.ms)

    def _add(self, stream: DeliveryStream, place: Place, chunks: list[bytes], ms: int) -> None:
        known = self.held.get(place)
        size = sum(map(len, chunks))
        wanted = self._output(stream, place.kind)
        if known is None:
            self._number += 1
            known = self.held[place] = Held(self._number, ms)
            label = f"{stream.name}: {place.kind} is delivered"
            self._world.scheduler.after(wanted.seconds, label, self._due, place, known.number)
        known.size += size
        known.chunks += chunks
        if known.size >= wanted.bytes:
            self._deliver(stream, place)

    @staticmethod
    def _output(stream: DeliveryStream, kind: str) -> Output:
        backup = stream.destination.get("S3BackupDescription")
        return output(backup if kind == BACKUP and backup else stream.destination)

    # Delivering.

    def _due(self, place: Place, number: int) -> None:
        stream, held = self._service.streams.get(place.stream), self.held.get(place)
        if stream is not None and held is not None and held.number == number:
            self._deliver(stream, place)

    def _deliver(self, stream: DeliveryStream, place: Place) -> None:
        held = self.held.pop(place)
        wanted, ids = self._output(stream, place.kind), self._world.ids
        good = place.kind in (DATA, BACKUP)
        if good:
            keys = dict(place.keys)
            prefix = prefixes.evaluated(wanted.prefix, held.since_ms, wanted.zone, ids, keys)
        else:
            prefix = prefixes.evaluated_for_errors(
                wanted.prefix, wanted.error_prefix, place.kind, held.since_ms, wanted.zone, ids
            )
        extension = wanted.extension or packing.EXTENSIONS[wanted.compression]
        key = prefixes.key(
            prefix, stream.name, stream.version, held.since_ms, wanted.zone, ids, extension if good else ""
        )
        data = b"".join(held.chunks)
        if good:
            data = packing.packed(data, wanted.compression, key.rpartition("/")[2].removesuffix(extension))
        now = self._world.clock.ms
        self._world.scheduler.soon(
            f"{stream.name} to {wanted.bucket}", self._write, stream, wanted, key, data, now, 0
        )

    def _write(
        self, stream: DeliveryStream, wanted: Output, key: str, data: bytes, since_ms: int, attempt: int
    ) -> None:
        world = self._world
        params: dict[str, Any] = {"Bucket": wanted.bucket, "Key": key, "Body": data}
        if wanted.key:
            params |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": wanted.key}
        caller = session(world, wanted.role, stream.arn, PRINCIPAL)
        try:
            world.call("s3", "PutObject", params, caller)
        except ServiceError as error:
            if world.clock.ms - since_ms < _PATIENCE_MS:
                pause = min(2.0**attempt, _LONGEST_PAUSE)
                label = f"{stream.name} to {wanted.bucket}: retry {attempt + 1}"
                world.scheduler.after(
                    pause, label, self._write, stream, wanted, key, data, since_ms, attempt + 1
                )
                return
            world.journal.record(
                stream.name, "firehose.DataLost", wanted.bucket, {"key": key}, f"error {error.message}"
            )

    def forget(self, arn: str) -> None:
        """Drop everything that a stream's buffers hold."""
        for place in [place for place in self.held if place.stream == arn]:
            del self.held[place]

    def snapshot(self) -> Any:
        """Copies of the buffers."""
        return {place: held.clone() for place, held in self.held.items()}, self._number

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        held, self._number = state
        self.held = {place: one.clone() for place, one in held.items()}

"""Registered consumers (enhanced fan-out) and the resource policies of streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stackproof.fabric.kinesis import errors
from stackproof.fabric.kinesis.stream import Consumer, Stream
from stackproof.fabric.kinesis.views import moment
from stackproof.fabric.service import Caller, Operation, Params, Response

if TYPE_CHECKING:
    from stackproof.fabric.kinesis.service import KinesisService

MOST_CONSUMERS = 20


class Consumers:
    """A consumer's own throughput is not limited here; SubscribeToShard is refused."""

    def __init__(self, service: KinesisService) -> None:
        self._service = service
        self._world = service.world
        self.operations: Mapping[str, Operation] = {
            "RegisterStreamConsumer": self.register,
            "DeregisterStreamConsumer": self.deregister,
            "DescribeStreamConsumer": self.describe,
            "ListStreamConsumers": self.list,
            "SubscribeToShard": self.subscribe,
        }

    def register(self, params: Params, caller: Caller) -> Response:
        """A consumer of a stream: up to 20."""
        stream = self._service.find(params, caller)
        name = params["ConsumerName"]
        if name in stream.consumers:
            raise errors.in_use(
                f"Consumer {name} under stream {stream.name} already exists for account {stream.account}."
            )
        if len(stream.consumers) >= MOST_CONSUMERS:
            raise errors.limit(f"Stream {stream.name} has reached its limit of {MOST_CONSUMERS} consumers.")
        ms = self._world.clock.ms
        arn = f"{stream.arn}/consumer/{name}:{ms // 1000}"
        consumer = stream.consumers[name] = Consumer(name, arn, ms, dict(params.get("Tags") or {}))
        return {"Consumer": _shown(consumer, "CREATING")}

    def _find(self, params: Params, caller: Caller) -> tuple[Stream, Consumer]:
        arn, name = params.get("ConsumerARN", ""), params.get("ConsumerName", "")
        if arn:
            stream = self._service.streams.get(self._service.stream_arn(arn))
        else:
            stream = self._service.find(params, caller)
        for consumer in stream.consumers.values() if stream else ():
            if stream is not None and (consumer.arn == arn if arn else consumer.name == name):
                return stream, consumer
        raise errors.not_found(
            f"Consumer {arn or name} under account {caller.account} not found."
            if arn or not stream
            else f"Consumer {name}, under stream {stream.name} for account {caller.account} not found."
        )

    def deregister(self, params: Params, caller: Caller) -> Response:
        """Take a consumer away."""
        stream, consumer = self._find(params, caller)
        del stream.consumers[consumer.name]
        return {}

    def describe(self, params: Params, caller: Caller) -> Response:
        """One consumer."""
        stream, consumer = self._find(params, caller)
        return {"ConsumerDescription": {**_shown(consumer, "ACTIVE"), "StreamARN": stream.arn}}

    def list(self, params: Params, caller: Caller) -> Response:
        """All consumers of a stream, by page."""
        stream = self._service.find(params, caller)
        after = params.get("NextToken", "")
        names = sorted(name for name in stream.consumers if name > after)
        most = params.get("MaxResults") or 100
        answer: Response = {"Consumers": [_shown(stream.consumers[name], "ACTIVE") for name in names[:most]]}
        if len(names) > most:
            answer["NextToken"] = names[most - 1]
        return answer

    def subscribe(self, params: Params, caller: Caller) -> Response:
        """Refused: records are not pushed over HTTP/2 here."""
        raise errors.not_emulated(
            "SubscribeToShard", "read with GetRecords, or use an event source mapping of the consumer"
        )


def _shown(consumer: Consumer, status: str) -> Response:
    return {
        "ConsumerName": consumer.name,
        "ConsumerARN": consumer.arn,
        "ConsumerStatus": status,
        "ConsumerCreationTimestamp": moment(consumer.created_ms),
    }

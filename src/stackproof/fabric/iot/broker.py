"""Messages: published, retained, handed to topic rules and to who subscribed.

Sources: developer guide, "MQTT" and "Handling errors (error action)". A rule's actions run in the order in
which they stand; one that fails is not tried again here but hands the message to the error action.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.iot import errors, sql
from stackproof.fabric.iot.evaluate import Message, decoded, select
from stackproof.fabric.iot.topics import is_filter, matches
from stackproof.fabric.service import Caller, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.iot.service import IotService

_LARGEST = 128 * 1024
_LONGEST_TOPIC, _SLASHES = 256, 7
_BASIC_INGEST = "$aws/rules/"

Listener = Callable[[str, bytes], None]


@dataclass(frozen=True, slots=True)
class Retained:
    """The last retained message of a topic."""

    payload: bytes
    qos: int
    ms: int


class Broker:
    """``retained`` by (account, region, topic)."""

    def __init__(self, service: IotService) -> None:
        self._service = service
        self._world = service.world
        self.retained: dict[tuple[str, str, str], Retained] = {}
        self._listeners: list[tuple[str, str, str, Listener]] = []

    def subscribe(self, place: Caller, pattern: str, listener: Listener) -> Callable[[], None]:
        """Call ``listener(topic, payload)`` on the agenda for each message; the result ends it."""
        if not is_filter(pattern):
            raise errors.invalid(f"{pattern} is no topic filter")
        entry = (place.account, place.region, pattern, listener)
        self._listeners.append(entry)
        for (account, region, topic), kept in self.retained.items():
            if (account, region) == entry[:2] and matches(pattern, topic):
                self._world.scheduler.soon(f"retained {topic}", listener, topic, kept.payload)
        return lambda: self._listeners.remove(entry)

    def publish(
        self,
        place: Caller,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        qos: int = 0,
        client: str = "",
        actor: str = "",
    ) -> None:
        """Take a message; rules and subscribers get it as work on the agenda."""
        _check(topic, payload)
        world = self._world
        shown = {"payload": payload.decode("utf-8", "replace")}
        world.journal.record(actor or place.actor, "iot.Message", topic, shown)
        if retain:
            key = (place.account, place.region, topic)
            if payload:
                self.retained[key] = Retained(payload, qos, world.clock.ms)
            else:
                self.retained.pop(key, None)
        message = Message(
            topic, payload, decoded(payload), world.clock.ms, place.account, client, world.ids.uuid()
        )
        if topic.startswith(_BASIC_INGEST):
            self._ingest(place, message)
            return
        self._service.shadows.received(place, message)
        for rule in self._service.rules.of(place):
            if rule.enabled and matches(rule.statement.source, topic):
                world.scheduler.soon(f"{topic} to rule {rule.name}", self.apply, rule.key, message)
        for account, region, pattern, listener in self._listeners:
            if (account, region) == (place.account, place.region) and matches(pattern, topic):
                world.scheduler.soon(f"{topic} to {pattern}", listener, topic, payload)

    def _ingest(self, place: Caller, message: Message) -> None:
        """Basic ingest: the message goes to one rule, named in its topic, and to nobody else."""
        name, _, topic = message.topic.removeprefix(_BASIC_INGEST).partition("/")
        rule = self._service.rules.table.get((place.account, place.region, name))
        if rule is not None and rule.enabled:
            inner = Message(
                topic,
                message.payload,
                message.document,
                message.ms,
                message.account,
                message.client,
                message.uuid,
            )
            self._world.scheduler.soon(f"{topic} to rule {name}", self.apply, rule.key, inner)

    def apply(self, key: tuple[str, str, str], message: Message) -> None:
        """Run a rule for a message."""
        rule = self._service.rules.table.get(key)
        if rule is None:
            return
        payload = select(rule.statement, message)
        if payload is None:
            return
        place = self._world.caller(rule.account, rule.region, actor=rule.name)
        failures: list[dict[str, Any]] = []
        for action in rule.actions:
            ((kind, settings),) = action.items()
            try:
                self._service.actions.perform(action, payload, message, rule.arn, place)
            except (ServiceError, sql.Malformed) as error:
                resource = _resource(settings)
                detail = {"action": kind, "topic": message.topic}
                self._world.journal.record(
                    rule.name, "iot.ActionFailed", arns.last(resource) or kind, detail, f"error {error}"
                )
                failures.append(
                    {"failedAction": f"{kind[0].upper()}{kind[1:]}Action", "failedResource": resource,
                     "errorMessage": str(error)}
                )  # fmt: skip
        if failures and rule.error_action:
            self._failed(rule, message, failures, place)

    def _failed(self, rule: Any, message: Message, failures: list[dict[str, Any]], place: Caller) -> None:
        document = {
            "ruleName": rule.name, "topic": message.topic, "cloudwatchTraceId": message.uuid,
            "clientId": message.client or "N/A", "sourceIp": "N/A",
            "base64OriginalPayload": base64.b64encode(message.payload).decode(), "failures": failures,
        }  # fmt: skip
        ((kind, settings),) = rule.error_action.items()
        try:
            body = json.dumps(document).encode()
            self._service.actions.perform(rule.error_action, body, message, rule.arn, place)
        except (ServiceError, sql.Malformed) as error:
            target = arns.last(_resource(settings)) or kind
            self._world.journal.record(
                rule.name, "iot.MessageLost", target, {"topic": message.topic}, f"error {error}"
            )


def _resource(settings: dict[str, Any]) -> str:
    names = ("functionArn", "queueUrl", "targetArn", "tableName", "streamName", "bucketName", "topic",
             "deliveryStreamName", "alarmName", "logGroupName", "metricName")  # fmt: skip
    return next((str(settings[name]) for name in names if settings.get(name)), "")


def _check(topic: str, payload: bytes) -> None:
    reserved = topic.startswith("$")
    if not topic or "+" in topic or "#" in topic or "\0" in topic:
        raise errors.invalid(f"{topic!r} is no topic that can be published to")
    if len(topic.encode()) > _LONGEST_TOPIC and not reserved:
        raise errors.invalid(f"a topic has {_LONGEST_TOPIC} bytes at most")
    if topic.count("/") > _SLASHES and not reserved:
        raise errors.invalid(f"a topic has {_SLASHES} slashes at most")
    if len(payload) > _LARGEST:
        raise ServiceError("RequestEntityTooLargeException", "a payload has 128 KB at most", status=413)

"""Subscriptions of functions to topics at an endpoint: a queue between the topic and our loader.

The endpoint would invoke a function that it does not have. A subscription with protocol ``lambda`` becomes
one of a queue with the same attributes (filter policy, redrive policy); what arrives there is handed to the
function as Lambda's event. To its owner the subscription looks as it was asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.service import (
    Caller,
    Delivery,
    Operation,
    Params,
    Response,
    ServiceError,
    Undeliverable,
)
from stackproof.fabric.sqs.message import Message

if TYPE_CHECKING:
    from stackproof.backends.live.world import LiveWorld

_RENAMED = {"SigningCertURL": "SigningCertUrl", "UnsubscribeURL": "UnsubscribeUrl"}
_FIELDS = (
    "Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion", "Signature",
    "SigningCertURL", "UnsubscribeURL",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bridge:
    """A function's subscription and the queue that stands in for it."""

    subscription: str
    topic: str
    function: str
    queue: str
    url: str


class LiveTopics:
    """Owns the operations that show or change subscriptions of functions; the endpoint answers the rest."""

    name = "sns"

    def __init__(self, world: LiveWorld) -> None:
        self._world = world
        self._bridges: dict[str, Bridge] = {}
        self.operations: Mapping[str, Operation] = {
            "Subscribe": self.subscribe,
            "Unsubscribe": self.unsubscribe,
            "GetSubscriptionAttributes": self.attributes,
            "ListSubscriptions": self.listing("ListSubscriptions"),
            "ListSubscriptionsByTopic": self.listing("ListSubscriptionsByTopic"),
        }
        world.receivers["sns"] = self

    def _remote(self, service: str, operation: str, params: Params, caller: Caller) -> Response:
        state = self._world.state
        assert state is not None  # a live world is made with its endpoint
        return state.call(service, operation, params, caller)

    # Operations.

    def subscribe(self, params: Params, caller: Caller) -> Response:
        """A function is subscribed through a queue; everything else as it is."""
        if params.get("Protocol") != "lambda":
            return self._remote("sns", "Subscribe", params, caller)
        topic, function = params["TopicArn"], params["Endpoint"]
        known = next((b for b in self._bridges.values() if (b.topic, b.function) == (topic, function)), None)
        if known is not None:
            return {"SubscriptionArn": known.subscription}
        url, queue = self._make_queue(topic, function, caller)
        given = {**params, "Protocol": "sqs", "Endpoint": queue, "ReturnSubscriptionArn": True}
        answer = self._remote("sns", "Subscribe", given, caller)
        bridge = Bridge(answer["SubscriptionArn"], topic, function, queue, url)
        self._bridges[bridge.subscription] = bridge
        self._world.service("sqs").watch(queue, self._arrived)
        return answer

    def _make_queue(self, topic: str, function: str, caller: Caller) -> tuple[str, str]:
        digest = hashlib.sha256(f"{topic} {function}".encode()).hexdigest()[:16]
        ordered = topic.endswith(".fifo")
        name = f"stackproof-{digest}" + (".fifo" if ordered else "")
        arn = arns.arn("sqs", caller.region, caller.account, name)
        statement = {
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }  # fmt: skip
        attributes = {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}
        if ordered:
            attributes["FifoQueue"] = "true"
        made = self._remote("sqs", "CreateQueue", {"QueueName": name, "Attributes": attributes}, caller)
        return made["QueueUrl"], arn

    def unsubscribe(self, params: Params, caller: Caller) -> Response:
        """The queue in between goes with the subscription."""
        answer = self._remote("sns", "Unsubscribe", params, caller)
        bridge = self._bridges.pop(params["SubscriptionArn"], None)
        if bridge is not None:
            self._world.service("sqs").unwatch(bridge.queue, self._arrived)
            self._remote("sqs", "DeleteQueue", {"QueueUrl": bridge.url}, caller)
        return answer

    def attributes(self, params: Params, caller: Caller) -> Response:
        """Protocol and endpoint as they were asked for."""
        answer = self._remote("sns", "GetSubscriptionAttributes", params, caller)
        answer["Attributes"] = self._shown(params["SubscriptionArn"], answer["Attributes"])
        return answer

    def listing(self, operation: str) -> Operation:
        """A list in which functions stand where queues stand in for them."""

        def listed(params: Params, caller: Caller) -> Response:
            answer = self._remote("sns", operation, params, caller)
            entries = answer.get("Subscriptions", [])
            answer["Subscriptions"] = [self._shown(entry["SubscriptionArn"], entry) for entry in entries]
            return answer

        return listed

    def _shown(self, arn: str, entry: Mapping[str, Any]) -> dict[str, Any]:
        bridge = self._bridges.get(arn)
        if bridge is None:
            return dict(entry)
        return {
            key: {"Protocol": "lambda", "Endpoint": bridge.function}.get(key, value)
            for key, value in entry.items()
        }

    # Arrivals.

    def _arrived(self, queue: str) -> None:
        bridge = next((found for found in self._bridges.values() if found.queue == queue), None)
        if bridge is None:
            return
        queues = self._world.service("sqs")
        for message in queues.receive_raw(queue, 10):
            self._hand_over(bridge, message)
            queues.delete_raw(queue, message.receipt)

    def _hand_over(self, bridge: Bridge, message: Message) -> None:
        def done(error: Exception | None) -> None:
            name, function = arns.last(bridge.topic), arns.last(bridge.function)
            result = "" if error is None else f"error {error}"
            self._world.journal.record(name, "sns.Deliver", function, {"MessageId": message.id}, result)
            if error is not None:
                self._bury(bridge, message)

        body = event(json.loads(message.body), bridge.subscription)
        self._world.deliver(bridge.function, Delivery(bridge.topic, body, trace=message.trace), done)

    def _bury(self, bridge: Bridge, message: Message) -> None:
        """To the subscription's own dead-letter queue, if it has one."""
        topic = arns.parse(bridge.topic)
        assert topic is not None  # the endpoint accepted it
        params = {"SubscriptionArn": bridge.subscription}
        found = self._remote("sns", "GetSubscriptionAttributes", params, Caller(topic.account, topic.region))
        target = json.loads(found["Attributes"].get("RedrivePolicy") or "{}").get("deadLetterTargetArn")
        if target:
            self._world.deliver(target, Delivery(bridge.topic, message.body), _ignore)

    # Deliveries of the functions' own destinations.

    def deliver(self, arn: str, delivery: Delivery, done: Callable[[Exception | None], None]) -> None:
        """Publish a delivery's body."""
        topic = arns.parse(arn)
        caller = Caller(topic.account, topic.region) if topic else self._world.caller()
        try:
            self._remote("sns", "Publish", {"TopicArn": arn, "Message": delivery.body}, caller)
        except ServiceError as error:
            done(Undeliverable(error.message))
            return
        done(None)

    # Snapshots are refused by the world.

    def snapshot(self) -> Any:
        """Nothing is kept here."""
        return None

    def restore(self, state: Any) -> None:
        """Nothing is kept here."""


def event(notification: Mapping[str, Any], subscription: str) -> str:
    """The event that Lambda makes of a notification."""
    record = {_RENAMED.get(name, name): notification.get(name) for name in _FIELDS}
    record["MessageAttributes"] = notification.get("MessageAttributes", {})
    entry = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription,
        "Sns": record,
    }
    return json.dumps({"Records": [entry]})


def _ignore(error: Exception | None) -> None:
    """A dead-letter queue that takes nothing loses the message, as at AWS."""

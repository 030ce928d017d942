"""The endpoint's queues behind the interface that event source mappings use (``SqsService``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
from stackproof.fabric.sqs.message import Message, attributes_size, md5

if TYPE_CHECKING:
    from stackproof.backends.live.world import LiveWorld

Notify = Callable[[str], None]
_MOST = 10
_COUNTS = {
    "ApproximateNumberOfMessages": "visible",
    "ApproximateNumberOfMessagesNotVisible": "in flight",
    "ApproximateNumberOfMessagesDelayed": "delayed",
}


@dataclass(slots=True)
class LiveQueue:
    """What was last known of a queue. ``counts`` has the keys ``visible``, ``in flight`` and ``delayed``."""

    arn: str
    url: str
    attributes: Mapping[str, str]

    @property
    def name(self) -> str:
        """The queue's name."""
        return arns.last(self.arn)

    @property
    def fifo(self) -> bool:
        """Whether it keeps order."""
        return self.name.endswith(".fifo")

    def seconds(self, attribute: str) -> int:
        """An attribute in seconds."""
        return int(self.attributes.get(attribute, 0))

    @property
    def counts(self) -> dict[str, int]:
        """How many messages are where."""
        return {shown: int(self.attributes.get(name, 0)) for name, shown in _COUNTS.items()}

    def available(self) -> bool:
        """Whether messages could be received when it was last looked at."""
        return self.counts["visible"] > 0


class LiveQueues:
    """Polls the queues that somebody watches; ``busy`` says whether they held messages at the last poll."""

    name = "sqs"
    operations: Mapping[str, Operation] = {}

    def __init__(self, world: LiveWorld) -> None:
        self._world = world
        self._urls: dict[str, str] = {}
        self._watchers: dict[str, list[Notify]] = {}
        self._to_delete: dict[str, list[str]] = {}
        self.busy = False
        world.receivers["sqs"] = self

    def _call(self, arn: str, operation: str, params: Params) -> Response:
        parsed = arns.parse(arn)
        state = self._world.state
        assert parsed is not None  # ARNs come from the endpoint itself
        assert state is not None  # a live world is made with its endpoint
        caller = Caller(parsed.account, parsed.region)
        return state.call("sqs", operation, params, caller)

    # Looking.

    def queue(self, arn: str) -> LiveQueue | None:
        """The queue as it is now; None when it does not exist."""
        try:
            url = self._url(arn)
            answer = self._call(arn, "GetQueueAttributes", {"QueueUrl": url, "AttributeNames": ["All"]})
        except ServiceError as error:
            if not _is_gone(error):
                raise
            self._urls.pop(arn, None)
            return None
        return LiveQueue(arn, url, answer.get("Attributes", {}))

    def _url(self, arn: str) -> str:
        url = self._urls.get(arn)
        if url is None:
            url = self._call(arn, "GetQueueUrl", {"QueueName": arns.last(arn)})["QueueUrl"]
            self._urls[arn] = url
        return url

    # Watching.

    def watch(self, arn: str, notify: Notify) -> None:
        """Call ``notify(arn)`` on the agenda whenever a poll finds messages to receive."""
        self._watchers.setdefault(arn, []).append(notify)

    def unwatch(self, arn: str, notify: Notify) -> None:
        """End a watch."""
        left = [other for other in self._watchers.get(arn, ()) if other != notify]
        if left:
            self._watchers[arn] = left
        else:
            self._watchers.pop(arn, None)
            self._flush(arn)

    def poll(self) -> list[str]:
        """Look at every watched queue once, and tell who watches; answers what is left there, in words."""
        left = []
        for arn in [*self._watched()]:
            self._flush(arn)
            queue = self.queue(arn)
            if queue is None:
                continue
            if queue.available():
                for notify in self._watchers.get(arn, ()):
                    self._world.scheduler.soon(f"poll {queue.name}", notify, arn)
            left += [f"{count} {where} in {queue.name}" for where, count in queue.counts.items() if count]
        self.busy = bool(left)
        return left

    def _watched(self) -> Sequence[str]:
        if not self._world.native:
            return list(self._watchers)
        # The endpoint polls for its own mappings; idle means that their queues are empty.
        state = self._world.state
        assert state is not None  # a live world is made with its endpoint
        found = state.call("lambda", "ListEventSourceMappings", {}, self._world.caller())
        sources = [str(mapping.get("EventSourceArn", "")) for mapping in found["EventSourceMappings"]]
        return [source for source in sources if ":sqs:" in source]

    # For event source mappings.

    def receive_raw(
        self, arn: str, limit: int, visibility: int | None = None, max_bytes: int | None = None
    ) -> list[Message]:
        """Receive up to ``limit`` messages, in as many calls as that takes; [] when there are none."""
        self._flush(arn)
        found: list[Message] = []
        size = 0
        while len(found) < limit and (max_bytes is None or size < max_bytes):
            params: Params = {
                "QueueUrl": self._url(arn),
                "MaxNumberOfMessages": min(limit - len(found), _MOST),
                "AttributeNames": ["All"],
                "MessageAttributeNames": ["All"],
                "WaitTimeSeconds": 0,
            }
            if visibility is not None:
                params["VisibilityTimeout"] = visibility
            received = [
                _message(shown) for shown in self._call(arn, "ReceiveMessage", params).get("Messages", ())
            ]
            if not received:
                break
            found += received
            size += sum(message.size for message in received)
        return found

    def delete_raw(self, arn: str, receipt: str) -> None:
        """Delete a received message: at once in effect, in batches over the wire."""
        waiting = self._to_delete.setdefault(arn, [])
        waiting.append(receipt)
        if len(waiting) >= _MOST:
            self._flush(arn)

    def delete_batch_raw(self, arn: str, received: Iterable[tuple[Message, str]]) -> None:
        """Delete many messages, each by the handle that it was received with."""
        for _, receipt in received:
            self.delete_raw(arn, receipt)

    def _flush(self, arn: str) -> None:
        waiting = self._to_delete.pop(arn, [])
        if not waiting:
            return
        entries = [{"Id": str(at), "ReceiptHandle": receipt} for at, receipt in enumerate(waiting)]
        try:
            self._call(arn, "DeleteMessageBatch", {"QueueUrl": self._url(arn), "Entries": entries})
        except ServiceError as error:
            if not _is_gone(error):
                raise

    def release_raw(self, arn: str, receipt: str, seconds: int) -> None:
        """Change the visibility timeout of a received message."""
        params = {"QueueUrl": self._url(arn), "ReceiptHandle": receipt, "VisibilityTimeout": seconds}
        self._call(arn, "ChangeMessageVisibility", params)

    # Deliveries of the functions' own destinations and dead-letter queues.

    def deliver(self, arn: str, delivery: Delivery, done: Callable[[Exception | None], None]) -> None:
        """Send a delivery's body to the queue."""
        params: Params = {"MessageBody": delivery.body}
        if delivery.attributes:
            params["MessageAttributes"] = {name: dict(value) for name, value in delivery.attributes.items()}
        if arn.endswith(".fifo"):
            params["MessageGroupId"] = delivery.group
            params["MessageDeduplicationId"] = delivery.deduplication or md5(delivery.body.encode())
        try:
            self._call(arn, "SendMessage", {"QueueUrl": self._url(arn), **params})
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


def _is_gone(error: ServiceError) -> bool:
    return "NonExistentQueue" in error.code or "QueueDoesNotExist" in error.code


def _message(shown: Mapping[str, Any]) -> Message:
    system = shown.get("Attributes", {})
    message = Message(0, shown["MessageId"], shown["Body"], int(system.get("SentTimestamp", 0)))
    message.attributes = shown.get("MessageAttributes", {})
    message.size = len(message.body.encode()) + attributes_size(message.attributes)
    message.receipt = shown["ReceiptHandle"]
    message.sender = system.get("SenderId", "")
    message.receives = int(system.get("ApproximateReceiveCount", 1))
    message.first_received_ms = int(system.get("ApproximateFirstReceiveTimestamp", 0))
    message.sequence = system.get("SequenceNumber", "")
    message.deduplication = system.get("MessageDeduplicationId", "")
    message.group = system.get("MessageGroupId", "")
    message.trace = system.get("AWSTraceHeader", "")
    message.origin = system.get("DeadLetterQueueSourceArn", "")
    return message

"""The service SQS: its queues, who watches them, and its table of operations.

The operations live in ``admin``, ``sending``, ``receiving`` and ``moving``; they share this object.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.scheduler import Timer
from stackproof.fabric.service import Caller, Delivery, Operation, ServiceError, Undeliverable
from stackproof.fabric.signal import Signal
from stackproof.fabric.sqs import errors, guests
from stackproof.fabric.sqs.admin import Admin
from stackproof.fabric.sqs.message import Message
from stackproof.fabric.sqs.moving import Moving
from stackproof.fabric.sqs.queue import Queue
from stackproof.fabric.sqs.receiving import Receiving
from stackproof.fabric.sqs.sending import Sending

if TYPE_CHECKING:
    from stackproof.fabric.world import World

_HOST = re.compile(r"https?://(?:sqs\.(?P<a>[a-z0-9-]+)|(?P<b>[a-z0-9-]+)\.queue)\.amazonaws\.com")

Notify = Callable[[str], None]


class SqsService:
    """One instance serves all accounts and regions. For other services: ``watch`` and the ``*_raw`` calls."""

    name = "sqs"

    def __init__(self, world: World) -> None:
        self.world = world
        self.queues: dict[str, Queue] = {}
        self.deleted: dict[str, int] = {}
        self._watchers: dict[str, list[Notify]] = {}
        self._armed: set[tuple[str, int]] = set()
        self._timers: dict[str, Timer] = {}
        self._signals: dict[str, Signal] = {}
        self.admin = Admin(self)
        self.sending = Sending(self)
        self.receiving = Receiving(self)
        self.moving = Moving(self)
        self.operations: Mapping[str, Operation] = {
            **self.admin.operations,
            **self.sending.operations,
            **self.receiving.operations,
            **self.moving.operations,
        }
        world.receivers["sqs"] = self

    # Finding queues.

    def queue(self, arn: str) -> Queue | None:
        """The queue with this ARN, brought up to date."""
        queue = self.queues.get(arn)
        if queue is not None and queue.tick(self.world.clock.ms):
            self.wake(queue)
        return queue

    def by_url(self, url: str, caller: Caller) -> Queue:
        """The queue of a QueueUrl (or a bare name); raises QueueDoesNotExist."""
        parts = url.rstrip("/").split("/")
        host = _HOST.match(url)
        region = (host["a"] or host["b"]) if host else caller.region
        account = parts[-2] if len(parts) > 1 and parts[-2].isdigit() else caller.account
        queue = self.queue(arns.arn("sqs", region, account, parts[-1]))
        if queue is None:
            raise errors.no_queue()
        queue.used(self.world.clock.ms)
        return queue

    def settled(self, queue: Queue) -> None:
        """After a change of a queue: keep its timer right."""
        arn = queue.arn
        consumed = arn in self._watchers or self.signal(queue).awaited
        when = queue.next_ms() if consumed else None
        timer = self._timers.get(arn)
        if timer is not None:
            if when is not None and timer.ms <= when and not timer.cancelled:
                return
            timer.cancel()
            del self._timers[arn]
        if when is not None:
            label = f"{queue.name}: messages become visible"
            self._timers[arn] = self.world.scheduler.at(when, label, self._due, arn)

    def _due(self, arn: str) -> None:
        self._timers.pop(arn, None)
        queue = self.queue(arn)
        if queue is not None:
            self.settled(queue)

    # Waiting and watching.

    def signal(self, queue: Queue) -> Signal:
        """Where receivers of a queue wait."""
        found = self._signals.get(queue.arn)
        if found is None:
            found = self._signals[queue.arn] = Signal(self.world.scheduler)
        return found

    def wake(self, queue: Queue) -> None:
        """Messages became available: tell who waits and who watches."""
        signal = self._signals.get(queue.arn)
        if signal is not None:
            signal.notify()
        for index in range(len(self._watchers.get(queue.arn, ()))):
            self._arm(queue.arn, index)

    def _arm(self, arn: str, index: int) -> None:
        if (arn, index) not in self._armed:
            self._armed.add((arn, index))
            self.world.scheduler.soon(f"poll {arns.last(arn)}", self._notify, arn, index)

    def _notify(self, arn: str, index: int) -> None:
        self._armed.discard((arn, index))
        watchers = self._watchers.get(arn, [])
        if index < len(watchers):
            watchers[index](arn)

    def watch(self, arn: str, notify: Notify) -> None:
        """Call ``notify(arn)`` on the agenda whenever messages can be received (see fabric contracts)."""
        self._watchers.setdefault(arn, []).append(notify)
        queue = self.queue(arn)
        if queue is not None:
            if queue.available():
                self._arm(arn, len(self._watchers[arn]) - 1)
            self.settled(queue)

    def watched(self, arn: str) -> bool:
        """Whether somebody watches the queue."""
        return arn in self._watchers

    def unwatch(self, arn: str, notify: Notify) -> None:
        """End a watch."""
        watchers = self._watchers.get(arn, [])
        if notify in watchers:
            watchers.remove(notify)
        if not watchers:
            self._watchers.pop(arn, None)
        queue = self.queues.get(arn)
        if queue is not None:
            self.settled(queue)

    # For event source mappings: no limits of the API, no journal entry of their own.

    def receive_raw(
        self, arn: str, limit: int, visibility: int | None = None, max_bytes: int | None = None
    ) -> list[Message]:
        """Receive up to ``limit`` messages at once; [] when the queue is gone or empty."""
        queue = self.queue(arn)
        if queue is None:
            return []
        return self.receiving.take(queue, limit, visibility, max_bytes)

    def delete_raw(self, arn: str, receipt: str) -> None:
        """Delete a received message; silently nothing when it cannot be."""
        queue = self.queue(arn)
        if queue is not None:
            try:
                self.receiving.delete(queue, receipt)
            except ServiceError:
                return

    def delete_batch_raw(self, arn: str, received: Iterable[tuple[Message, str]]) -> None:
        """Delete many messages at once, each by the handle that it was received with; those that cannot be
        are passed over."""
        queue = self.queue(arn)
        if queue is not None:
            self.receiving.delete_all(queue, received)

    def release_raw(self, arn: str, receipt: str, seconds: int) -> None:
        """Change the visibility timeout of a received message."""
        queue = self.queue(arn)
        if queue is not None:
            self.receiving.change(queue, receipt, seconds)

    # Deliveries of other services.

    def deliver(self, arn: str, delivery: Delivery, done: Callable[[Exception | None], None]) -> None:
        """Send a delivery's body to the queue."""
        queue = self.queue(arn)
        if queue is None:
            done(Undeliverable(f"the queue {arn} does not exist", code=errors.no_queue().code))
            return
        parsed = arns.parse(arn)
        assert parsed is not None  # a queue was found under it
        caller = self.world.caller(
            parsed.account, parsed.region, arn=delivery.principal, actor=arns.last(delivery.source),
            service=delivery.principal, source_arn=delivery.source, user_id="AIDAIT2UOQQY3AUEKVGXU",
        )  # fmt: skip
        refusal = guests.refusal(queue, delivery)
        if refusal:
            done(Undeliverable(refusal, code="AccessDenied"))
            return
        params: dict[str, Any] = {"QueueUrl": queue.url, "MessageBody": delivery.body}
        if delivery.attributes:
            params["MessageAttributes"] = dict(delivery.attributes)
        if delivery.group:
            params["MessageGroupId"] = delivery.group
        if delivery.deduplication and queue.fifo:
            params["MessageDeduplicationId"] = delivery.deduplication
        if delivery.trace:
            header = {"DataType": "String", "StringValue": delivery.trace}
            params["MessageSystemAttributes"] = {"AWSTraceHeader": header}
        try:
            self.world.call("sqs", "SendMessage", params, caller)
        except ServiceError as error:
            done(Undeliverable.refused(error))
            return
        done(None)

    # Snapshots.

    def snapshot(self) -> Any:
        """Copies of all queues and of who watches them."""
        return (
            {arn: queue.clone() for arn, queue in self.queues.items()},
            dict(self.deleted),
            {arn: tuple(watchers) for arn, watchers in self._watchers.items()},
            frozenset(self._armed),
            dict(self._timers),
            self.moving.snapshot(),
        )

    def restore(self, state: Any) -> None:
        """Back to a snapshot, in place."""
        queues, deleted, watchers, armed, timers, moving = state
        self.queues = {arn: queue.clone() for arn, queue in queues.items()}
        self.deleted = dict(deleted)
        self._watchers = {arn: list(found) for arn, found in watchers.items()}
        self._armed = set(armed)
        self._timers = dict(timers)
        self._signals.clear()
        self.moving.restore(moving)

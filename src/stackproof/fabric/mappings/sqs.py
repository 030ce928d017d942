"""Queues as event sources.

Source: developer guide, "Using Lambda with Amazon SQS": five concurrent batches at first, up to 300
more a minute while messages wait, at most 1,250; a batch closes when it is full, when its window is
over, or when its payload reaches 6 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from stackproof.fabric import arns
from stackproof.fabric.functions import errors
from stackproof.fabric.functions.environment import identity
from stackproof.fabric.functions.invocation import SYNC_LIMIT, Invocation, Outcome
from stackproof.fabric.functions.model import Function, Version
from stackproof.fabric.mappings import answers, settings
from stackproof.fabric.mappings.model import EventSourceMapping
from stackproof.fabric.mappings.records import passes, record
from stackproof.fabric.service import Caller, Params, ServiceError
from stackproof.fabric.sqs.message import Message

if TYPE_CHECKING:
    from stackproof.fabric.mappings.service import Mappings
    from stackproof.fabric.scheduler import Timer

FIRST_POLLERS = 5
MORE_POLLERS = 300
MOST_POLLERS = 1250
LARGEST_BATCH = 10_000
_LARGEST_PAUSE = 32

Entry = dict[str, Any]
Records = list[tuple[Message, Entry]]


class _Poller:
    """What one mapping holds: batches in flight, a batch that gathers, its pace."""

    __slots__ = ("busy_ms", "gathered", "in_flight", "pause", "until_ms", "window")

    def __init__(self) -> None:
        self.in_flight = 0
        self.gathered: Records = []
        self.window: Timer | None = None
        self.busy_ms: int | None = None
        self.pause = 0
        self.until_ms = 0


class SqsSource:
    """Polls queues for mappings. ``duplicates``: a choice point where a finished batch's deletion is lost."""

    batch_size = 10
    shown: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, mappings: Mappings) -> None:
        self._mappings = mappings
        self._world = mappings.world
        self._lambda = mappings.service
        self._queues: dict[str, tuple[str, ...]] = {}
        self._pollers: dict[str, _Poller] = {}
        self.duplicates = False

    # Settings.

    def check(self, params: Params, timeout: int, caller: Caller) -> None:
        """What AWS refuses when a mapping is made or changed."""
        queue = self._world.service("sqs").queue(params["EventSourceArn"])
        if queue is None:
            raise errors.invalid(
                "Error occurred while ReceiveMessage. SQS Error Code: "
                "AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not "
                "exist."
            )
        settings.refuse_streams_only(params)
        _check_batches(params, queue.fifo)
        visibility = queue.seconds("VisibilityTimeout")
        if visibility < timeout:
            raise errors.invalid(
                f"Queue visibility timeout: {visibility} seconds is less than Function timeout: "
                f"{timeout} seconds"
            )
        self._check_role(params, queue.url, caller)

    def _check_role(self, params: Params, url: str, caller: Caller) -> None:
        if not params.get("FunctionName"):
            return
        function, _ = self._lambda.find({"FunctionName": params["FunctionName"]}, caller)
        role = identity(function.latest)
        for operation in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
            try:
                for guard in self._world.guards:
                    guard("sqs", operation, {"QueueUrl": url}, role)
            except ServiceError as error:
                raise errors.invalid(
                    f"The function execution role does not have permissions to call {operation} on SQS"
                ) from error

    # Life.

    def place(self, mapping: EventSourceMapping) -> None:
        """A queue is read from wherever it stands."""

    def start(self, mapping: EventSourceMapping) -> None:
        """Watch the queue and poll at once."""
        known = self._queues.get(mapping.source, ())
        if mapping.uuid not in known:
            self._queues[mapping.source] = (*known, mapping.uuid)
        self._pollers.setdefault(mapping.uuid, _Poller())
        if not known:
            self._world.service("sqs").watch(mapping.source, self._notified)
        else:
            self._poll(mapping.uuid)

    def stop(self, mapping: EventSourceMapping) -> None:
        """Poll no more. A batch that gathers is let go: its messages return after their visibility."""
        left = tuple(uuid for uuid in self._queues.get(mapping.source, ()) if uuid != mapping.uuid)
        if left:
            self._queues[mapping.source] = left
        elif self._queues.pop(mapping.source, None) is not None:
            self._world.service("sqs").unwatch(mapping.source, self._notified)
        poller = self._pollers.get(mapping.uuid)
        if poller is not None:
            self._close_window(poller)
            poller.gathered = []

    def result(self, uuid: str) -> str:
        """SQS mappings have no LastProcessingResult (recorded)."""
        return ""

    # Polling.

    def _notified(self, arn: str) -> None:
        for uuid in self._queues.get(arn, ()):
            self._poll(uuid)

    def _limit(self, mapping: EventSourceMapping, poller: _Poller) -> int:
        """Concurrent batches that this mapping may have now."""
        grown = FIRST_POLLERS
        if poller.busy_ms is not None:
            grown += MORE_POLLERS * ((self._world.clock.ms - poller.busy_ms) // 60_000)
        return min(grown, mapping.concurrency or MOST_POLLERS)

    def _poll(self, uuid: str) -> None:
        mapping, poller = self._mappings.table.get(uuid), self._pollers.get(uuid)
        if mapping is None or poller is None or not mapping.enabled:
            return
        while self._world.clock.ms >= poller.until_ms:
            if poller.in_flight >= self._limit(mapping, poller):
                self._saturated(mapping, poller)
                return
            found = self._receive(mapping, mapping.batch_size - len(poller.gathered))
            if found is None:
                poller.busy_ms = None
                return
            if mapping.window:
                self._gather(mapping, poller, found)
            else:
                self._launch(mapping, poller, found)

    def _saturated(self, mapping: EventSourceMapping, poller: _Poller) -> None:
        """More messages than concurrency: scale up within a minute while that lasts."""
        queue = self._world.service("sqs").queue(mapping.source)
        if queue is None or not queue.available() or poller.busy_ms is not None:
            return
        poller.busy_ms = self._world.clock.ms
        if mapping.concurrency is None or mapping.concurrency > FIRST_POLLERS:
            label = f"{queue.name}: more pollers"
            self._world.scheduler.after(
                60, label, self._grow, mapping.uuid, drives=partial(self._waits, mapping.uuid)
            )

    def _waits(self, uuid: str) -> bool:
        mapping = self._mappings.table.get(uuid)
        queue = self._world.service("sqs").queue(mapping.source) if mapping else None
        return queue is not None and queue.available()

    def _grow(self, uuid: str) -> None:
        poller = self._pollers.get(uuid)
        if poller is not None and poller.busy_ms is not None and self._waits(uuid):
            label = "more pollers"
            self._world.scheduler.after(60, label, self._grow, uuid, drives=partial(self._waits, uuid))
            self._poll(uuid)

    def _receive(self, mapping: EventSourceMapping, limit: int) -> Records | None:
        """Messages that pass the filter; None when nothing was there."""
        sizes = [limit, 1] if limit > 1 else [limit]
        wanted = self._world.scheduler.choose(f"batch of {arns.last(mapping.source)}", sizes)
        messages = self._world.service("sqs").receive_raw(mapping.source, wanted, max_bytes=SYNC_LIMIT)
        if not messages:
            return None
        journal = self._world.journal
        name, target = arns.last(mapping.source), arns.last(mapping.function)
        if journal.full:
            detail = {"MessageIds": [message.id for message in messages]}
            journal.record(f"{target} mapping", "sqs.Receive", name, detail)
        else:
            journal.record(f"{target} mapping", "sqs.Receive", name)
        found = [(message, record(message, mapping)) for message in messages]
        if not mapping.patterns:
            return found
        kept: Records = []
        refused: Records = []
        for message, entry in found:
            if passes(entry, mapping.patterns):
                kept.append((message, entry))
            else:
                refused.append((message, entry))
        self._delete(mapping, refused, "lambda.Filter")
        return kept

    # Batches.

    def _gather(self, mapping: EventSourceMapping, poller: _Poller, found: Records) -> None:
        poller.gathered += found
        if not poller.gathered:
            return
        size = sum(message.size for message, _ in poller.gathered)
        if len(poller.gathered) >= mapping.batch_size or size >= SYNC_LIMIT:
            self._window_over(mapping.uuid)
        elif poller.window is None:
            label = f"batching window of {arns.last(mapping.source)}"
            poller.window = self._world.scheduler.after(
                mapping.window, label, self._window_over, mapping.uuid
            )

    @staticmethod
    def _close_window(poller: _Poller) -> None:
        if poller.window is not None:
            poller.window.cancel()
            poller.window = None

    def _window_over(self, uuid: str) -> None:
        mapping, poller = self._mappings.table.get(uuid), self._pollers.get(uuid)
        if mapping is None or poller is None:
            return
        self._close_window(poller)
        found, poller.gathered = poller.gathered, []
        self._launch(mapping, poller, found)
        if poller.in_flight < self._limit(mapping, poller):
            self._poll(uuid)

    def _launch(self, mapping: EventSourceMapping, poller: _Poller, found: Records) -> None:
        for batch in _split(found):
            self._invoke(mapping, poller, batch)

    def _invoke(self, mapping: EventSourceMapping, poller: _Poller, batch: Records) -> None:
        function, version = self._target(mapping)
        if function is None or version is None:
            return
        entries = [entry for _, entry in batch]
        payload = msgspec.json.encode({"Records": entries})
        ended = partial(self._ended, mapping.uuid, batch)
        try:
            self._lambda.invoking.start(
                function, version, mapping.target, payload, arns.last(mapping.source), ended,
                trace=batch[0][0].trace,
            )  # fmt: skip
        except ServiceError as error:
            self._throttled(mapping, poller, batch, error)
            return
        poller.in_flight += 1

    def _target(self, mapping: EventSourceMapping) -> tuple[Function | None, Version | None]:
        function = self._lambda.functions.get(mapping.function)
        if function is None:
            return None, None
        try:
            return function, self._lambda.resolve(function, mapping.qualifier)
        except ServiceError:
            return function, None

    def _throttled(
        self, mapping: EventSourceMapping, poller: _Poller, batch: Records, error: ServiceError
    ) -> None:
        """The batch is let go (its messages return after their visibility), and polling pauses a little."""
        world = self._world
        name = arns.last(mapping.function)
        detail = {"MessageIds": [message.id for message, _ in batch], "reason": error.extra.get("Reason", "")}
        world.journal.record(f"{name} mapping", "lambda.Throttle", name, detail)
        poller.pause = min(poller.pause * 2 or 1, _LARGEST_PAUSE)
        poller.until_ms = world.clock.ms + poller.pause * 1000
        label = f"{arns.last(mapping.source)}: poll after a throttle"
        drives: Callable[[], bool] = partial(self._waits, mapping.uuid)
        world.scheduler.after(poller.pause, label, self._poll, mapping.uuid, drives=drives)

    def _ended(self, uuid: str, batch: Records, invocation: Invocation, outcome: Outcome) -> None:
        poller = self._pollers.get(uuid)
        if poller is None:
            return
        poller.in_flight -= 1
        poller.pause = 0
        mapping = self._mappings.table.get(uuid)
        if mapping is not None and not outcome.error:
            done = batch
            if mapping.partial:
                left = answers.failed(outcome.payload, [entry["messageId"] for _, entry in batch])
                done = [one for one in batch if one[1]["messageId"] not in left]
            lost = self.duplicates and self._world.scheduler.choose(
                "deletion", [False, True], ["done", "lost"]
            )
            if not lost:
                self._delete(mapping, done, "sqs.Delete")
        self._poll(uuid)

    def _delete(self, mapping: EventSourceMapping, batch: Records, verb: str) -> None:
        """Delete with the receipts of this receive: on a FIFO queue an older one no longer holds."""
        if not batch:
            return
        received = [(message, entry["receiptHandle"]) for message, entry in batch]
        self._world.service("sqs").delete_batch_raw(mapping.source, received)
        journal = self._world.journal
        detail = {"MessageIds": [entry["messageId"] for _, entry in batch]} if journal.full else None
        journal.record(f"{arns.last(mapping.function)} mapping", verb, arns.last(mapping.source), detail)

    # Snapshots.

    def snapshot(self) -> Any:
        """Who polls what. Batches that gather are kept by their messages' numbers."""
        pollers = {
            uuid: (list(p.gathered), p.window, p.busy_ms, p.pause, p.until_ms)
            for uuid, p in self._pollers.items()
        }
        return dict(self._queues), pollers

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        queues, pollers = state
        self._queues = dict(queues)
        self._pollers = {}
        for uuid, (gathered, window, busy_ms, pause, until_ms) in pollers.items():
            poller = self._pollers[uuid] = _Poller()
            poller.gathered, poller.window, poller.busy_ms = list(gathered), window, busy_ms
            poller.pause, poller.until_ms = pause, until_ms


def _check_batches(params: Params, fifo: bool) -> None:
    size, window = params.get("BatchSize") or 10, params.get("MaximumBatchingWindowInSeconds") or 0
    if size > 10 and fifo:
        raise errors.invalid("Batch size cannot be greater than 10 for FIFO queues.")
    if size > 10 and not window:
        raise errors.invalid(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )
    if window and fifo:
        raise errors.invalid("Batching window is not supported for FIFO queues.")
    for name, value, high in (
        ("batchSize", size, LARGEST_BATCH),
        ("maximumBatchingWindowInSeconds", window, 300),
    ):
        if value > high:
            raise errors.validation(value, name, f"Member must have value less than or equal to {high}")
    concurrency = (params.get("ScalingConfig") or {}).get("MaximumConcurrency")
    if concurrency is not None and not 2 <= concurrency <= 1000:
        bound = "greater than or equal to 2" if concurrency < 2 else "less than or equal to 1000"
        raise errors.validation(
            concurrency, "scalingConfig.maximumConcurrency", f"Member must have value {bound}"
        )


def _split(found: Records) -> Iterator[Records]:
    """Batches whose payload stays within 6 MB."""
    batch: Records = []
    size = 0
    for message, entry in found:
        weight = message.size + 1024
        if batch and size + weight > SYNC_LIMIT:
            yield batch
            batch, size = [], 0
        batch.append((message, entry))
        size += weight
    if batch:
        yield batch

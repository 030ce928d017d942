"""ReceiveMessage, DeleteMessage, ChangeMessageVisibility and their batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stackproof.fabric.scheduler import Drives
from stackproof.fabric.service import Caller, Operation, Params, Response, ServiceError
from stackproof.fabric.sqs import errors, validate
from stackproof.fabric.sqs.attributes import may_redrive, redrive_target
from stackproof.fabric.sqs.message import (
    IN_FLIGHT,
    Message,
    attributes_md5,
    make_receipt,
    read_receipt,
)
from stackproof.fabric.sqs.queue import Queue
from stackproof.fabric.sqs.sending import batch_failure, batch_response
from stackproof.fabric.tasks import Task, current

if TYPE_CHECKING:
    from stackproof.fabric.sqs.service import SqsService

_SYSTEM = frozenset((
    "All", "SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp",
    "SequenceNumber", "MessageDeduplicationId", "MessageGroupId", "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
))  # fmt: skip
_ATTEMPT_MS = 300_000


class Receiving:
    """The operations that take messages from queues."""

    def __init__(self, service: SqsService) -> None:
        self._service = service
        self.operations: Mapping[str, Operation] = {
            "ReceiveMessage": self.receive_message,
            "DeleteMessage": self.delete_message,
            "DeleteMessageBatch": self.delete_message_batch,
            "ChangeMessageVisibility": self.change_message_visibility,
            "ChangeMessageVisibilityBatch": self.change_message_visibility_batch,
        }

    def receive_message(self, params: Params, caller: Caller) -> Response:
        """Short or long polling; the wait passes on the virtual clock."""
        queue = self._service.by_url(params["QueueUrl"], caller)
        limit, wait, visibility = _limits(params)
        attempt = params.get("ReceiveRequestAttemptId") if queue.fifo else None
        messages = self._repeated(queue, attempt)
        if messages is None:
            if wait is None:
                wait = queue.seconds("ReceiveMessageWaitTimeSeconds")
            messages = self._poll(queue, limit, visibility, wait)
            if attempt is not None:
                numbers = tuple(message.number for message in messages)
                queue.attempts[attempt] = (self._service.world.clock.ms + _ATTEMPT_MS, numbers)
        return {"Messages": [_shown(message, params) for message in messages]} if messages else {}

    def _repeated(self, queue: Queue, attempt: str | None) -> list[Message] | None:
        """The messages of an earlier attempt with the same id, while they are still in flight."""
        until, numbers = queue.attempts.get(attempt or "", (0, ()))
        if until <= self._service.world.clock.ms:
            return None
        messages = [queue.messages.get(number) for number in numbers]
        found = [message for message in messages if message is not None and message.state == IN_FLIGHT]
        return found if found and len(found) == len(numbers) else None

    def _poll(self, queue: Queue, limit: int, visibility: int | None, wait: int) -> list[Message]:
        task, service = current(), self._service
        polls = task.awaits if task is not None and task.daemon else None
        if polls is not None and not any(getattr(one, "arn", "") == queue.arn for one in polls):
            polls.append(_Expecting(service, queue.arn))
        messages = self.take(queue, limit, visibility)
        if not messages and wait:
            signal = service.signal(queue)

            def arrived() -> bool:
                found = service.queue(queue.arn)
                return found is not queue or queue.available()

            service.world.scheduler.soon(f"long poll of {queue.name}", service.settled, queue)
            if signal.wait(arrived, wait, drives=_drives(task, queue)):
                messages = self.take(queue, limit, visibility)
        if not messages:
            self._service.world.meters.add(queue.arn, "NumberOfEmptyReceives")
        if task is not None and task.daemon:
            task.busy = bool(messages)
        return messages

    def take(
        self, queue: Queue, limit: int, visibility: int | None = None, max_bytes: int | None = None
    ) -> list[Message]:
        """Receive: hide, count, redrive what was received too often. No waiting."""
        world = self._service.world
        now = world.clock.ms
        queue.tick(now)
        queue.expire(now)
        if self._is_full(queue):
            return []
        seconds = queue.seconds("VisibilityTimeout") if visibility is None else visibility
        until = now + max(seconds * 1000, 1)
        target = redrive_target(queue.settings)
        queue.exploring = world.scheduler.chooser.exploring
        taken: list[Message] = []
        size = 0
        while len(taken) < limit:
            found = list(queue.take(limit - len(taken), now, self._pick))
            for message in found:
                if (
                    target is not None
                    and message.receives >= target[1]
                    and self._redrive(queue, message, target[0])
                ):
                    continue
                size += message.size
                self._hide(queue, message, until, now)
                taken.append(message)
            if not found or (max_bytes is not None and size >= max_bytes):
                break
        if seconds == 0:
            for message in taken:
                queue.change(message, now, now)
        if taken:
            world.meters.add(queue.arn, "NumberOfMessagesReceived", times=len(taken))
        self._service.settled(queue)
        return taken

    @staticmethod
    def _is_full(queue: Queue) -> bool:
        """Whether nothing more may be in flight; a standard queue says so with OverLimit."""
        full = queue.in_flight >= queue.in_flight_limit
        if full and not queue.fifo:
            raise errors.namespaced(
                "OverLimit", f"Too many messages are in flight in {queue.name}.", status=403
            )
        return full

    def _pick(self, candidates: list[Message]) -> Message:
        names = [f"{message.id[:8]}" for message in candidates]
        return self._service.world.scheduler.choose("sqs.order", candidates, names)

    def _hide(self, queue: Queue, message: Message, until: int, now: int) -> None:
        message.receives += 1
        message.first_received_ms = message.first_received_ms or now
        message.receipt = make_receipt(queue.name, message, self._service.world.ids.hex(32))
        queue.hide(message, until, now)

    def _redrive(self, queue: Queue, message: Message, target: str) -> bool:
        """Move a message to its dead-letter queue; False when that is not possible."""
        dead = self._service.queues.get(target)
        if dead is None or not may_redrive(dead.settings, queue.arn):
            return False
        queue.remove(message)
        moved = message.clone()
        dead.number += 1
        moved.number, moved.state, moved.receipt = dead.number, "available", ""
        moved.origin = queue.arn
        if dead.fifo:
            moved.sequence = ""
            moved.sent_ms = self._service.world.clock.ms
        world = self._service.world
        world.journal.record(queue.name, "sqs.Redrive", dead.name, {"MessageId": message.id})
        self._service.sending.put(dead, moved, 0)
        return True

    # Deleting.

    def _find(self, queue: Queue, receipt: str) -> Message | None:
        """The message of a receipt handle; None when it is deleted; raises when it is no handle."""
        parsed = read_receipt(queue.name, receipt)
        if parsed is None:
            raise errors.bad_receipt(receipt)
        message = queue.messages.get(parsed[0])
        if queue.fifo and message is not None:
            stale = message.receives != parsed[1] or message.state != IN_FLIGHT
            if stale:
                raise errors.invalid(receipt, "ReceiptHandle", "The receipt handle has expired.")
        return message

    def delete(self, queue: Queue, receipt: str) -> None:
        """Delete by receipt handle."""
        message = self._find(queue, receipt)
        self._service.world.meters.add(queue.arn, "NumberOfMessagesDeleted")
        if message is not None:
            queue.remove(message)
            if queue.fifo and queue.available():
                self._service.wake(queue)
            self._service.settled(queue)

    def delete_all(self, queue: Queue, received: Iterable[tuple[Message, str]]) -> None:
        """Delete messages by their receipt handles, passing over those that no longer hold."""
        deleted = 0
        for known, receipt in received:
            message: Message | None = known
            if queue.fifo or queue.messages.get(known.number) is not known:
                try:
                    message = self._find(queue, receipt)
                except ServiceError:
                    continue
            deleted += 1
            if message is not None:
                queue.remove(message)
        if deleted:
            self._service.world.meters.add(queue.arn, "NumberOfMessagesDeleted", times=deleted)
        if queue.fifo and queue.available():
            self._service.wake(queue)
        self._service.settled(queue)

    def delete_message(self, params: Params, caller: Caller) -> Response:
        """One message; deleting twice is no error."""
        self.delete(self._service.by_url(params["QueueUrl"], caller), params["ReceiptHandle"])
        return {}

    def delete_message_batch(self, params: Params, caller: Caller) -> Response:
        """Up to ten messages."""
        queue = self._service.by_url(params["QueueUrl"], caller)
        validate.batch(params["Entries"], "DeleteMessageBatchRequestEntry")
        return _each(params["Entries"], lambda entry: self.delete(queue, entry["ReceiptHandle"]))

    # Visibility.

    def change(self, queue: Queue, receipt: str, seconds: int) -> None:
        """Change the visibility timeout of a received message."""
        if not 0 <= seconds <= 43_200:
            reason = "VisibilityTimeout must be an integer between 0 and 43200"
            raise errors.invalid(seconds, "VisibilityTimeout", reason)
        message = self._find(queue, receipt)
        if message is None:
            reason = "Message does not exist or is not available for visibility timeout change."
            raise errors.invalid(receipt, "ReceiptHandle", reason)
        now = self._service.world.clock.ms
        queue.change(message, now + seconds * 1000, now)
        if seconds == 0:
            self._service.wake(queue)
        self._service.settled(queue)

    def change_message_visibility(self, params: Params, caller: Caller) -> Response:
        """One message."""
        queue = self._service.by_url(params["QueueUrl"], caller)
        self.change(queue, params["ReceiptHandle"], params["VisibilityTimeout"])
        return {}

    def change_message_visibility_batch(self, params: Params, caller: Caller) -> Response:
        """Up to ten messages."""
        queue = self._service.by_url(params["QueueUrl"], caller)
        validate.batch(params["Entries"], "ChangeMessageVisibilityBatchRequestEntry")
        return _each(
            params["Entries"],
            lambda entry: self.change(queue, entry["ReceiptHandle"], entry.get("VisibilityTimeout", 30)),
        )


class _Expecting:
    """Whether a queue that a worker polls has, or by time alone will have, messages."""

    def __init__(self, service: SqsService, arn: str) -> None:
        self._service = service
        self.arn = arn

    def __call__(self) -> bool:
        queue = self._service.queue(self.arn)
        return queue is not None and (queue.available() or queue.next_ms() is not None)


def _drives(task: Task | None, queue: Queue) -> Drives:
    """Whether a long poll moves the clock of ``run_until_idle``: a worker's does when another queue that it
    polls in turn has messages for it."""
    if task is None or not task.daemon:
        return True
    return lambda: any(awaits() for awaits in task.awaits if getattr(awaits, "arn", "") != queue.arn)


def _each(entries: Sequence[Mapping[str, Any]], work: Any) -> Response:
    successful: list[Response] = []
    failed: list[Response] = []
    for entry in entries:
        try:
            work(entry)
        except ServiceError as error:
            failed.append(batch_failure(entry["Id"], error))
        else:
            successful.append({"Id": entry["Id"]})
    return batch_response(successful, failed)


def _limits(params: Params) -> tuple[int, int | None, int | None]:
    limit = params.get("MaxNumberOfMessages", 1)
    if not 1 <= limit <= 10:
        raise errors.invalid(limit, "MaxNumberOfMessages", "Must be between 1 and 10, if provided.")
    wait = params.get("WaitTimeSeconds")
    if wait is not None and not 0 <= wait <= 20:
        raise errors.invalid(wait, "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided.")
    visibility = params.get("VisibilityTimeout")
    if visibility is not None and not 0 <= visibility <= 43_200:
        raise errors.invalid(visibility, "VisibilityTimeout", "Must be between 0 and 43200, if provided.")
    for name in _system_names(params):
        if name not in _SYSTEM:
            raise errors.attribute_name(f"Unknown Attribute {name}.")
    return limit, wait, visibility


def _system_names(params: Params) -> Sequence[str]:
    # Where both are given AWS looks at the older parameter only (recorded).
    names: Sequence[str] = params.get("AttributeNames") or params.get("MessageSystemAttributeNames") or ()
    return names


def _shown(message: Message, params: Params) -> Response:
    shown: Response = {
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "MD5OfBody": message.md5,
        "Body": message.body,
    }
    names = _system_names(params)
    if names:
        system = message.system_attributes()
        kept = system if "All" in names else {name: system[name] for name in names if name in system}
        if kept:
            shown["Attributes"] = kept
    wanted = params.get("MessageAttributeNames")
    if wanted and message.attributes:
        attributes = {
            name: dict(value) for name, value in message.attributes.items() if _wanted(name, wanted)
        }
        if attributes:
            shown["MessageAttributes"] = attributes
            shown["MD5OfMessageAttributes"] = attributes_md5(attributes)
    return shown


def _wanted(name: str, patterns: Sequence[str]) -> bool:
    for pattern in patterns:
        if pattern in ("All", "*", ".*", name):
            return True
        if pattern.endswith(".*") and name.startswith(pattern[:-2]):
            return True
    return False

"""SendMessage and SendMessageBatch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from stackproof.fabric.service import Caller, Operation, Params, Response, ServiceError
from stackproof.fabric.sqs import errors, validate
from stackproof.fabric.sqs.message import Message, attributes_md5
from stackproof.fabric.sqs.queue import Queue

if TYPE_CHECKING:
    from stackproof.fabric.sqs.service import SqsService

DEDUPLICATION_MS = 300_000
_FIRST_SEQUENCE = 18_888_000_000_000_000_000


class Sending:
    """The operations that put messages into queues."""

    def __init__(self, service: SqsService) -> None:
        self._service = service
        self._world = service.world
        self.operations: Mapping[str, Operation] = {
            "SendMessage": self.send_message,
            "SendMessageBatch": self.send_message_batch,
        }

    def send_message(self, params: Params, caller: Caller) -> Response:
        """One message."""
        queue = self._service.by_url(params["QueueUrl"], caller)
        self._check_tokens(queue, params)
        size = validate.size(params["MessageBody"], params.get("MessageAttributes") or {})
        self._check_content(queue, params, size, in_batch=False)
        return self.enqueue(queue, params, caller, size)

    def send_message_batch(self, params: Params, caller: Caller) -> Response:
        """Up to ten messages; content errors fail their own entry only."""
        queue = self._service.by_url(params["QueueUrl"], caller)
        entries = params["Entries"]
        validate.batch(entries, "SendMessageBatchRequestEntry")
        sizes = [validate.size(one["MessageBody"], one.get("MessageAttributes") or {}) for one in entries]
        validate.batch_size(sizes)
        for entry in entries:
            self._check_tokens(queue, entry)
        successful: list[Response] = []
        failed: list[Response] = []
        for entry, size in zip(entries, sizes, strict=True):
            try:
                self._check_content(queue, entry, size, in_batch=True)
            except ServiceError as error:
                failed.append(batch_failure(entry["Id"], error))
                continue
            successful.append({"Id": entry["Id"], **self.enqueue(queue, entry, caller, size)})
        return batch_response(successful, failed)

    @staticmethod
    def _check_tokens(queue: Queue, params: Params) -> None:
        group, deduplication = params.get("MessageGroupId"), params.get("MessageDeduplicationId")
        delay = params.get("DelaySeconds")
        if delay is not None and not 0 <= delay <= 900:
            raise errors.invalid(delay, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
        if group is None and deduplication is None and not queue.fifo:
            return
        validate.token(group, "MessageGroupId")
        validate.token(deduplication, "MessageDeduplicationId")
        wrong_type = "The request include parameter that is not valid for this queue type."
        if not queue.fifo:
            if deduplication is not None:
                raise errors.invalid(deduplication, "MessageDeduplicationId", wrong_type)
            return
        if delay:
            raise errors.invalid(delay, "DelaySeconds", wrong_type)
        if group is None:
            raise errors.missing("MessageGroupId")
        if deduplication is None and queue.settings["ContentBasedDeduplication"] != "true":
            raise errors.invalid_value(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId "
                "provided explicitly"
            )

    @staticmethod
    def _check_content(queue: Queue, params: Params, size: int, *, in_batch: bool) -> None:
        body = params["MessageBody"]
        given = params.get("MessageAttributes") or {}
        validate.body(body)
        if given:
            validate.attributes(given)
        limit = queue.seconds("MaximumMessageSize")
        if size > limit:
            raise validate.too_long(limit, in_batch=in_batch)

    def enqueue(self, queue: Queue, params: Params, caller: Caller, size: int) -> Response:
        """Put a checked message of ``size`` bytes into the queue (or recognise it as a duplicate)."""
        given = params.get("MessageAttributes") or {}
        system = params.get("MessageSystemAttributes") or {}
        now = self._world.clock.ms
        queue.number += 1
        message = Message(queue.number, self._world.ids.uuid(), params["MessageBody"], now)
        message.sender, message.size = caller.user_id, size
        message.group = params.get("MessageGroupId") or ""
        if given:
            message.attributes = {name: dict(value) for name, value in given.items()}
        if system:
            message.trace = system.get("AWSTraceHeader", {}).get("StringValue", "")
        known = self._deduplicate(queue, message, params, now) if queue.fifo else None
        if known is None:
            delay = params.get("DelaySeconds")
            if delay is None or (queue.fifo and not delay):
                delay = queue.seconds("DelaySeconds")
            self.put(queue, message, now + delay * 1000)
            self._world.meters.add(queue.arn, "NumberOfMessagesSent")
        else:
            message.id, message.sequence = known
        response = {"MessageId": message.id, "MD5OfMessageBody": message.md5}
        if given:
            response["MD5OfMessageAttributes"] = attributes_md5(given)
        if system:
            response["MD5OfMessageSystemAttributes"] = attributes_md5(system)
        if queue.fifo:
            response["SequenceNumber"] = message.sequence
        return response

    def put(self, queue: Queue, message: Message, delay_until: int) -> None:
        """Put a finished message into a queue, and tell who waits for it."""
        now = self._world.clock.ms
        message.entered_ms = now
        if not message.size:
            message.size = validate.size(message.body, message.attributes)
        if queue.fifo and not message.sequence:
            queue.sequence += 1
            message.sequence = str(_FIRST_SEQUENCE + queue.sequence * 256)
        queue.put(message, delay_until, now)
        if delay_until > now:
            self._service.settled(queue)
        else:
            self._service.wake(queue)

    @staticmethod
    def _deduplicate(queue: Queue, message: Message, params: Params, now: int) -> tuple[str, str] | None:
        """(id, sequence number) of the message that this one repeats within five minutes."""
        token = params.get("MessageDeduplicationId")
        if token is None:
            token = hashlib.sha256(message.body.encode()).hexdigest()
        message.deduplication = token
        key = (message.group if queue.scope == "messageGroup" else "", token)
        table = queue.deduplicated
        known = table.get(key)
        if known is not None and known[0] > now:
            return known[1], known[2]
        if known is not None:
            del table[key]
        for old in list(islice(table, 2)):
            if table[old][0] <= now:
                del table[old]
        queue.sequence += 1
        message.sequence = str(_FIRST_SEQUENCE + queue.sequence * 256)
        table[key] = (now + DEDUPLICATION_MS, message.id, message.sequence)
        return None


def batch_failure(identifier: str, error: ServiceError) -> dict[str, Any]:
    """An entry of ``Failed``."""
    return {
        "Id": identifier,
        "SenderFault": error.fault == "Sender",
        "Code": error.code,
        "Message": error.message,
    }


def batch_response(successful: list[Response], failed: list[Response]) -> Response:
    """A batch's answer: empty lists are left out, as AWS does."""
    response: Response = {}
    if successful:
        response["Successful"] = successful
    if failed:
        response["Failed"] = failed
    return response

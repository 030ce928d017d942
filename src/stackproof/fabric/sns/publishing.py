"""Publish and PublishBatch."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stackproof.fabric.service import Caller, Operation, Params, Response, ServiceError
from stackproof.fabric.sns import errors
from stackproof.fabric.sns.model import Publication, Topic

if TYPE_CHECKING:
    from stackproof.fabric.sns.service import SnsService

MAXIMUM_SIZE = 262_144
_DEDUPLICATION_MS = 300_000
_BATCH_ID = re.compile(r"[A-Za-z0-9_-]*")
_TYPE = re.compile(r"(String\.Array|String|Number|Binary)(\..+)?", re.S)
_NAME = re.compile(r"[A-Za-z0-9_.\-]+")
_PHONE = re.compile(r"\+?[0-9]{2,15}")


class Publishing:
    """The operations that publish."""

    def __init__(self, service: SnsService) -> None:
        self._service = service
        self._recent: dict[tuple[str, str], tuple[int, str, str]] = {}
        self._sequence = 0
        self.operations: Mapping[str, Operation] = {
            "Publish": self.publish,
            "PublishBatch": self.publish_batch,
        }

    def publish(self, params: Params, caller: Caller) -> Response:
        """To a topic, a phone number or an endpoint of a mobile application."""
        target = params.get("TopicArn", params.get("TargetArn"))
        if target is None and params.get("PhoneNumber") is not None:
            return self._service.mobile.publish_sms(params, caller, _PHONE)
        if target is None:
            raise errors.invalid("TopicArn or TargetArn Reason: no value for required parameter")
        if ":endpoint/" in target:
            return self._service.mobile.publish_endpoint(target, params, caller)
        arn = self._service.checked_arn(target, caller, "TopicArn" if "TopicArn" in params else "TargetArn")
        _check_message(params)
        if _size(params) > MAXIMUM_SIZE:
            raise errors.invalid("Message too long")
        topic = self._service.topic(arn, caller)
        _check_order(params, topic)
        return self._publish(topic, params, caller)

    def publish_batch(self, params: Params, caller: Caller) -> Response:
        """Up to ten messages; AWS checks all of them before it takes one."""
        entries = params["PublishBatchRequestEntries"]
        arn = self._service.checked_arn(params["TopicArn"], caller)
        topic = self._service.topic(arn, caller)
        _check_batch(entries)
        for entry in entries:
            _check_message(entry)
            _check_order(entry, topic)
        if sum(_size(entry) for entry in entries) > MAXIMUM_SIZE:
            raise ServiceError(
                "BatchRequestTooLong", "The length of all the messages put together is more than the limit."
            )
        successful = [{"Id": entry["Id"], **self._publish(topic, entry, caller)} for entry in entries]
        return {"Successful": successful, "Failed": []}

    def _publish(self, topic: Topic, params: Params, caller: Caller) -> Response:
        world = self._service.world
        identifier, sequence, deduplication = world.ids.uuid(), "", ""
        if topic.fifo:
            deduplication = params.get("MessageDeduplicationId") or (
                hashlib.sha256(params["Message"].encode()).hexdigest()
            )
            known = self._recent.get((topic.arn, deduplication))
            if known is not None and known[0] > world.clock.ms:
                return {"MessageId": known[1], "SequenceNumber": known[2]}
            self._sequence += 1
            sequence = str(10_000_000_000_000_000_000 + self._sequence * 1000)
            until = world.clock.ms + _DEDUPLICATION_MS
            self._recent[topic.arn, deduplication] = (until, identifier, sequence)
        message, by_protocol = _message(params)
        publication = Publication(
            topic.arn, identifier, message, by_protocol, params.get("Subject"),
            params.get("MessageAttributes") or {}, world.clock.ms, params.get("MessageGroupId") or "",
            deduplication, sequence, self._service.trace_of(caller),
        )  # fmt: skip
        world.meters.add(topic.arn, "NumberOfMessagesPublished")
        self._service.deliveries.fan_out(publication)
        return {"MessageId": identifier, **({"SequenceNumber": sequence} if sequence else {})}

    def snapshot(self) -> Any:
        """Deduplication and the sequence."""
        return dict(self._recent), self._sequence

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        recent, self._sequence = state
        self._recent = dict(recent)


def _message(params: Params) -> tuple[str, dict[str, str]]:
    """(the default message, those of single protocols)."""
    if params.get("MessageStructure") != "json":
        return params["Message"], {}
    decoded = json.loads(params["Message"])
    texts = {name: value for name, value in decoded.items() if isinstance(value, str)}
    return texts["default"], texts


def _check_message(params: Params) -> None:
    if not params.get("Message"):
        raise errors.invalid("Empty message")
    subject = params.get("Subject")
    if subject is not None and (not subject or len(subject) > 100 or "\n" in subject):
        raise errors.invalid("Subject")
    if params.get("MessageStructure") == "json":
        try:
            decoded = json.loads(params["Message"])
        except ValueError:
            raise errors.invalid("Message Structure - JSON message body failed to parse") from None
        if not isinstance(decoded, dict) or not isinstance(decoded.get("default"), str):
            raise errors.invalid("Message Structure - No default entry in JSON message body")
    _check_attributes(params.get("MessageAttributes") or {})


def _check_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> None:
    for name, value in attributes.items():
        if len(name) > 256 or not _NAME.fullmatch(name) or name[0] == "." or name[-1] == "." or ".." in name:
            raise errors.invalid(f"Message (user) attribute '{name}' has an invalid name")
        kind = value.get("DataType")
        if not kind:
            message = f"The message attribute '{name}' must contain non-empty message attribute type."
            raise ServiceError("ParameterValueInvalid", message)
        if not _TYPE.fullmatch(kind):
            message = (
                f"The message attribute '{name}' has an invalid message attribute type, the set of supported "
                "type prefixes is Binary, Number, and String."
            )
            raise ServiceError("ParameterValueInvalid", message)
        base = kind.split(".", 1)[0]
        present = "BinaryValue" if base == "Binary" else "StringValue"
        if not value.get(present):
            message = (
                f"The message attribute '{name}' must contain non-empty message attribute value for message "
                f"attribute type '{base}'."
            )
            raise ServiceError("ParameterValueInvalid", message)


def _check_order(params: Params, topic: Topic) -> None:
    group, deduplication = params.get("MessageGroupId"), params.get("MessageDeduplicationId")
    if topic.fifo:
        if not group:
            raise errors.invalid("The MessageGroupId parameter is required for FIFO topics")
        if not deduplication and topic.settings.get("ContentBasedDeduplication") != "true":
            raise errors.invalid(
                "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId "
                "provided explicitly"
            )
    elif deduplication:
        raise errors.invalid(
            "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is "
            "not valid for this topic type"
        )


def _check_batch(entries: list[Params]) -> None:
    if not entries:
        raise ServiceError("EmptyBatchRequest", "The batch request doesn't contain any entries.")
    if len(entries) > 10:
        message = "The batch request contains more entries than permissible."
        raise ServiceError("TooManyEntriesInBatchRequest", message)
    ids = [entry["Id"] for entry in entries]
    if len(set(ids)) != len(ids):
        message = "Two or more batch entries in the request have the same Id."
        raise ServiceError("BatchEntryIdsNotDistinct", message)
    for identifier in ids:
        if len(identifier) > 80:
            message = f"The Id of a batch entry in the batch request is too long: {identifier}"
            raise ServiceError("InvalidBatchEntryId", message)
        if not _BATCH_ID.fullmatch(identifier):
            problem = "contains an impermissible character"
            message = f"The Id of a batch entry in the batch request {problem}: {identifier}"
            raise ServiceError("InvalidBatchEntryId", message)


def _size(params: Params) -> int:
    total = len(params["Message"].encode())
    for name, value in (params.get("MessageAttributes") or {}).items():
        content = value.get("BinaryValue")
        text = len(str(value.get("StringValue", "")).encode()) if content is None else len(content)
        total += len(name.encode()) + len(value["DataType"].encode()) + text
    return total

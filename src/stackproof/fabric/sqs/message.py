"""A message in a queue, its digests and its receipt handles."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Mapping
from typing import Any

AVAILABLE, IN_FLIGHT, DELAYED, GONE = "available", "in-flight", "delayed", "gone"

Attributes = Mapping[str, Mapping[str, Any]]


class Message:
    """One message. Times are milliseconds; ``number`` is its place in the order of arrival."""

    __slots__ = (
        "attributes", "body", "deduplication", "entered_ms", "first_received_ms", "group", "id", "md5",
        "number", "origin", "receipt", "receives", "sender", "sent_ms", "sequence", "size", "stamp",
        "state", "trace", "visible_ms",
    )  # fmt: skip

    def __init__(self, number: int, identifier: str, body: str, sent_ms: int) -> None:
        self.number = number
        self.id = identifier
        self.body = body
        self.md5 = md5(body.encode())
        self.sent_ms = self.entered_ms = sent_ms
        self.size = 0
        self.attributes: Attributes = {}
        self.trace = ""
        self.sender = ""
        self.group = ""
        self.deduplication = ""
        self.sequence = ""
        self.origin = ""
        self.receives = 0
        self.first_received_ms = 0
        self.visible_ms = 0
        self.stamp = 0
        self.state = AVAILABLE
        self.receipt = ""

    def clone(self) -> Message:
        """A copy that shares the immutable parts."""
        twin = Message.__new__(Message)
        for name in Message.__slots__:
            setattr(twin, name, getattr(self, name))
        return twin

    def system_attributes(self) -> dict[str, str]:
        """Every system attribute that a receive can return."""
        found = {
            "SenderId": self.sender,
            "SentTimestamp": str(self.sent_ms),
            "ApproximateReceiveCount": str(self.receives),
            "ApproximateFirstReceiveTimestamp": str(self.first_received_ms),
        }
        if self.sequence:
            found["SequenceNumber"] = self.sequence
        if self.deduplication:
            found["MessageDeduplicationId"] = self.deduplication
        if self.group:
            found["MessageGroupId"] = self.group
        if self.trace:
            found["AWSTraceHeader"] = self.trace
        if self.origin:
            found["DeadLetterQueueSourceArn"] = self.origin
        return found


def md5(data: bytes) -> str:
    """The hexadecimal MD5 digest, as SQS returns it."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _part(data: bytes) -> bytes:
    return struct.pack("!I", len(data)) + data


def attributes_md5(attributes: Attributes) -> str:
    """The digest of message attributes; empty for none.

    Algorithm: SQS developer guide, "Calculating the MD5 message digest for message attributes".
    """
    if not attributes:
        return ""
    encoded = bytearray()
    for name in sorted(attributes):
        value = attributes[name]
        encoded += _part(name.encode()) + _part(str(value["DataType"]).encode())
        if "BinaryValue" in value:
            encoded += b"\x02" + _part(bytes(value["BinaryValue"]))
        else:
            encoded += b"\x01" + _part(str(value.get("StringValue", "")).encode())
    return md5(bytes(encoded))


def attributes_size(attributes: Attributes) -> int:
    """Bytes that attributes add to a message: names, types and values."""
    total = 0
    for name, value in attributes.items():
        data = value.get("BinaryValue")
        content = len(data) if data is not None else len(str(value.get("StringValue", "")).encode())
        total += len(name.encode()) + len(str(value.get("DataType", "")).encode()) + content
    return total


def make_receipt(queue: str, message: Message, noise: str) -> str:
    """A receipt handle; it names the queue, the message and the receive."""
    text = f"{noise} {queue} {message.number} {message.receives}"
    return binascii.b2a_base64(text.encode(), newline=False).decode()


def read_receipt(queue: str, handle: str) -> tuple[int, int] | None:
    """(message number, receive) of a handle of this queue; None when it is no such handle."""
    try:
        _, name, number, receive = base64.b64decode(handle, validate=True).decode().split(" ")
        return (int(number), int(receive)) if name == queue else None
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None

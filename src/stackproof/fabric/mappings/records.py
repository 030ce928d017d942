"""The records of an SQS event, as Lambda writes them, and which messages a filter lets through."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from stackproof.fabric import patterns
from stackproof.fabric.mappings.model import EventSourceMapping
from stackproof.fabric.sqs.message import Message, attributes_md5


def record(message: Message, mapping: EventSourceMapping) -> dict[str, Any]:
    """One record. With a batching window the digest of the attributes is always there (recorded)."""
    found: dict[str, Any] = {
        "messageId": message.id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": message.system_attributes(),
        "messageAttributes": {name: _attribute(value) for name, value in message.attributes.items()}
        if message.attributes
        else {},
        "md5OfBody": message.md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": mapping.source,
        "awsRegion": mapping.region,
    }
    if message.attributes or mapping.window:
        found["md5OfMessageAttributes"] = attributes_md5(message.attributes) or None
    return found


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "StringValue" in value:
        found["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        found["binaryValue"] = base64.b64encode(bytes(value["BinaryValue"])).decode()
    return {**found, "stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}


def passes(found: Mapping[str, Any], wanted: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a record matches one of the filter patterns.

    The body is looked at as JSON where the pattern wants an object there, and as text where it wants
    a text; a body of the other kind does not match (developer guide, "Properly filtering Amazon SQS
    messages").
    """
    return any(patterns.matches(pattern, _as_wanted(found, pattern)) for pattern in wanted)


def _as_wanted(found: Mapping[str, Any], pattern: Mapping[str, Any]) -> Mapping[str, Any]:
    if "body" not in pattern:
        return found
    try:
        body = json.loads(found["body"])
    except ValueError:
        body = found["body"]
    structured = isinstance(body, (dict, list))
    if structured != isinstance(pattern["body"], Mapping):
        return {key: value for key, value in found.items() if key != "body"}
    return {**found, "body": body if structured else found["body"]}

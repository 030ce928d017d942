"""What a message must be like to be sent, and what a batch must be like."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stackproof.fabric.sqs import errors
from stackproof.fabric.sqs.attributes import MAXIMUM_SIZE
from stackproof.fabric.sqs.message import Attributes, attributes_size

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TOKEN = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
_BATCH_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_ATTRIBUTE_NAME = re.compile(r"[\w.\-]{1,256}")
_ATTRIBUTE_TYPE = re.compile(r"(String|Number|Binary)(\.[\w.\-]+)?")
_QUEUE_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")


def queue_name(name: str) -> None:
    """Refuse a name that no queue can have."""
    stem = name[:-5] if name.endswith(".fifo") else name
    if len(name) > 80 or not _QUEUE_NAME.fullmatch(stem):
        raise errors.invalid_value(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )


def body(text: str) -> None:
    """Refuse an empty body and characters outside of XML 1.0."""
    if not text:
        raise errors.missing("MessageBody")
    if (not text.isascii() or not text.isprintable()) and _FORBIDDEN.search(text):
        raise errors.contents()


def token(value: str | None, parameter: str) -> None:
    """Refuse a malformed MessageGroupId or MessageDeduplicationId."""
    if value is not None and not _TOKEN.fullmatch(value):
        reason = f"{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length."
        raise errors.invalid(value, parameter, reason)


def attributes(given: Attributes) -> None:
    """Refuse malformed message attributes."""
    if len(given) > 10:
        raise errors.invalid_value(
            f"Number of message attributes [{len(given)}] exceeds the allowed maximum [10]."
        )
    for name, value in given.items():
        _attribute_name(name)
        _attribute_value(name, value)


def _attribute_name(name: str) -> None:
    lowered = name.lower()
    if lowered.startswith(("aws.", "amazon.")) or name.startswith(".") or name.endswith("."):
        raise errors.invalid_value(f"Message (user) attribute name '{name}' is not valid.")
    if ".." in name or not _ATTRIBUTE_NAME.fullmatch(name):
        raise errors.invalid_value(
            f"Message (user) attribute name '{name}' can only contain A-Z, a-z, 0-9, _, - and . characters "
            "and be up to 256 long."
        )


def _attribute_value(name: str, value: Mapping[str, Any]) -> None:
    kind = str(value.get("DataType", ""))
    if len(kind) > 256 or not _ATTRIBUTE_TYPE.fullmatch(kind):
        raise errors.invalid_value(
            f"The type of message (user) attribute '{name}' is invalid. You must use only the following "
            "supported type prefixes: Binary, Number, String."
        )
    base = kind.split(".", 1)[0]
    content = value.get("BinaryValue") if base == "Binary" else value.get("StringValue")
    if not content:
        raise errors.invalid_value(
            f"Message (user) attribute '{name}' must contain a non-empty value of type '{base}'."
        )
    if base != "Binary" and _FORBIDDEN.search(str(content)):
        raise errors.invalid_value(f"Message (user) attribute '{name}' has invalid characters in its value.")
    if base == "Number" and not _number(str(content)):
        raise errors.invalid_value(f"Can't cast the value of message (user) attribute '{name}' to a number.")


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def size(text: str, given: Attributes) -> int:
    """Bytes of a message: its body and its attributes."""
    length = len(text) if text.isascii() else len(text.encode())
    return length + attributes_size(given) if given else length


def too_long(limit: int, *, in_batch: bool = False) -> Exception:
    """The error for a message that is larger than its queue allows."""
    verb = "cannot be validated" if in_batch else "are invalid"
    return errors.invalid_value(
        f"One or more parameters {verb}. Reason: Message must be shorter than {limit} bytes."
    )


def batch(entries: Sequence[Mapping[str, Any]], kind: str) -> None:
    """Refuse an empty batch, one of more than ten, and bad or repeated ids."""
    if not entries:
        message = f"There should be at least one {kind} in the request."
        raise errors.namespaced("EmptyBatchRequest", message)
    if len(entries) > 10:
        message = f"Maximum number of entries per request are 10. You have sent {len(entries)}."
        raise errors.namespaced("TooManyEntriesInBatchRequest", message)
    seen: set[str] = set()
    for entry in entries:
        identifier = entry["Id"]
        if not _BATCH_ID.fullmatch(identifier):
            raise errors.namespaced(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
                "It can be at most 80 letters long.",
            )
        if identifier in seen:
            raise errors.namespaced("BatchEntryIdsNotDistinct", f"Id {identifier} repeated.")
        seen.add(identifier)


def batch_size(sizes: Iterable[int]) -> None:
    """Refuse a batch that is larger than one message may be."""
    total = sum(sizes)
    if total > MAXIMUM_SIZE:
        message = f"Batch requests cannot be longer than {MAXIMUM_SIZE} bytes. You have sent {total} bytes."
        raise errors.namespaced("BatchRequestTooLong", message)

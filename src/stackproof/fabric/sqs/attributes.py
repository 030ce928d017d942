"""Queue attributes: defaults, ranges, and what AWS answers when they are wrong.

Ranges: SQS API reference, SetQueueAttributes. Messages as AWS was recorded to word them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from stackproof.fabric import arns
from stackproof.fabric.sqs import errors

MAXIMUM_SIZE = 1_048_576

DEFAULTS = {
    "VisibilityTimeout": "30",
    "MaximumMessageSize": str(MAXIMUM_SIZE),
    "MessageRetentionPeriod": "345600",
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
    "SqsManagedSseEnabled": "true",
}
FIFO_DEFAULTS = {
    "FifoQueue": "true",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
    "ContentBasedDeduplication": "false",
}
RANGES = {
    "VisibilityTimeout": (0, 43_200),
    "MaximumMessageSize": (1024, MAXIMUM_SIZE),
    "MessageRetentionPeriod": (60, 1_209_600),
    "DelaySeconds": (0, 900),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
}
_FLAGS = ("FifoQueue", "ContentBasedDeduplication", "SqsManagedSseEnabled")
_CHOICES = {
    "DeduplicationScope": ("messageGroup", "queue"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
}
_DOCUMENTS = ("Policy", "RedrivePolicy", "RedriveAllowPolicy")
COMPUTED = (
    "QueueArn", "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed", "CreatedTimestamp", "LastModifiedTimestamp",
)  # fmt: skip
KNOWN = frozenset((*RANGES, *_FLAGS, *_CHOICES, *_DOCUMENTS, *COMPUTED, "KmsMasterKeyId", "All"))


def for_creation(name: str, given: Mapping[str, str]) -> dict[str, str]:
    """The settings that a new queue would have; raises for what CreateQueue refuses."""
    fifo = name.endswith(".fifo")
    wants = str(given.get("FifoQueue", "")).lower()
    if wants == "true" and not fifo:
        raise errors.invalid_value(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, "
            "must end with .fifo suffix and be 1 to 80 in length."
        )
    if fifo and wants != "true":
        reason = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        raise errors.invalid_value(reason)
    settings = {**DEFAULTS, **(FIFO_DEFAULTS if fifo else {})}
    settings.update(checked(given, fifo=fifo))
    check_throughput(settings)
    if settings.get("KmsMasterKeyId") and "SqsManagedSseEnabled" not in given:
        settings["SqsManagedSseEnabled"] = "false"
    return settings


def for_update(given: Mapping[str, str], *, fifo: bool) -> dict[str, str]:
    """What SetQueueAttributes changes; raises for what it refuses."""
    if fifo and str(given.get("FifoQueue", "true")).lower() != "true":
        raise errors.attribute_value("FifoQueue", "Modifying queue type is not supported.")
    changes = checked(given, fifo=fifo)
    if changes.get("KmsMasterKeyId"):
        if changes.get("SqsManagedSseEnabled") == "true":
            raise errors.attribute_name(
                "You can use one type of server-side encryption (SSE) at one time. You can either enable "
                "KMS SSE or SQS SSE."
            )
        changes["SqsManagedSseEnabled"] = "false"
    return changes


def check_throughput(settings: Mapping[str, str]) -> None:
    """Raise for a limit per message group of a queue that removes duplicates across its groups."""
    scope = settings.get("DeduplicationScope")
    if settings.get("FifoThroughputLimit") == "perMessageGroupId" and scope != "messageGroup":
        raise errors.attribute_value(
            "FifoThroughputLimit", "perMessageGroupId is allowed only with DeduplicationScope messageGroup."
        )


def checked(given: Mapping[str, str], *, fifo: bool) -> dict[str, str]:
    """The attributes normalised; raises InvalidAttributeName or InvalidAttributeValue."""
    found: dict[str, str] = {}
    for name, value in given.items():
        if name not in KNOWN or name in COMPUTED or name == "All":
            raise errors.attribute_name(f"Unknown Attribute {name}.")
        if not fifo:
            _refuse_fifo_only(name)
        found[name] = _value(name, value)
    return found


def _refuse_fifo_only(name: str) -> None:
    if name in ("FifoQueue", "ContentBasedDeduplication"):
        raise errors.attribute_name(f"Unknown Attribute {name}.")
    if name in _CHOICES:
        raise errors.attribute_name(f"You can specify the {name} only when FifoQueue is set to true.")


def _value(name: str, value: str) -> str:
    if name in RANGES:
        low, high = RANGES[name]
        if not value.isdigit() or not low <= int(value) <= high:
            raise errors.attribute_value(name)
        return str(int(value))
    if name in _FLAGS:
        if value.lower() not in ("true", "false"):
            raise errors.attribute_value(name)
        return value.lower()
    if name in _CHOICES and value not in _CHOICES[name]:
        raise errors.attribute_value(name)
    if name == "RedrivePolicy" and value:
        return _redrive(value)
    if name in _DOCUMENTS and value and not isinstance(_json(value), dict):
        raise errors.attribute_value(name)
    return value


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _redrive(text: str) -> str:
    policy = _json(text)
    if not isinstance(policy, dict):
        raise errors.invalid(text, "RedrivePolicy", "Redrive policy is not a valid JSON map.")
    for name in ("deadLetterTargetArn", "maxReceiveCount"):
        if name not in policy:
            reason = f"Redrive policy does not contain mandatory attribute: {name}."
            raise errors.invalid(text, "RedrivePolicy", reason)
    unknown = set(policy) - {"deadLetterTargetArn", "maxReceiveCount"}
    if unknown:
        reason = "Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount]."
        raise errors.invalid(text, "RedrivePolicy", reason)
    count = str(policy["maxReceiveCount"])
    if not count.isdigit() or not 1 <= int(count) <= 1000:
        reason = (
            "Invalid value for maxReceiveCount: "
            + count
            + ", valid values are from 1 to 1000 both inclusive."
        )
        raise errors.invalid(text, "RedrivePolicy", reason)
    target = arns.parse(str(policy["deadLetterTargetArn"]))
    if target is None or target.service != "sqs":
        reason = "Invalid value for deadLetterTargetArn."
        raise errors.invalid(text, "RedrivePolicy", reason)
    return json.dumps(
        {"deadLetterTargetArn": str(target), "maxReceiveCount": int(count)}, separators=(",", ":")
    )


def redrive_target(settings: Mapping[str, str]) -> tuple[str, int] | None:
    """(dead-letter queue's ARN, maxReceiveCount) of a queue's settings."""
    text = settings.get("RedrivePolicy")
    return _target_of(text) if text else None


@lru_cache(maxsize=256)
def _target_of(policy: str) -> tuple[str, int]:
    """What a redrive policy says; every receive asks."""
    told = json.loads(policy)
    return told["deadLetterTargetArn"], told["maxReceiveCount"]


def may_redrive(settings: Mapping[str, str], source: str) -> bool:
    """Whether a dead-letter queue's redrive-allow policy admits ``source``."""
    text = settings.get("RedriveAllowPolicy")
    if not text:
        return True
    policy = json.loads(text)
    permission = policy.get("redrivePermission", "allowAll")
    if permission == "byQueue":
        return source in policy.get("sourceQueueArns", ())
    return bool(permission == "allowAll")

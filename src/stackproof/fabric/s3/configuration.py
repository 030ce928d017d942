"""PutBucketNotificationConfiguration: what S3 takes, and what it refuses.

Source: S3 user guide, "Configuring event notifications using object key name filtering" and "Supported
event types"; the wording of the errors is what AWS answered where it was recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import Any

from stackproof.fabric import arns
from stackproof.fabric.s3.model import Notifications, Target
from stackproof.fabric.service import Params, ServiceError

KINDS = {
    "TopicConfigurations": ("sns", "TopicArn", "Topic"),
    "QueueConfigurations": ("sqs", "QueueArn", "Queue"),
    "LambdaFunctionConfigurations": ("lambda", "LambdaFunctionArn", "CloudFunction"),
}
"""Member: the kind of target, the member that names it, and what errors call it."""

_GROUPS = {
    "ObjectCreated": ("Put", "Post", "Copy", "CompleteMultipartUpload"),
    "ObjectRemoved": ("Delete", "DeleteMarkerCreated"),
    "ObjectRestore": ("Post", "Completed", "Delete"),
    "ObjectTagging": ("Put", "Delete"),
    "LifecycleExpiration": ("Delete", "DeleteMarkerCreated"),
    "Replication": (
        "OperationFailedReplication", "OperationMissedThreshold", "OperationReplicatedAfterThreshold",
        "OperationNotTracked",
    ),
}  # fmt: skip
EVENTS = frozenset(
    [f"s3:{group}:{one}" for group, ones in _GROUPS.items() for one in (*ones, "*")]
    + [
        "s3:ObjectAcl:Put",
        "s3:LifecycleTransition",
        "s3:IntelligentTiering",
        "s3:ReducedRedundancyLostObject",
    ]
)
"""Every event type that a configuration may name."""


def invalid(message: str, **arguments: str) -> ServiceError:
    """S3's InvalidArgument; ``arguments`` are members of the error beside its message."""
    return ServiceError("InvalidArgument", message, extra=arguments)


def parse(params: Params, place: Notifications, fresh: Callable[[], str]) -> Notifications:
    """The configuration of a request for the bucket at ``place``; raises ``InvalidArgument``.

    ``fresh`` gives an id to each entry that has none.
    """
    given = params["NotificationConfiguration"]
    targets = tuple(
        _target(kind, one, arn, called, fresh)
        for member, (kind, arn, called) in KINDS.items()
        for one in given.get(member) or ()
    )
    if len({target.id for target in targets}) < len(targets):
        raise invalid("Same ID used for multiple configurations. IDs must be unique")
    for first, second in combinations(targets, 2):
        _check_overlap(first, second)
    for target in targets:
        _check_region(target, place)
    bridge = given.get("EventBridgeConfiguration") is not None
    return Notifications(place.bucket, place.account, place.region, place.partition, targets, bridge)


def _target(kind: str, one: Mapping[str, Any], arn: str, called: str, fresh: Callable[[], str]) -> Target:
    named = one[arn]
    parsed = arns.parse(named)
    if parsed is None or not parsed.resource:
        raise invalid("The ARN could not be parsed", ArgumentName=called, ArgumentValue=named)
    if parsed.service != kind:
        raise invalid("The ARN is not well formed", ArgumentName=called, ArgumentValue=named)
    if named.endswith(".fifo"):
        what = "SQS queues" if kind == "sqs" else "SNS topics"
        raise invalid(f"FIFO {what} are not supported", ArgumentName=called, ArgumentValue=named)
    for event in one["Events"]:
        if event not in EVENTS:
            raise invalid(
                "The event is not supported for notifications", ArgumentName="Event", ArgumentValue=event
            )
    return Target(kind, one.get("Id") or fresh(), named, tuple(one["Events"]), tuple(_rules(one)))


def _rules(one: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for rule in ((one.get("Filter") or {}).get("Key") or {}).get("FilterRules") or ():
        name = str(rule["Name"]).capitalize()
        if name not in ("Prefix", "Suffix"):
            raise invalid(
                "filter rule name must be either prefix or suffix",
                ArgumentName="FilterRule.Name",
                ArgumentValue=rule["Name"],
            )
        if name in seen:
            raise invalid(
                f"Cannot specify more than one {name.lower()} rule in a filter.",
                ArgumentName="FilterRule.Name",
                ArgumentValue=name.lower(),
            )
        if len(rule.get("Value", "").encode()) > 1024:
            raise invalid("Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation")
        seen.add(name)
        yield name, rule.get("Value", "")


def _check_overlap(first: Target, second: Target) -> None:
    """Two entries may not both want one event of one key."""
    shared = any(first.wants(event) and second.wants(event) for event in EVENTS if not event.endswith("*"))
    if not shared:
        return
    prefixes = _related(first.rule("Prefix"), second.rule("Prefix"), str.startswith)
    suffixes = _related(first.rule("Suffix"), second.rule("Suffix"), str.endswith)
    if not (prefixes and suffixes):
        return
    if not first.rules and not second.rules:
        raise invalid(
            "Configurations overlap. Configurations on the same bucket cannot share a common event type."
        )
    raise invalid(
        "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes "
        "are overlapping for the same event type."
    )


def _related(first: str, second: str, side: Callable[[str, str], bool]) -> bool:
    return side(first, second) or side(second, first)


def _check_region(target: Target, place: Notifications) -> None:
    parsed = arns.parse(target.arn)
    if parsed is not None and parsed.region != place.region:
        raise invalid(
            "The notification destination service region is not valid for the bucket location constraint"
        )


def shown(notifications: Notifications) -> dict[str, Any]:
    """What GetBucketNotificationConfiguration answers."""
    found: dict[str, Any] = {}
    for member, (kind, arn, _) in KINDS.items():
        entries = [_entry(one, arn) for one in notifications.targets if one.kind == kind]
        if entries:
            found[member] = entries
    if notifications.bridge:
        found["EventBridgeConfiguration"] = {}
    return found


def _entry(target: Target, arn: str) -> dict[str, Any]:
    found: dict[str, Any] = {"Id": target.id, arn: target.arn, "Events": list(target.events)}
    if target.rules:
        rules = [{"Name": name, "Value": value} for name, value in target.rules]
        found["Filter"] = {"Key": {"FilterRules": rules}}
    return found

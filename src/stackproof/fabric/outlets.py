"""How EventBridge's rules, schedules and pipes hand something to a target: who they are there, and how.

With a role the target's API is called in the role's session; without one the service itself is let in by the
target's resource policy. Sources: EventBridge user guide, "Event bus targets" and "Using dead-letter
queues to process undelivered events" (the error codes).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stackproof.errors import CapabilityMissing
from stackproof.fabric import arns, registry, web
from stackproof.fabric.service import THROTTLES, Caller, Delivery, Params, ServiceError, Undeliverable

if TYPE_CHECKING:
    from stackproof.fabric.world import World

Done = Callable[[Exception | None], None]

DIRECT = frozenset({"sqs", "sns", "lambda"})
"""Kinds that let the service itself in by a resource policy."""
KINDS = DIRECT | {"kinesis", "firehose", "logs", "events", "execute-api"}
_OPTIONAL = frozenset({"states", "iot", "codepipeline", "codebuild"})
"""Kinds that are taken as soon as the fabric has the service."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Something for a target. ``sender`` is the ARN of the rule, schedule or pipe, ``principal`` its service.

    ``group``, ``deduplication`` and ``partition`` are for FIFO queues and streams. ``entry`` are the
    members of a PutEvents entry besides the detail, for a bus. ``identifier`` names the event (a log
    stream is called so). ``http`` are the HttpParameters of an API or an API destination.
    """

    to: str
    body: str
    sender: str
    principal: str
    role: str = ""
    group: str = ""
    deduplication: str = ""
    partition: str = ""
    identifier: str = ""
    ms: int = 0
    entry: Mapping[str, Any] = field(default_factory=dict)
    http: Mapping[str, Any] = field(default_factory=dict)


def unsupported(arn: str) -> str:
    """Why a target's ARN gets nothing here, "" when it does."""
    parsed = arns.parse(arn)
    kind = parsed.service if parsed else ""
    if kind in KINDS or (kind in _OPTIONAL and kind in registry.names()):
        return ""
    return f"targets of kind '{kind}' are not emulated"


def session(world: World, role: str, sender: str, principal: str) -> Caller:
    """Who calls a target: the session of a role, or the service itself when there is none."""
    parsed = arns.parse(sender)
    account, region = (parsed.account, parsed.region) if parsed else (world.account, world.region)
    name = arns.last(sender)
    found = arns.parse(role)
    if found is None:
        return world.caller(
            account, region, arn=principal, actor=name, service=principal, source_arn=sender,
            user_id="AIDAIT2UOQQY3AUEKVGXU",
        )  # fmt: skip
    role_name = found.resource.rsplit("/", 1)[-1]
    arn = f"arn:{found.partition}:sts::{found.account}:assumed-role/{role_name}/{name}"
    user = f"AROA{found.account}STACKPROOF:{name}"
    return world.caller(found.account, region, arn=arn, actor=name, source_arn=sender, user_id=user)


def send(world: World, parcel: Parcel, done: Done) -> None:
    """Hand a parcel over; ``done`` gets None or an ``Undeliverable`` with AWS's error code.

    Raises ``CapabilityMissing`` for a kind of target that is not emulated.
    """
    reason = unsupported(parcel.to)
    if reason:
        raise CapabilityMissing(f"{arns.last(parcel.sender)} has {parcel.to} as its target: {reason}")
    parsed = arns.parse(parcel.to)
    assert parsed is not None  # its kind is known
    if not parcel.role and parsed.service in DIRECT:
        delivery = Delivery(
            parcel.sender, parcel.body, group=parcel.group, deduplication=parcel.deduplication,
            principal=parcel.principal,
        )  # fmt: skip
        world.deliver(parcel.to, delivery, done)
        return
    caller = session(world, parcel.role, parcel.sender, parcel.principal).to(parsed.region)
    if parsed.service == "execute-api":
        web.send(world, parcel.to, parcel.body, parcel.http, caller, done)
        return
    if parsed.service == "events" and parsed.resource.startswith("api-destination/"):
        world.service("events").requests.send(parcel.to, parcel.body, parcel.http, caller, done)
        return
    try:
        _CALLS[parsed.service](world, parcel, parsed.resource, caller)
    except ServiceError as error:
        done(Undeliverable.refused(error))
        return
    done(None)


def _queue(world: World, parcel: Parcel, resource: str, caller: Caller) -> None:
    queue = world.service("sqs").queue(parcel.to)
    if queue is None:
        raise ServiceError("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
    params: Params = {"QueueUrl": queue.url, "MessageBody": parcel.body}
    if parcel.group:
        params["MessageGroupId"] = parcel.group
    if parcel.deduplication:
        params["MessageDeduplicationId"] = parcel.deduplication
    world.call("sqs", "SendMessage", params, caller)


def _topic(world: World, parcel: Parcel, resource: str, caller: Caller) -> None:
    params: Params = {"TopicArn": parcel.to, "Message": parcel.body}
    if parcel.group:
        params["MessageGroupId"] = parcel.group
    world.call("sns", "Publish", params, caller)


def _function(world: World, parcel: Parcel, resource: str, caller: Caller) -> None:
    params = {"FunctionName": parcel.to, "InvocationType": "Event", "Payload": parcel.body.encode()}
    world.call("lambda", "Invoke", params, caller)


def _stream(world: World, parcel: Parcel, resource: str, caller: Caller) -> None:
    name = resource.partition("/")[2]
    data = parcel.body.encode()
    params = {"StreamName": name, "Data": data, "PartitionKey": parcel.partition or parcel.identifier}
    world.call("kinesis", "PutRecord", params, caller)


def _delivery_stream(world: World, parcel: Parcel, resource: str, caller: Caller) -> None:
    params = {"DeliveryStreamName": resource.partition("/")[2], "Record": {"Data": parcel.body.encode()}}
    world.call("firehose", "PutRecord", params, caller)


def _log_group(world: World, parcel: Parcel, resource: str, caller: Caller) -> None:
    group = resource.removeprefix("log-group:").removesuffix(":*")
    place = {"logGroupName": group, "logStreamName": parcel.identifier}
    try:
        world.call("logs", "CreateLogStream", place, caller)
    except ServiceError as error:
        if error.code != "ResourceAlreadyExistsException":
            raise
    event = {"timestamp": parcel.ms, "message": parcel.body}
    world.call("logs", "PutLogEvents", {**place, "logEvents": [event]}, caller)


def _bus(world: World, parcel: Parcel, resource: str, caller: Caller) -> None:
    entry = {"EventBusName": parcel.to, "Detail": parcel.body, **parcel.entry}
    answer = world.call("events", "PutEvents", {"Entries": [entry]}, caller)
    for failed in answer["Entries"]:
        if failed.get("ErrorCode"):
            raise ServiceError(failed["ErrorCode"], failed["ErrorMessage"])


def _state_machine(world: World, parcel: Parcel, resource: str, caller: Caller) -> None:
    world.call("states", "StartExecution", {"stateMachineArn": parcel.to, "input": parcel.body}, caller)


def _pipeline(world: World, parcel: Parcel, resource: str, caller: Caller) -> None:
    world.call("codepipeline", "StartPipelineExecution", {"name": resource}, caller)


def _build(world: World, parcel: Parcel, resource: str, caller: Caller) -> None:
    """A target's constant or transformed input is what StartBuild is given beside the project."""
    try:
        told = json.loads(parcel.body)
    except ValueError:
        told = {}
    event = not isinstance(told, dict) or "detail-type" in told
    params = {"projectName": resource.partition("/")[2], **({} if event else told)}
    world.call("codebuild", "StartBuild", params, caller)


_CALLS: dict[str, Callable[[World, Parcel, str, Caller], None]] = {
    "sqs": _queue,
    "sns": _topic,
    "lambda": _function,
    "kinesis": _stream,
    "firehose": _delivery_stream,
    "logs": _log_group,
    "events": _bus,
    "states": _state_machine,
    "codepipeline": _pipeline,
    "codebuild": _build,
}

_NO_RESOURCE = ("NotFound", "NonExistent", "DoesNotExist", "NoSuch")
_NO_PERMISSION = ("AccessDenied", "NotAuthorized", "AuthorizationError", "Unauthorized", "KMSAccessDenied")


def error_code(error: Exception) -> str:
    """EventBridge's own code for why a target was not reached, as its dead-letter queue shows it."""
    code = error.code if isinstance(error, Undeliverable) else ""
    if code in THROTTLES:
        return "THROTTLING"
    if any(part in code for part in _NO_PERMISSION):
        return "NO_PERMISSIONS"
    if any(part in code for part in _NO_RESOURCE):
        return "NO_RESOURCE"
    if isinstance(error, Undeliverable) and error.retry:
        return "ERROR_FROM_TARGET"
    return code if code.isupper() and code else "INVALID_PARAMETER" if code else "SDK_CLIENT_ERROR"

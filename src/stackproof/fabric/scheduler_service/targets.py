"""Targets of schedules: those with a template of their own, and universal ones (any API of AWS).

Source: Scheduler user guide, "Managing targets": a universal target is
``arn:aws:scheduler:::aws-sdk:<service>:<apiAction>``, its input the parameters of the call; operations
that only read are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stackproof.fabric import outlets
from stackproof.fabric.outlets import Done, Parcel
from stackproof.fabric.service import Caller, ServiceError, Undeliverable

if TYPE_CHECKING:
    from stackproof.fabric.world import World

PRINCIPAL = "scheduler.amazonaws.com"
_UNIVERSAL = re.compile(r"arn:[^:]+:scheduler:::aws-sdk:(?P<service>[a-z0-9]+):(?P<action>[a-z][A-Za-z0-9]+)")
_READS = re.compile(
    r"(get|describe|list|poll|receive|search|scan|query|select|read|lookup|discover|validate|batchGet|"
    r"batchDescribe|batchRead|transactGet|adminGet|adminList|testMigration|retrieve|testConnection|"
    r"translateDocument|isAuthorized|invokeModel)"
)
_NAMES = {
    "applicationautoscaling": "application-autoscaling",
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "eventbridge": "events",
    "iotdataplane": "iot-data",
    "sfn": "states",
}
"""Names of services in universal targets that differ from boto3's."""
_BLOBS = {"kinesis": ("Data",), "firehose": ("Data",), "lambda": ("Payload",)}


def universal(arn: str) -> tuple[str, str] | None:
    """Service (boto3's name) and operation of a universal target's ARN."""
    found = _UNIVERSAL.fullmatch(arn)
    if found is None:
        return None
    action = found["action"]
    return _NAMES.get(found["service"], found["service"]), action[0].upper() + action[1:]


def only_reads(arn: str) -> bool:
    """Whether a universal target asks for an operation that AWS refuses."""
    found = _UNIVERSAL.fullmatch(arn)
    return found is not None and _READS.match(found["action"]) is not None


def unsupported(arn: str) -> str:
    """Why a target gets nothing here, "" when it does."""
    return "" if universal(arn) else outlets.unsupported(arn)


def send(world: World, schedule: str, target: Mapping[str, Any], body: str, done: Done) -> None:
    """Call a target with its role. Raises ``CapabilityMissing`` for a kind that is not emulated."""
    arn, role = str(target["Arn"]), str(target.get("RoleArn") or "")
    call = universal(arn)
    if call is not None:
        caller = outlets.session(world, role, schedule, PRINCIPAL)
        _call(world, call, body, caller, done)
        return
    bus = target.get("EventBridgeParameters") or {}
    outlets.send(
        world,
        Parcel(
            arn, body, schedule, PRINCIPAL, role,
            group=(target.get("SqsParameters") or {}).get("MessageGroupId") or "",
            partition=(target.get("KinesisParameters") or {}).get("PartitionKey") or "",
            identifier=schedule, ms=world.clock.ms,
            entry={"DetailType": bus.get("DetailType"), "Source": bus.get("Source")} if bus else {},
        ),
        done,
    )  # fmt: skip


def _call(world: World, call: tuple[str, str], body: str, caller: Caller, done: Done) -> None:
    service, operation = call
    try:
        params = _decoded(json.loads(body or "{}"), _BLOBS.get(service, ()))
        if not isinstance(params, dict):
            raise ValueError("the input of a universal target is an object")
        world.call(service, operation, params, caller)
    except ServiceError as error:
        done(Undeliverable.refused(error))
        return
    except ValueError as error:
        done(Undeliverable(str(error), code="ValidationException"))
        return
    done(None)


def _decoded(value: Any, blobs: tuple[str, ...]) -> Any:
    """JSON as parameters of boto3: what is binary there was text."""
    if isinstance(value, list):
        return [_decoded(one, blobs) for one in value]
    if isinstance(value, dict):
        return {
            key: one.encode() if key in blobs and isinstance(one, str) else _decoded(one, blobs)
            for key, one in value.items()
        }
    return value

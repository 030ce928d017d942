"""Calls of AWS services by the gateway: what an integration's URI names, and the body as parameters.

REST APIs name ``arn:aws:apigateway:{region}:{service}:action/{Action}`` or ``…:path/{path}``; a body is JSON,
or a form where the service speaks the query protocol. Source: API Gateway API reference, "PutIntegration".
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from stackproof.errors import CapabilityMissing
from stackproof.fabric import outlets
from stackproof.fabric.service import Params, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.world import World

SERVICES = frozenset({"sqs", "sns", "dynamodb", "kinesis", "events", "firehose"})
"""Services that integrations may call here; any other is refused by name."""
_URI = re.compile(r"arn:[^:]+:apigateway:([^:]+):(?:[^:.]+\.)?([^:.]+):(action|path)/(.*)", re.S)
_FORMS = frozenset({"sqs", "sns"})
"""Services that take and give what the query protocol has."""
_BLOBS = {
    "kinesis": {"Data", "ExplicitBinary"}, "firehose": {"Data"}, "dynamodb": {"B", "BS"},
    "sqs": {"BinaryValue"}, "sns": {"BinaryValue"},
}  # fmt: skip
_TARGET = re.compile(r"\w+?\.(\w+)")


@dataclass(frozen=True, slots=True)
class Call:
    """One call: ``path`` is what follows the account and host of a ``path/`` URI."""

    region: str
    service: str
    operation: str
    path: str = ""


def parsed(uri: str) -> Call | None:
    """The call that a URI names; None for another URI."""
    found = _URI.fullmatch(uri)
    if found is None or found[2] == "lambda":
        return None
    region, service, kind, rest = found.groups()
    return Call(region, service, rest if kind == "action" else "", rest if kind == "path" else "")


def answered(
    world: World, call: Call, credentials: str, source: str, body: str, headers: Mapping[str, str],
    query: Mapping[str, str],
) -> tuple[int, str]:  # fmt: skip
    """Status and body of a service's answer. Raises CapabilityMissing for a service that is not emulated."""
    if call.service not in SERVICES:
        raise CapabilityMissing(
            f"not emulated: integrations with {call.service} ({call.operation or call.path})"
        )
    caller = outlets.session(world, credentials, source, "apigateway.amazonaws.com").to(call.region)
    form = (
        {**dict(parse_qsl(body, keep_blank_values=True)), **query} if _is_form(call, body, headers) else None
    )
    operation = _operation(call, form, headers)
    try:
        params = _of_form(call, operation, form) if form is not None else {**_of_json(call, body), **query}
        result = world.call(call.service, operation, params, caller)
    except ServiceError as error:
        return error.status, json.dumps(_error(call, error))
    shown = plain({key: one for key, one in result.items() if key != "ResponseMetadata"})
    if form is None:
        return 200, json.dumps(shown)
    wrapped: dict[str, Any] = {f"{operation}Result": shown} if shown else {}
    wrapped["ResponseMetadata"] = {"RequestId": world.ids.uuid()}
    return 200, json.dumps({f"{operation}Response": wrapped})


def _is_form(call: Call, body: str, headers: Mapping[str, str]) -> bool:
    if call.service not in _FORMS:
        return False
    kind = headers.get("content-type", "")
    return "x-amz-json" not in kind and not body.lstrip().startswith("{")


def _operation(call: Call, form: Mapping[str, str] | None, headers: Mapping[str, str]) -> str:
    target = _TARGET.fullmatch(headers.get("x-amz-target", ""))
    found = call.operation or (form or {}).get("Action") or (target[1] if target else "")
    if not found:
        raise CapabilityMissing(f"not emulated: an integration with {call.service} that names no action")
    return found


def _error(call: Call, error: ServiceError) -> dict[str, Any]:
    if call.service in _FORMS:
        return {"Error": {"Code": error.query_code or error.code, "Message": error.message, "Type": "Sender"}}
    return {"__type": error.code, "message": error.message}


def _of_json(call: Call, body: str) -> Params:
    try:
        given = json.loads(body) if body.strip() else {}
    except ValueError as error:
        raise ServiceError("SerializationException", "could not parse the request body") from error
    if not isinstance(given, dict):
        raise ServiceError("SerializationException", "the request body is no object")
    found = _decoded(given, _BLOBS.get(call.service, set()))
    assert isinstance(found, dict)
    for entry in found.get("Entries", ()) if call.service == "events" else ():
        if isinstance(entry, dict) and "Time" in entry:
            entry["Time"] = _time(entry["Time"])
    return found


def _decoded(value: Any, blobs: set[str], name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _decoded(one, blobs, key) for key, one in value.items()}
    if isinstance(value, list):
        return [_decoded(one, blobs, name) for one in value]
    if name in blobs and isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except ValueError as error:
            raise ServiceError("SerializationException", f"{name} is not base64") from error
    return value


def _time(value: Any) -> Any:
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, UTC)
    try:
        return datetime.fromisoformat(str(value))
    except ValueError as error:
        raise ServiceError("SerializationException", f"{value!r} is no time") from error


_ENTRY = re.compile(
    r"(MessageAttributes?|MessageSystemAttributes?|Attributes?)\.(?:entry\.)?(\d+)\.(\w+)(?:\.(\w+))?"
)
_NUMBERS = frozenset({"DelaySeconds", "MaxNumberOfMessages", "VisibilityTimeout", "WaitTimeSeconds"})
_PLURAL = {"MessageAttribute": "MessageAttributes", "MessageSystemAttribute": "MessageSystemAttributes"}


def _of_form(call: Call, operation: str, form: Mapping[str, str]) -> Params:
    """The parameters of a form: plain ones, and the attributes of messages. Raises for lists (batches)."""
    params: Params = {}
    entries: dict[tuple[str, str], dict[str, Any]] = {}
    for name, value in form.items():
        found = _ENTRY.fullmatch(name)
        if found is not None:
            entry = entries.setdefault((_PLURAL.get(found[1], found[1]), found[2]), {"Value": {}})
            if found[4]:
                blob = found[4] == "BinaryValue"
                entry["Value"][found[4]] = base64.b64decode(value) if blob else value
            else:
                entry[found[3]] = value
        elif "." in name:
            raise CapabilityMissing(
                f"not emulated: the parameter {name} of an integration with {call.service}"
            )
        elif name not in ("Action", "Version"):
            params[name] = int(value) if name in _NUMBERS and value.lstrip("-").isdigit() else value
    for (name, _), entry in entries.items():
        params.setdefault(name, {})[entry.get("Name", "")] = entry["Value"]
    if call.service == "sqs" and "QueueUrl" not in params and call.path:
        account, _, queue = unquote(call.path).strip("/").partition("/")
        params["QueueUrl"] = f"https://sqs.{call.region}.amazonaws.com/{account}/{queue}"
    return params


def plain(value: Any) -> Any:
    """An answer as JSON has it."""
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.timestamp()
    return value.isoformat() if isinstance(value, date) else value

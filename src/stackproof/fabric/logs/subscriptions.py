"""Subscription filters: who gets the events of a group that match, compressed and in base64.

Sources: CloudWatch Logs user guide, "Real-time processing of log data with subscriptions" and
"Log group-level subscription filters"; API reference, "PutSubscriptionFilter" (two filters a group).
Deliveries that a destination throttles are tried again for up to 24 hours.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.functions.policies import allows
from stackproof.fabric.logs import errors, patterns
from stackproof.fabric.logs.columns import Columns
from stackproof.fabric.logs.model import LogEvent, Place, Subscription
from stackproof.fabric.outlets import session
from stackproof.fabric.service import (
    Caller,
    Delivery,
    Operation,
    Params,
    Response,
    ServiceError,
    Undeliverable,
)

if TYPE_CHECKING:
    from stackproof.fabric.logs.service import LogsService

MOST_FILTERS = 2
PRINCIPAL = "logs.amazonaws.com"
_PATIENCE_MS = 86_400_000
_NAMES = {"kinesis": "Kinesis stream", "firehose": "Firehose stream"}


class Subscriptions:
    """``filters`` are by group, then by name."""

    def __init__(self, service: LogsService) -> None:
        self._service = service
        self._world = service.world
        self.filters: dict[Place, dict[str, Subscription]] = {}
        self.operations: Mapping[str, Operation] = {
            "PutSubscriptionFilter": self.put_subscription_filter,
            "DescribeSubscriptionFilters": self.describe_subscription_filters,
            "DeleteSubscriptionFilter": self.delete_subscription_filter,
        }

    # Operations.

    def put_subscription_filter(self, params: Params, caller: Caller) -> Response:
        """Make or replace a filter; its destination is tried first."""
        destination, role = params["destinationArn"], params.get("roleArn", "")
        vendor = _vendor(destination, role, caller)
        place = self._service.place(params, caller)
        self._service.require(place)
        self._service.check_pattern(params["filterPattern"])
        name, known = params["filterName"], self.filters.get(place, {})
        if name not in known and len(known) >= MOST_FILTERS:
            raise errors.limit()
        if vendor == "logs":
            self._check_destination(destination)
        wanted = Subscription(
            name, params["filterPattern"], destination, role, params.get("distribution", "ByLogStream"),
            known[name].created_ms if name in known else self._world.clock.ms,
        )  # fmt: skip
        self._try(place, vendor, wanted)
        self.filters[place] = {**known, name: wanted}
        return {}

    def describe_subscription_filters(self, params: Params, caller: Caller) -> Response:
        """The filters of a group, by prefix if one is given."""
        place = self._service.place(params, caller)
        self._service.require(place)
        prefix = params.get("filterNamePrefix", "")
        known = self.filters.get(place, {})
        found = [_shown(place, known[name]) for name in sorted(known) if name.startswith(prefix)]
        return {"subscriptionFilters": found}

    def delete_subscription_filter(self, params: Params, caller: Caller) -> Response:
        """Forget a filter."""
        place = self._service.place(params, caller)
        self._service.require(place)
        known = self.filters.get(place, {})
        if params["filterName"] not in known:
            raise errors.missing("subscription filter")
        self.filters[place] = {name: one for name, one in known.items() if name != params["filterName"]}
        return {}

    # Trying a destination.

    def _try(self, place: Place, vendor: str, wanted: Subscription) -> None:
        if vendor == "lambda":
            if not self._principal(place, wanted.destination):
                raise errors.invalid(
                    "Could not execute the lambda function. Make sure you have given CloudWatch Logs "
                    "permission to execute your function."
                )
            return
        if vendor not in _NAMES:
            return
        message = f"CWL CONTROL MESSAGE: Checking health of destination {_NAMES[vendor]}."
        event = {"id": "", "timestamp": self._world.clock.ms, "message": message}
        body = {
            "messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "", "logStream": "",
            "subscriptionFilters": [], "logEvents": [event],
        }  # fmt: skip
        try:
            self._put(place, wanted, _packed(body), "control")
        except ServiceError as error:
            raise errors.invalid(
                f"Could not deliver test message to specified {_NAMES[vendor]}. Check if the given "
                f"{_NAMES[vendor]} is in ACTIVE state."
            ) from error

    def _principal(self, place: Place, function_arn: str) -> str:
        """As whom a function's policy lets CloudWatch Logs in; "" when it does not."""
        functions = self._world.service("lambda")
        caller = self._world.caller(place.account, place.region)
        try:
            function, what = functions.find({"FunctionName": function_arn}, caller)
            functions.resolve(function, what.qualifier)
        except ServiceError:
            return ""
        for principal in (PRINCIPAL, f"logs.{place.region}.amazonaws.com"):
            if allows(function, what.qualifier, principal, place.arn):
                return principal
        return ""

    def _check_destination(self, destination: str) -> None:
        if self._target(destination) is None:
            raise errors.invalid("Could not deliver test message to specified destination.")

    def _target(self, destination: str) -> tuple[str, str] | None:
        """The stream behind a destination of CloudWatch Logs, and its role."""
        parsed = arns.parse(destination)
        assert parsed is not None  # checked when it was put
        assert self._world.state is not None  # destinations are kept there
        caller = self._world.caller(parsed.account, parsed.region)
        name = parsed.resource.removeprefix("destination:")
        found = self._world.state.call(
            "logs", "DescribeDestinations", {"DestinationNamePrefix": name}, caller
        )
        for one in found.get("destinations", ()):
            if one["destinationName"] == name:
                return one["targetArn"], one["roleArn"]
        return None

    # Passing on.

    def pass_on(self, place: Place, stream: str, events: Sequence[LogEvent]) -> None:
        """Put the events that match on their way to each filter's destination."""
        for wanted in self.filters.get(place, {}).values():
            matched = _matched(wanted, events)
            if not matched:
                continue
            body = {
                "messageType": "DATA_MESSAGE", "owner": place.account, "logGroup": place.group,
                "logStream": stream, "subscriptionFilters": [wanted.name], "logEvents": matched,
            }  # fmt: skip
            label = f"{place.group} to {arns.last(wanted.destination)}"
            scheduler = self._world.scheduler
            scheduler.soon(
                label, self._send, place, wanted.name, stream, json.dumps(body), scheduler.clock.ms, 0
            )

    def _send(self, place: Place, name: str, stream: str, body: str, since_ms: int, attempt: int) -> None:
        wanted = self.filters.get(place, {}).get(name)
        if wanted is None:
            return
        data = _packed(json.loads(body))
        if ":lambda:" in wanted.destination:
            self._invoke(place, wanted, data)
            return
        try:
            self._put(place, wanted, data, stream)
        except ServiceError as error:
            waited = self._world.clock.ms - since_ms
            if Undeliverable.refused(error).retry and waited < _PATIENCE_MS:
                label = f"{place.group} to {arns.last(wanted.destination)}: retry {attempt + 1}"
                pause = min(2.0**attempt, 60.0)
                self._world.scheduler.after(
                    pause, label, self._send, place, name, stream, body, since_ms, attempt + 1
                )
                return
            self._failed(place, wanted, error.message)

    def _invoke(self, place: Place, wanted: Subscription, data: bytes) -> None:
        event = json.dumps({"awslogs": {"data": base64.b64encode(data).decode()}})
        principal = self._principal(place, wanted.destination) or PRINCIPAL

        def done(error: Exception | None) -> None:
            if error is not None:
                self._failed(place, wanted, error.reason if isinstance(error, Undeliverable) else str(error))

        self._world.deliver(wanted.destination, Delivery(place.arn, event, principal=principal), done)

    def _put(self, place: Place, wanted: Subscription, data: bytes, stream: str) -> None:
        destination, role = wanted.destination, wanted.role
        if ":destination:" in destination:
            found = self._target(destination)
            if found is None:
                raise errors.missing("destination")
            destination, role = found
        parsed = arns.parse(destination)
        assert parsed is not None  # checked when it was put
        caller = session(self._world, role, place.arn.removesuffix(":*"), PRINCIPAL).to(parsed.region)
        name = parsed.resource.partition("/")[2]
        if parsed.service == "kinesis":
            key = stream if wanted.distribution == "ByLogStream" else self._world.ids.hex(32)
            record = {"StreamName": name, "Data": data, "PartitionKey": key[:256]}
            self._world.call("kinesis", "PutRecord", record, caller)
            return
        params: Params = {"DeliveryStreamName": name, "Record": {"Data": data}}
        self._world.call("firehose", "PutRecord", params, caller)

    def _failed(self, place: Place, wanted: Subscription, reason: str) -> None:
        target = arns.last(wanted.destination)
        self._world.journal.record(
            place.group, "logs.DeliveryFailed", target, {"filter": wanted.name}, f"error {reason}"
        )

    def snapshot(self) -> Any:
        """Everything in it is frozen."""
        return {place: dict(found) for place, found in self.filters.items()}

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        self.filters = {place: dict(found) for place, found in state.items()}


def _vendor(destination: str, role: str, caller: Caller) -> str:
    """The kind of a destination; raises what AWS answers before it looks at anything else."""
    parsed = arns.parse(destination)
    vendor = parsed.service if parsed is not None else ""
    if parsed is None or vendor not in ("lambda", "kinesis", "firehose", "logs"):
        raise errors.invalid(f"Invalid ARN: {destination}")
    if vendor in _NAMES and not role:
        raise errors.invalid(f"destinationArn for vendor {vendor} cannot be used without roleArn")
    if vendor == "lambda" and role:
        raise errors.invalid("destinationArn for vendor lambda cannot be used with roleArn")
    if vendor == "lambda" and parsed.account != caller.account:
        raise ServiceError(
            "AccessDeniedException",
            "Cross-account lambda invocation passing is not allowed. You must use DestinationPolicies to "
            "create cross account lambda triggers.",
        )
    return vendor


def _shown(place: Place, one: Subscription) -> dict[str, Any]:
    found = {
        "filterName": one.name, "logGroupName": place.group, "filterPattern": one.pattern,
        "destinationArn": one.destination, "distribution": one.distribution,
        "applyOnTransformedLogs": False, "creationTime": one.created_ms,
    }  # fmt: skip
    return {**found, "roleArn": one.role} if one.role else found


def _matched(wanted: Subscription, events: Sequence[LogEvent]) -> list[dict[str, Any]]:
    pattern = patterns.compiled(wanted.pattern)
    found: list[dict[str, Any]] = []
    for event in events:
        values = pattern.extract(event.message)
        if values is None:
            continue
        shown: dict[str, Any] = {"id": event.id, "timestamp": event.ms, "message": event.message}
        if isinstance(pattern, Columns) and values:
            shown["extractedFields"] = {name[1:]: value for name, value in values.items()}
        found.append(shown)
    return found


def _packed(body: Mapping[str, Any]) -> bytes:
    return gzip.compress(json.dumps(body).encode(), mtime=0)

"""API destinations: HTTP endpoints as targets of rules and pipes.

Source: API reference, CreateApiDestination; user guide, "API destinations as targets".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.events import errors
from stackproof.fabric.events.connections import AUTHORIZED, NAME
from stackproof.fabric.events.model import moment
from stackproof.fabric.events.pages import page
from stackproof.fabric.service import Caller, Operation, Params, Response

if TYPE_CHECKING:
    from stackproof.fabric.events.service import EventsService

RATE = 300
"""Requests a second where nothing is said."""


@dataclass(frozen=True, slots=True)
class ApiDestination:
    """An endpoint. ``rate`` in requests a second; times in seconds since the epoch."""

    name: str
    arn: str
    connection: str
    url: str
    method: str
    created: float
    modified: float
    rate: int = RATE
    description: str = ""


class ApiDestinations:
    """``table`` is kept by ARN; ``used`` has the second of the last request (its start, ms), and how many."""

    def __init__(self, service: EventsService) -> None:
        self._service = service
        self._world = service.world
        self.table: dict[str, ApiDestination] = {}
        self.used: dict[str, tuple[int, int]] = {}
        self.operations: Mapping[str, Operation] = {
            "CreateApiDestination": self.create,
            "UpdateApiDestination": self.update,
            "DescribeApiDestination": self.describe,
            "ListApiDestinations": self.list,
            "DeleteApiDestination": self.delete,
        }

    def create(self, params: Params, caller: Caller) -> Response:
        """An endpoint by a name that is new in the account and region."""
        name = params["Name"]
        if not NAME.fullmatch(name):
            raise errors.constraint(
                name, "name", r"Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+"
            )
        if self._named(name, caller) is not None:
            raise errors.exists("ApiDestination", name)
        self._known(params["ConnectionArn"])
        unique = self._world.ids.uuid()
        arn = arns.arn("events", caller.region, caller.account, f"api-destination/{name}/{unique}")
        now = self._world.clock.now
        made = ApiDestination(
            name, arn, params["ConnectionArn"], _url(params["InvocationEndpoint"]), params["HttpMethod"], now,
            now, params.get("InvocationRateLimitPerSecond") or RATE, params.get("Description") or "",
        )  # fmt: skip
        self.table[arn] = made
        return self._answer(made)

    def update(self, params: Params, caller: Caller) -> Response:
        """What is given takes the place of what was."""
        found = self._found(params["Name"], caller)
        if params.get("ConnectionArn"):
            self._known(params["ConnectionArn"])
        description = params.get("Description")
        changed = replace(
            found,
            connection=params.get("ConnectionArn") or found.connection,
            url=_url(params.get("InvocationEndpoint") or found.url),
            method=params.get("HttpMethod") or found.method,
            rate=params.get("InvocationRateLimitPerSecond") or found.rate,
            description=found.description if description is None else description,
            modified=self._world.clock.now,
        )
        self.table[found.arn] = changed
        return self._answer(changed)

    def describe(self, params: Params, caller: Caller) -> Response:
        """One endpoint."""
        found = self._found(params["Name"], caller)
        shown = self._shown(found)
        return {**shown, "Description": found.description} if found.description else shown

    def list(self, params: Params, caller: Caller) -> Response:
        """The endpoints of the account and region, by name."""
        home = arns.arn("events", caller.region, caller.account, "api-destination/")
        prefix, connection = params.get("NamePrefix") or "", params.get("ConnectionArn")
        found = [
            self._shown(one)
            for one in sorted(self.table.values(), key=lambda one: one.name)
            if one.arn.startswith(home + prefix) and connection in (None, one.connection)
        ]
        return page(found, params, "ApiDestinations")

    def delete(self, params: Params, caller: Caller) -> Response:
        """The endpoint goes; rules keep it as their target, which then is not there."""
        found = self._found(params["Name"], caller)
        del self.table[found.arn]
        self.used.pop(found.arn, None)
        return {}

    def active(self, destination: ApiDestination) -> bool:
        """Whether its connection is there and authorized."""
        connection = self._service.connections.table.get(destination.connection)
        return connection is not None and connection.state == AUTHORIZED

    def turn(self, destination: ApiDestination) -> int:
        """When the next request may go, in ms: the first second that is not full. It counts as made."""
        now = self._world.clock.ms
        start, count = self.used.get(destination.arn, (now, 0))
        if now >= start + 1000:
            start, count = now, 0
        if count >= destination.rate:
            start, count = start + 1000, 0
        self.used[destination.arn] = (start, count + 1)
        return max(start, now)

    def _known(self, connection: str) -> None:
        if connection not in self._service.connections.table:
            name = [*connection.split("/"), connection][1]
            raise errors.not_found(f"Connection '{name}' does not exist.")

    def _named(self, name: str, caller: Caller) -> ApiDestination | None:
        home = arns.arn("events", caller.region, caller.account, f"api-destination/{name}/")
        return next((one for arn, one in self.table.items() if arn.startswith(home)), None)

    def _found(self, name: str, caller: Caller) -> ApiDestination:
        found = self._named(name, caller)
        if found is None:
            raise errors.not_found(
                f"Failed to describe the api-destination(s). An api-destination '{name}' does not exist."
            )
        return found

    def _answer(self, one: ApiDestination) -> Response:
        return {
            "ApiDestinationArn": one.arn,
            "ApiDestinationState": "ACTIVE" if self.active(one) else "INACTIVE",
            "CreationTime": moment(one.created),
            "LastModifiedTime": moment(one.modified),
        }

    def _shown(self, one: ApiDestination) -> dict[str, Any]:
        return {
            **self._answer(one),
            "Name": one.name,
            "ConnectionArn": one.connection,
            "InvocationEndpoint": one.url,
            "HttpMethod": one.method,
            "InvocationRateLimitPerSecond": one.rate,
        }

    def snapshot(self) -> Any:
        """Frozen data."""
        return dict(self.table), dict(self.used)

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        table, used = state
        self.table, self.used = dict(table), dict(used)


def _url(endpoint: str) -> str:
    if not endpoint.startswith("https://"):
        raise errors.validation(
            f"Parameter InvocationEndpoint is not valid. Reason: {endpoint} is no HTTPS endpoint."
        )
    return endpoint

"""Connections: how EventBridge makes itself known to an HTTP endpoint.

Source: API reference, CreateConnection; user guide, "Connections for HTTP endpoint targets". A connection is
AUTHORIZED as soon as it is made: a token by OAuth is asked for when the first request needs it, so that a
test can declare who answers before or after the deployment. Secrets are kept here, not in Secrets Manager;
the ARN of a secret is only told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.events import errors
from stackproof.fabric.events.model import moment
from stackproof.fabric.events.pages import page
from stackproof.fabric.service import Caller, Operation, Params, Response

if TYPE_CHECKING:
    from stackproof.fabric.events.service import EventsService

NAME = re.compile(r"[.\-_A-Za-z0-9]{1,64}")
AUTHORIZED, DEAUTHORIZED = "AUTHORIZED", "DEAUTHORIZED"
_NEEDS = {
    "BASIC": "BasicAuthParameters",
    "API_KEY": "ApiKeyAuthParameters",
    "OAUTH_CLIENT_CREDENTIALS": "OAuthParameters",
}
_SECRETS = frozenset({"Password", "ApiKeyValue", "ClientSecret"})


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection. ``parameters`` are the AuthParameters as given; times in seconds since the epoch."""

    name: str
    arn: str
    kind: str
    parameters: Mapping[str, Any]
    created: float
    modified: float
    description: str = ""
    state: str = AUTHORIZED
    key: str = ""

    @property
    def invocation(self) -> Mapping[str, Any]:
        """What every request gets besides: headers, query parameters, members of the body."""
        found: Mapping[str, Any] = self.parameters.get("InvocationHttpParameters") or {}
        return found


@dataclass(frozen=True, slots=True)
class Token:
    """An access token of OAuth; ``until`` in seconds since the epoch, 0 when it does not expire."""

    text: str
    kind: str
    until: float


class Connections:
    """``table`` and ``tokens`` are kept by the connection's ARN."""

    def __init__(self, service: EventsService) -> None:
        self._service = service
        self._world = service.world
        self.table: dict[str, Connection] = {}
        self.tokens: dict[str, Token] = {}
        self.operations: Mapping[str, Operation] = {
            "CreateConnection": self.create,
            "UpdateConnection": self.update,
            "DescribeConnection": self.describe,
            "ListConnections": self.list,
            "DeauthorizeConnection": self.deauthorize,
            "DeleteConnection": self.delete,
        }

    def create(self, params: Params, caller: Caller) -> Response:
        """A connection by a name that is new in the account and region."""
        name = params["Name"]
        if not NAME.fullmatch(name):
            raise errors.constraint(
                name, "name", r"Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+"
            )
        if self._named(name, caller) is not None:
            raise errors.exists("Connection", name)
        _refuse_private(params)
        _check(params["AuthorizationType"], params["AuthParameters"])
        arn = arns.arn("events", caller.region, caller.account, f"connection/{name}/{self._world.ids.uuid()}")
        now = self._world.clock.now
        made = Connection(
            name, arn, params["AuthorizationType"], params["AuthParameters"], now, now,
            params.get("Description") or "", key=params.get("KmsKeyIdentifier") or "",
        )  # fmt: skip
        self.table[arn] = made
        return _answer(made)

    def update(self, params: Params, caller: Caller) -> Response:
        """What is given takes the place of what was; a token is asked for anew."""
        found = self._found(params["Name"], caller)
        _refuse_private(params)
        kind = params.get("AuthorizationType") or found.kind
        parameters = {**found.parameters, **(params.get("AuthParameters") or {})}
        if kind != found.kind:
            parameters.pop(_NEEDS[found.kind], None)
        _check(kind, parameters)
        description = params.get("Description")
        changed = replace(
            found, kind=kind, parameters=parameters, modified=self._world.clock.now, state=AUTHORIZED,
            description=found.description if description is None else description,
        )  # fmt: skip
        self.table[found.arn] = changed
        self.tokens.pop(found.arn, None)
        return _answer(changed)

    def describe(self, params: Params, caller: Caller) -> Response:
        """One connection without its secrets."""
        found = self._found(params["Name"], caller)
        shown = {
            **_summary(found), "SecretArn": secret_arn(found), "AuthParameters": _open(found.parameters),
            "Description": found.description, "KmsKeyIdentifier": found.key,
        }  # fmt: skip
        return {name: value for name, value in shown.items() if value != ""}

    def list(self, params: Params, caller: Caller) -> Response:
        """The connections of the account and region, by name."""
        home = arns.arn("events", caller.region, caller.account, "connection/")
        prefix, state = params.get("NamePrefix") or "", params.get("ConnectionState")
        found = [
            _summary(one)
            for one in sorted(self.table.values(), key=lambda one: one.name)
            if one.arn.startswith(home + prefix) and state in (None, one.state)
        ]
        return page(found, params, "Connections")

    def deauthorize(self, params: Params, caller: Caller) -> Response:
        """Forget the secrets: nothing is sent until the connection is updated."""
        found = self._found(params["Name"], caller)
        self.table[found.arn] = changed = replace(found, state=DEAUTHORIZED)
        self.tokens.pop(found.arn, None)
        return _answer(changed)

    def delete(self, params: Params, caller: Caller) -> Response:
        """The connection goes; the destinations that use it stay, and are inactive."""
        found = self._found(params["Name"], caller)
        del self.table[found.arn]
        self.tokens.pop(found.arn, None)
        return {**_answer(found), "ConnectionState": "DELETING"}

    def _named(self, name: str, caller: Caller) -> Connection | None:
        home = arns.arn("events", caller.region, caller.account, f"connection/{name}/")
        return next((one for arn, one in self.table.items() if arn.startswith(home)), None)

    def _found(self, name: str, caller: Caller) -> Connection:
        found = self._named(name, caller)
        if found is None:
            raise errors.not_found(
                f"Failed to describe the connection(s). Connection '{name}' does not exist."
            )
        return found

    def snapshot(self) -> Any:
        """Frozen data."""
        return dict(self.table), dict(self.tokens)

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        table, tokens = state
        self.table, self.tokens = dict(table), dict(tokens)


def secret_arn(connection: Connection) -> str:
    """The ARN that Secrets Manager would know the connection's secret by."""
    parsed = arns.parse(connection.arn)
    assert parsed is not None  # connections are kept by their ARN
    name, unique = parsed.resource.split("/")[1:3]
    secret = f"secret:events!connection/{name}/{unique}-{unique[:6]}"
    return arns.arn("secretsmanager", parsed.region, parsed.account, secret)


def pairs(parameters: Any) -> dict[str, str]:
    """A list of Key and Value as a map."""
    return {str(one["Key"]): str(one.get("Value", "")) for one in parameters or () if one.get("Key")}


def _check(kind: str, parameters: Mapping[str, Any]) -> None:
    needed = _NEEDS.get(kind)
    if needed is None:
        allowed = ", ".join(_NEEDS)
        raise errors.constraint(kind, "authorizationType", f"Member must satisfy enum value set: [{allowed}]")
    if not parameters.get(needed):
        raise errors.validation(f"Authorization type {kind} needs {needed} in AuthParameters.")


def _refuse_private(params: Params) -> None:
    inner = params.get("AuthParameters") or {}
    if params.get("InvocationConnectivityParameters") or inner.get("ConnectivityParameters"):
        raise errors.validation("Connections to private APIs (resource configurations) are not emulated.")


def _summary(connection: Connection) -> dict[str, Any]:
    shown: dict[str, Any] = {"Name": connection.name, "AuthorizationType": connection.kind}
    return {**_answer(connection), **shown}


def _answer(connection: Connection) -> Response:
    times = {"CreationTime": moment(connection.created), "LastModifiedTime": moment(connection.modified)}
    if connection.state == AUTHORIZED:
        times["LastAuthorizedTime"] = times["LastModifiedTime"]
    return {"ConnectionArn": connection.arn, "ConnectionState": connection.state, **times}


def _open(value: Any) -> Any:
    """Parameters without what is secret."""
    if isinstance(value, Mapping):
        hidden = _SECRETS | ({"Value"} if value.get("IsValueSecret") else frozenset())
        return {key: _open(one) for key, one in value.items() if key not in hidden}
    return [_open(one) for one in value] if isinstance(value, list) else value

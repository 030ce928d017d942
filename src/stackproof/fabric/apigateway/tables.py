"""The deployed APIs as they stand in the state behind, read once and kept until something changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stackproof.fabric.apigateway.routes import Route
from stackproof.fabric.service import Caller, Params, Response, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.world import World


@dataclass(frozen=True, slots=True)
class Api:
    """An API: ``kind`` is ``rest`` or ``http``; ``stages`` by name with their variables and deployment."""

    id: str
    kind: str
    account: str
    region: str
    routes: tuple[Route, ...]
    stages: Mapping[str, Mapping[str, Any]]
    cors: Mapping[str, Any] | None = None
    name: str = ""
    gateway: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The gateway responses of a REST API by type."""


class _Checks:
    """The validators and models of a REST API, read when a method has one."""

    def __init__(self, tables: Tables, api: str, caller: Caller) -> None:
        self._tables, self._api, self._caller = tables, api, caller
        self._validators: dict[str, Any] | None = None
        self._models: dict[str, Any] = {}

    def of(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """``validator`` and ``models`` (schemas by content type) of a method."""
        wanted = facts.get("requestValidatorId")
        if not wanted:
            return {}
        if self._validators is None:
            self._validators = {one["id"]: one for one in self._items("GetRequestValidators")}
            self._models = {one["name"]: json.loads(one["schema"]) for one in self._items("GetModels")}
        named = facts.get("requestModels") or {}
        models = {kind: self._models[name] for kind, name in named.items() if name in self._models}
        return {"validator": self._validators.get(wanted), "models": models}

    def _items(self, operation: str) -> list[dict[str, Any]]:
        answer = self._tables.call("apigateway", operation, {"restApiId": self._api}, self._caller)
        found: list[dict[str, Any]] = answer["items"]
        return found


class Tables:
    """Forgets what it read when a call changes an API."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[tuple[str, str, str], Api | None] = {}
        world.guards.append(self._before)

    def _before(self, service: str, operation: str, params: Params, caller: Caller) -> None:
        if self._known and service in ("apigateway", "apigatewayv2") and not operation.startswith("Get"):
            self._known.clear()

    def forget(self) -> None:
        """Read everything anew."""
        self._known.clear()

    def find(self, api: str, region: str) -> Api | None:
        """The API with this id in a region, in whichever account."""
        for account in self._accounts():
            key = (api, region, account)
            if key not in self._known:
                self._known[key] = self._read(api, self._world.caller(account, region, actor="apigateway"))
            found = self._known[key]
            if found is not None:
                return found
        return None

    def _accounts(self) -> list[str]:
        functions = self._world.service("lambda").functions.values()
        others = {function.account for function in functions} - {self._world.account}
        return [self._world.account, *sorted(others)]

    def call(self, service: str, operation: str, params: Params, caller: Caller) -> Response:
        state = self._world.state
        if state is None:
            raise ServiceError("NotFoundException", "there is no state behind this world")
        return state.call(service, operation, params, caller)

    def _read(self, api: str, caller: Caller) -> Api | None:
        for read in (self._rest, self._http):
            try:
                return read(api, caller)
            except ServiceError as error:
                if error.code not in ("NotFoundException", "404"):
                    raise
        return None

    def _rest(self, api: str, caller: Caller) -> Api:
        given = {"restApiId": api, "limit": 500}
        items = self.call("apigateway", "GetResources", {**given, "embed": ["methods"]}, caller)["items"]
        stages = self.call("apigateway", "GetStages", {"restApiId": api}, caller)["item"]
        checks = _Checks(self, api, caller)
        routes = [
            Route(
                method,
                item["path"],
                facts.get("methodIntegration") or {},
                {**facts, "resourceId": item["id"], **checks.of(facts)},
            )
            for item in items
            for method, facts in (item.get("resourceMethods") or {}).items()
        ]
        shown = {
            stage["stageName"]: {
                "variables": stage.get("variables") or {}, "deployment": stage.get("deploymentId", ""),
            }
            for stage in stages
        }  # fmt: skip
        name = self.call("apigateway", "GetRestApi", {"restApiId": api}, caller)["name"]
        own = self.call("apigateway", "GetGatewayResponses", {"restApiId": api}, caller).get("items") or ()
        gateway = {one["responseType"]: one for one in own}
        return Api(
            api, "rest", caller.account, caller.region, tuple(routes), shown, name=name, gateway=gateway
        )

    def _http(self, api: str, caller: Caller) -> Api:
        about = self.call("apigatewayv2", "GetApi", {"ApiId": api}, caller)
        items = self.call("apigatewayv2", "GetIntegrations", {"ApiId": api}, caller)["Items"]
        integrations = {item["IntegrationId"]: item for item in items}
        routes = []
        for item in self.call("apigatewayv2", "GetRoutes", {"ApiId": api}, caller)["Items"]:
            method, _, path = item["RouteKey"].rpartition(" ")
            target = str(item.get("Target", "")).rpartition("/")[2]
            routes.append(Route(method or "ANY", path, integrations.get(target) or {}, item))
        stages = self.call("apigatewayv2", "GetStages", {"ApiId": api}, caller)["Items"]
        shown = {stage["StageName"]: {"variables": stage.get("StageVariables") or {}} for stage in stages}
        cors = about.get("CorsConfiguration")
        return Api(api, "http", caller.account, caller.region, tuple(routes), shown, cors)

"""The gateway: from a URL to the function behind it and back.

What an API looks like is the state behind; here are the settings that moto loses (binary media types)
and everything that moves. Resources are taken as they stand, also where they changed after the deployment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stackproof.errors import CapabilityMissing
from stackproof.fabric import arns
from stackproof.fabric.apigateway import answers, cors, events, gateway, routes, validation
from stackproof.fabric.apigateway.authorizers import Authorizers
from stackproof.fabric.apigateway.custom import Custom
from stackproof.fabric.apigateway.events import Visit
from stackproof.fabric.apigateway.keys import Keys
from stackproof.fabric.apigateway.routes import Route
from stackproof.fabric.apigateway.tables import Api, Tables
from stackproof.fabric.apigateway.urls import FunctionUrls
from stackproof.fabric.functions.invocation import Invocation, Outcome
from stackproof.fabric.functions.model import Function
from stackproof.fabric.functions.policies import allows
from stackproof.fabric.http import Request, Response
from stackproof.fabric.service import Caller, Operation, Params, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.world import World

_LIMITS = {"rest": 29.0, "http": 30.0, "url": 900.0}
"""Seconds that an integration may take, by kind of API."""
_UNKNOWN = answers.message(403, "Missing Authentication Token", "MISSING_AUTHENTICATION_TOKEN")
"""What a REST API says of a path or a method that it does not have."""
_FUNCTION = re.compile(r"(?:.*/functions/)?(arn:[^/]+:lambda:[^/]+?)(?:/invocations)?")


class ApiGatewayService:
    """``handle`` answers requests to deployed APIs and function URLs."""

    name = "apigateway"

    def __init__(self, world: World) -> None:
        self._world = world
        self._binary: dict[str, tuple[str, ...]] = {}
        self.tables = Tables(world)
        self.urls = FunctionUrls(self, world)
        self.authorizers = Authorizers(self, world)
        self.custom = Custom(self, world)
        self.keys = Keys(world, self.tables)
        self.operations: Mapping[str, Operation] = {
            "CreateAuthorizer": self.authorizers.create,
            "CreateRestApi": self.create_rest_api,
            "GetRestApi": self.get_rest_api,
        }

    # What moto loses.

    def _state(self, operation: str, params: Params, caller: Caller) -> dict[str, Any]:
        state = self._world.state
        if state is None:
            raise ServiceError("NotImplemented", f"apigateway.{operation} is not emulated", status=501)
        return state.call("apigateway", operation, params, caller)

    def create_rest_api(self, params: Params, caller: Caller) -> dict[str, Any]:
        """Keeps the binary media types."""
        answer = self._state("CreateRestApi", params, caller)
        self._binary[answer["id"]] = tuple(params.get("binaryMediaTypes") or ())
        return self._with_binary(answer)

    def get_rest_api(self, params: Params, caller: Caller) -> dict[str, Any]:
        """Shows the binary media types."""
        return self._with_binary(self._state("GetRestApi", params, caller))

    def _with_binary(self, answer: dict[str, Any]) -> dict[str, Any]:
        kinds = self._binary.get(answer["id"], ())
        answer.pop("binaryMediaTypes", None)
        return {**answer, "binaryMediaTypes": list(kinds)} if kinds else answer

    # Requests.

    def handle(self, request: Request) -> Response:
        """The answer to a request; raises CapabilityMissing for an integration that is not emulated."""
        host = urlsplit(request.url).hostname or ""
        name, kind, region = host.split(".")[:3]
        if kind == "lambda-url":
            return self.urls.handle(request, host)
        api = self.tables.find(name, region)
        if api is None:
            raise ConnectionError(f"there is no API {name} in {region}: the name {host} does not resolve")
        began = self._world.clock.ms
        answer = self._rest(request, api, host) if api.kind == "rest" else self._http(request, api, host)
        self._measure(request, api, answer.status, began)
        return answer

    def _measure(self, request: Request, api: Api, status: int, began: int) -> None:
        """The metrics of a request, under the API and its stage."""
        path = urlsplit(request.url).path
        stage = path.lstrip("/").split("/")[0] if api.kind == "rest" else self._http_stage(api, path)[0]
        arn = arns.arn("execute-api", api.region, api.account, f"{api.kind}/{api.name or api.id}/{stage}")
        suffix = "XXError" if api.kind == "rest" else "xx"
        meters = self._world.meters
        meters.add(arn, "Count")
        meters.add(arn, "Latency", self._world.clock.ms - began)
        for first in (4, 5):
            meters.add(arn, f"{first}{suffix}", int(status // 100 == first))

    def _rest(self, request: Request, api: Api, host: str) -> Response:
        raw = "/" + urlsplit(request.url).path.lstrip("/")
        stage, _, rest = raw[1:].partition("/")
        if stage not in api.stages:
            return answers.message(403, "Forbidden")
        path = "/" + rest.lstrip("/")
        found = routes.choose(api.routes, request.method, path, decode=False)
        route, parameters = found if found is not None else (None, {})
        if route is None and not api.gateway:
            return _UNKNOWN
        facts = api.stages[stage]
        visit = Visit(
            request, api.id, api.account, host, stage, path, raw, route.path if route else path, parameters,
            facts["variables"], self._world.ids.uuid(), self._world.clock.ms,
            resource_id=route.facts["resourceId"] if route else "", deployment_id=facts["deployment"],
            binary=self._is_binary(api, request.header("Content-Type")),
        )  # fmt: skip
        answer = self._routed(visit, api, route) if route is not None else _UNKNOWN
        return gateway.shaped(api.gateway, visit, answer)

    def _routed(self, visit: Visit, api: Api, route: Route) -> Response:
        """The answer to a request that a method of a REST API takes."""
        passed = self.authorizers.passes(visit, api, route)
        if isinstance(passed, Response):
            return passed
        passed = self.keys.passes(passed, api, route)
        if isinstance(passed, Response):
            return passed
        invalid = validation.refused(visit, route)
        if invalid is not None:
            return invalid
        integration = route.integration
        if integration.get("type") == "MOCK":
            return self.custom.mock(passed, integration)
        if integration.get("type") == "AWS":
            return self.custom.rest(passed, api, route)
        if integration.get("type") != "AWS_PROXY":
            raise _not_emulated(f"integration type {integration.get('type') or 'none'}", api, route)
        if integration.get("httpMethod") != "POST":
            return answers.message(500, "Internal server error", "API_CONFIGURATION_ERROR")
        return self._integrate(passed, api, route, str(integration.get("uri", "")), "1.0")

    def _is_binary(self, api: Api, kind: str) -> bool:
        kinds = self._binary.get(api.id, ())
        return "*/*" in kinds or kind.split(";")[0].strip() in kinds

    def _http(self, request: Request, api: Api, host: str) -> Response:
        raw = urlsplit(request.url).path or "/"
        stage, path = self._http_stage(api, raw)
        preflight = cors.preflight(api.cors, request)
        if preflight is not None:
            return preflight
        found = routes.choose(api.routes, request.method, path) if stage else None
        if found is None:
            return cors.added(api.cors, request, answers.message(404, "Not Found"))
        route, parameters = found
        if route.integration.get("IntegrationType") != "AWS_PROXY":
            kind = route.integration.get("IntegrationType") or "none"
            raise _not_emulated(f"integration type {kind}", api, route)
        key = "$default" if route.path == "$default" else f"{route.method} {route.path}"
        template = route.path if route.path != "$default" else "$default"
        visit = Visit(
            request, api.id, api.account, host, stage, path, raw, template, parameters,
            api.stages[stage]["variables"], self._world.ids.uuid(), self._world.clock.ms, route_key=key,
            binary=answers.looks_binary(request),
        )  # fmt: skip
        passed = self.authorizers.passes(visit, api, route)
        if isinstance(passed, Response):
            return cors.added(api.cors, request, passed)
        if route.integration.get("IntegrationSubtype"):
            return cors.added(api.cors, request, self.custom.subtype(passed, api, route))
        version = str(route.integration.get("PayloadFormatVersion", "1.0"))
        uri = str(route.integration.get("IntegrationUri", ""))
        return cors.added(api.cors, request, self._integrate(passed, api, route, uri, version))

    @staticmethod
    def _http_stage(api: Api, raw: str) -> tuple[str, str]:
        """The stage and the path within it; ("", …) when there is no stage."""
        first, _, rest = raw.lstrip("/").partition("/")
        if first in api.stages:
            return first, "/" + rest
        return ("$default", raw) if "$default" in api.stages else ("", raw)

    # Functions.

    def _integrate(self, visit: Visit, api: Api, route: Route, uri: str, version: str) -> Response:
        rest = api.kind == "rest"
        for name, value in visit.variables.items():
            uri = uri.replace(f"${{stageVariables.{name}}}", value)
        match = self.function_of(uri)
        said = "Internal server error" if rest else "Internal Server Error"
        wrong = answers.message(500, said, "API_CONFIGURATION_ERROR")
        if match is None:
            return wrong
        place = f"{api.id}/{visit.stage}/{visit.request.method}"
        source = arns.arn("execute-api", api.region, api.account, place)
        event = events.version_2(visit) if version == "2.0" else events.version_1(visit, rest=rest)
        function, qualifier = match
        paths = (visit.path, re.sub(r"\{[^}]+\}", "*", visit.template))
        # An integration with a role calls as that role: the function's own policy is not asked.
        by_role = bool(route.integration.get("credentials") or route.integration.get("CredentialsArn"))
        if function is None or not (
            by_role
            or any(allows(function, qualifier, "apigateway.amazonaws.com", source + path) for path in paths)
        ):
            return wrong
        outcome = self.invoke(function, qualifier, event, visit, api.kind)
        if isinstance(outcome, Response):
            return outcome
        bad = answers.message(502, said, "INTEGRATION_FAILURE") if rest else wrong
        if outcome.error:
            return bad
        try:
            if version == "2.0":
                return answers.version_2(outcome.payload)
            decode = self._is_binary(api, visit.request.header("Accept").split(",")[0])
            answer = answers.version_1(outcome.payload, decode=decode, rest=rest)
            return events.stamped(visit, answer) if rest else answer
        except answers.Malformed:
            return bad

    def function_of(self, uri: str) -> tuple[Function | None, str] | None:
        """The function (None when it is gone) and the qualifier that a URI names; None for another URI."""
        match = _FUNCTION.fullmatch(uri)
        return None if match is None else self._function(match[1])

    def _function(self, arn: str) -> tuple[Function | None, str]:
        service = self._world.service("lambda")
        try:
            function, what = service.find({"FunctionName": arn}, self._world.caller())
        except ServiceError:
            return None, ""
        return function, what.qualifier

    def invoke(
        self, function: Function, qualifier: str, event: Mapping[str, Any], visit: Visit, kind: str
    ) -> Outcome | Response:
        """The function's outcome, or the gateway's own answer: too slow, throttled."""
        import json

        service, scheduler = self._world.service("lambda"), self._world.scheduler
        ended: list[Outcome] = []

        def done(invocation: Invocation, outcome: Outcome) -> None:
            ended.append(outcome)

        arn = f"{function.arn}:{qualifier}" if qualifier else function.arn
        try:
            version = service.resolve(function, qualifier)
            payload = json.dumps(event).encode()
            task = service.invoking.start(function, version, arn, payload, visit.api, done)
        except ServiceError as error:
            if kind == "url" and error.code == "TooManyRequestsException":
                reason = {"Reason": error.extra.get("Reason", ""), "Type": "User", "message": error.message}
                return Response.of_json(reason, 429)
            if kind == "rest":
                return answers.message(500, "Internal server error", "INTEGRATION_FAILURE")
            return answers.message(503, "Service Unavailable")
        scheduler.wait_task(task, _LIMITS[kind])
        if not ended:
            if kind == "rest":
                return answers.message(504, "Endpoint request timed out", "INTEGRATION_TIMEOUT")
            return answers.message(503, "Service Unavailable")
        return ended[0]

    # Snapshots.

    def snapshot(self) -> Any:
        """The settings that moto loses, what authorizers said, and what was used of usage plans."""
        return dict(self._binary), self.authorizers.snapshot(), self.keys.snapshot()

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        binary, authorizers, keys = state
        self.keys.restore(keys)
        self._binary = dict(binary)
        self.authorizers.restore(authorizers)
        self.tables.forget()


def _not_emulated(what: str, api: Api, route: Route) -> CapabilityMissing:
    return CapabilityMissing(f"not emulated: {what} (API {api.id}, {route.method} {route.path})")

"""Lambda authorizers: who may pass, and what the function learns of it.

Sources: developer guide of API Gateway, "Use API Gateway Lambda authorizers" (REST: TOKEN and REQUEST, the
output with principal, policy and context, caching by identity sources) and "Control access to HTTP APIs with
AWS Lambda authorizers" (payload formats, simple responses). Tokens of Cognito and JWT are judged in
``tokens``; IAM is not emulated: the gateway refuses by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from stackproof.errors import CapabilityMissing
from stackproof.fabric import access, arns
from stackproof.fabric.apigateway import answers, events, tokens
from stackproof.fabric.apigateway.events import Visit
from stackproof.fabric.apigateway.routes import Route
from stackproof.fabric.apigateway.tables import Api
from stackproof.fabric.functions.policies import allows
from stackproof.fabric.http import Response
from stackproof.fabric.service import Caller, Params, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.apigateway.service import ApiGatewayService
    from stackproof.fabric.world import World

REST_TTL = 300
"""Seconds that a REST API keeps an answer unless told otherwise; an HTTP API keeps none."""
_ACTION = "execute-api:Invoke"
_DENIED = "User is not authorized to access this resource"
_UNAUTHORIZED = answers.message(401, "Unauthorized", "UNAUTHORIZED")


@dataclass(frozen=True, slots=True)
class _Ask:
    """One question: of which authorizer, with which identity, for which resource."""

    id: str
    kind: str
    uri: str
    event: Mapping[str, Any]
    identity: tuple[str, ...]
    ttl: int
    arn: str
    credentials: bool


class Authorizers:
    """``passes`` answers the visit with what the authorizer says of it, or the gateway's refusal.

    What an authorizer said is kept on the virtual clock by authorizer, stage and identity.
    """

    def __init__(self, service: ApiGatewayService, world: World) -> None:
        self._service = service
        self._world = world
        self._kept: dict[tuple[Any, ...], tuple[int, str]] = {}

    def passes(self, visit: Visit, api: Api, route: Route) -> Visit | Response:
        """Raises CapabilityMissing for an authorization that is not emulated."""
        rest = api.kind == "rest"
        kind = str(route.facts.get("authorizationType" if rest else "AuthorizationType") or "NONE")
        if kind == "NONE":
            return visit
        named = route.facts.get("authorizerId" if rest else "AuthorizerId")
        if kind in tokens.KINDS and named:
            return self._by_token(visit, api, route, str(named))
        if kind != "CUSTOM":
            raise _not_emulated(f"authorization {kind}", api, route)
        ask = self._rest(visit, api, route) if rest else self._http(visit, api, route)
        if ask is None:
            return _UNAUTHORIZED
        said = self._said(ask, visit, api)
        if isinstance(said, Response):
            return said
        return _rest_judged(said, ask, visit) if rest else _http_judged(said, ask, visit)

    def create(self, params: Params, caller: Caller) -> dict[str, Any]:
        """CreateAuthorizer of REST APIs: moto drops the expression, but takes it in an update."""
        state = self._world.state
        if state is None:
            raise ServiceError("NotImplemented", "apigateway.CreateAuthorizer is not emulated", status=501)
        made = state.call("apigateway", "CreateAuthorizer", params, caller)
        expression = params.get("identityValidationExpression")
        if not expression:
            return made
        operation = {"op": "replace", "path": "/identityValidationExpression", "value": expression}
        given = {"restApiId": params["restApiId"], "authorizerId": made["id"], "patchOperations": [operation]}
        return state.call("apigateway", "UpdateAuthorizer", given, caller)

    def _by_token(self, visit: Visit, api: Api, route: Route, named: str) -> Visit | Response:
        """A token of a user pool, or of another issuer."""
        rest = api.kind == "rest"
        keys = ("restApiId", "authorizerId") if rest else ("ApiId", "AuthorizerId")
        facts = self._facts(api, {keys[0]: api.id, keys[1]: named})
        usual = "method.request.header.Authorization" if rest else "$request.header.Authorization"
        given = facts.get("identitySource" if rest else "IdentitySource") or usual
        source = given if isinstance(given, str) else str(given[0])
        token = _source(source, visit, {}, rest=rest)
        judge = tokens.rest if rest else tokens.http
        return judge(self._world, visit, route, facts, token)

    # What is asked.

    def _facts(self, api: Api, params: dict[str, Any]) -> dict[str, Any]:
        state = self._world.state
        if state is None:
            raise ServiceError("NotFoundException", "there is no state behind this world")
        caller = self._world.caller(api.account, api.region, actor="apigateway")
        service = "apigateway" if api.kind == "rest" else "apigatewayv2"
        return state.call(service, "GetAuthorizer", params, caller)

    def _rest(self, visit: Visit, api: Api, route: Route) -> _Ask | None:
        facts = self._facts(api, {"restApiId": api.id, "authorizerId": str(route.facts["authorizerId"])})
        if facts["type"] not in ("TOKEN", "REQUEST"):
            raise _not_emulated(f"authorizer type {facts['type']}", api, route)
        token = facts["type"] == "TOKEN"
        usual = "method.request.header.Authorization" if token else ""
        sources = [part.strip() for part in str(facts.get("identitySource") or usual).split(",")]
        proxied = events.version_1(visit, rest=True)
        values = [_source(source, visit, proxied, rest=True) for source in sources if source]
        if not all(values):
            return None
        arn = _method_arn(visit, api)
        if token:
            expression = facts.get("identityValidationExpression")
            if expression and not re.fullmatch(str(expression), values[0]):
                return None
            event = {"type": "TOKEN", "methodArn": arn, "authorizationToken": values[0]}
        else:
            event = {"type": "REQUEST", "methodArn": arn, **_asked(proxied)}
        given = facts.get("authorizerResultTtlInSeconds")
        ttl = REST_TTL if given is None else int(given)
        credentials = bool(facts.get("authorizerCredentials"))
        uri = str(facts.get("authorizerUri", ""))
        return _Ask(facts["id"], facts["type"], uri, event, tuple(values), ttl, arn, credentials)

    def _http(self, visit: Visit, api: Api, route: Route) -> _Ask | None:
        facts = self._facts(api, {"ApiId": api.id, "AuthorizerId": str(route.facts["AuthorizerId"])})
        if facts["AuthorizerType"] != "REQUEST":
            raise _not_emulated(f"authorizer type {facts['AuthorizerType']}", api, route)
        given = facts.get("IdentitySource") or []
        sources = [given] if isinstance(given, str) else list(given)
        described = events.version_2(visit)
        values = [_source(source, visit, described, rest=False) for source in sources]
        if not all(values):
            return None
        arn = _method_arn(visit, api)
        version = str(facts.get("AuthorizerPayloadFormatVersion") or "1.0")
        event: dict[str, Any]
        if version == "2.0":
            kept = {key: value for key, value in described.items() if key not in ("body", "isBase64Encoded")}
            event = {**kept, "type": "REQUEST", "routeArn": arn, "identitySource": values or None}
        else:
            joined = ",".join(values)
            asked = _asked(events.version_1(visit, rest=False))
            event = {**asked, "version": "1.0", "type": "REQUEST", "methodArn": arn, "identitySource": joined}
            event["authorizationToken"] = joined
        simple = version == "2.0" and bool(facts.get("EnableSimpleResponses"))
        ttl = int(facts.get("AuthorizerResultTtlInSeconds") or 0) if values else 0
        credentials = bool(facts.get("AuthorizerCredentialsArn"))
        kind, uri = ("simple" if simple else "policy"), str(facts.get("AuthorizerUri", ""))
        return _Ask(facts["AuthorizerId"], kind, uri, event, tuple(values), ttl, arn, credentials)

    # What it says.

    def _said(self, ask: _Ask, visit: Visit, api: Api) -> dict[str, Any] | Response:
        key = (api.id, visit.stage, ask.id, ask.identity)
        until, kept = self._kept.get(key, (0, ""))
        if until > self._world.clock.ms:
            held: dict[str, Any] = json.loads(kept)
            return held
        said = None if api.kind == "rest" else "Internal Server Error"
        broken = answers.message(500, said, "AUTHORIZER_CONFIGURATION_ERROR")
        match = self._service.function_of(ask.uri)
        function, qualifier = match if match is not None else (None, "")
        source = arns.arn("execute-api", api.region, api.account, f"{api.id}/authorizers/{ask.id}")
        if function is None or not (
            ask.credentials or allows(function, qualifier, "apigateway.amazonaws.com", source)
        ):
            return broken
        outcome = self._service.invoke(function, qualifier, ask.event, visit, api.kind)
        if isinstance(outcome, Response):
            return broken
        try:
            document = json.loads(outcome.payload)
        except ValueError:
            return broken
        if outcome.error:
            refused = api.kind == "rest" and document.get("errorMessage") == "Unauthorized"
            return _UNAUTHORIZED if refused else broken
        if not _is_sound(document, ask.kind):
            return broken
        if ask.ttl:
            self._kept[key] = (self._world.clock.ms + ask.ttl * 1000, json.dumps(document))
        answer: dict[str, Any] = document
        return answer

    def snapshot(self) -> Any:
        """What is kept."""
        return dict(self._kept)

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        self._kept = dict(state)


def _method_arn(visit: Visit, api: Api) -> str:
    place = f"{api.id}/{visit.stage}/{visit.request.method}{visit.path}"
    return arns.arn("execute-api", api.region, api.account, place)


def _asked(proxied: dict[str, Any]) -> dict[str, Any]:
    """What an authorizer sees of a request: not its body; what is absent is an empty object."""
    left = ("body", "isBase64Encoded", "version")
    return {key: {} if value is None else value for key, value in proxied.items() if key not in left}


def _found(values: Mapping[str, Any], path: str) -> str:
    found: Any = values
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return "" if found is None else str(found)


def _source(source: str, visit: Visit, described: Mapping[str, Any], *, rest: bool) -> str:
    """What an identity source names; ``described`` is the event that has the request's context."""
    sign = "" if rest else "$"
    request = "method.request" if rest else "$request"
    place, _, name = source.rpartition(".")
    if place == f"{request}.header":
        return visit.request.header(name)
    if place == f"{request}.querystring":
        return _query(visit).get(name, "")
    if place == f"{sign}stageVariables":
        return visit.variables.get(name, "")
    if source.startswith(f"{sign}context."):
        return _found(described["requestContext"], source.removeprefix(f"{sign}context."))
    raise CapabilityMissing(f"not emulated: identity source {source} (API {visit.api})")


def _query(visit: Visit) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(visit.request.url).query, keep_blank_values=True))


def _is_sound(document: Any, kind: str) -> bool:
    """Whether an authorizer's answer has the members, and the types, that the gateway wants."""
    if not isinstance(document, dict):
        return False
    context = document.get("context") or {}
    if not isinstance(context, dict):
        return False
    if kind == "simple":
        return isinstance(document.get("isAuthorized"), bool)
    if kind != "policy" and not all(isinstance(value, (str, int, float)) for value in context.values()):
        return False
    policy = document.get("policyDocument")
    return isinstance(document.get("principalId"), str) and isinstance(policy, dict) and "Statement" in policy


def _effect(document: Mapping[str, Any], ask: _Ask) -> str:
    caller = {"aws:sourceip": events.SOURCE_IP, "aws:securetransport": "true"}
    return access.effect(document["policyDocument"], _ACTION, ask.arn, caller)


def _rest_judged(document: Mapping[str, Any], ask: _Ask, visit: Visit) -> Visit | Response:
    effect = _effect(document, ask)
    if effect != "Allow":
        said = f"{_DENIED} with an explicit deny" if effect == "Deny" else _DENIED
        return answers.message(403, said, "ACCESS_DENIED", "Message")
    # The gateway hands a context on as text: 1, true and "a" become "1", "true" and "a".
    context = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in (document.get("context") or {}).items()
    }
    known = {**context, "principalId": document["principalId"], "integrationLatency": 0}
    return replace(visit, authorizer=known)


def _http_judged(document: Mapping[str, Any], ask: _Ask, visit: Visit) -> Visit | Response:
    simple = ask.kind == "simple"
    if not (document["isAuthorized"] if simple else _effect(document, ask) == "Allow"):
        return answers.message(403, "Forbidden")
    principal = {} if simple else {"principalId": document["principalId"]}
    return replace(visit, authorizer={**principal, **(document.get("context") or {})})


def _not_emulated(what: str, api: Api, route: Route) -> CapabilityMissing:
    return CapabilityMissing(f"not emulated: {what} (API {api.id}, {route.method} {route.path})")

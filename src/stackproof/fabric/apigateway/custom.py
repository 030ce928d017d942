"""Integrations that are no proxies: a mapping template makes the request, another the response.

REST APIs call AWS services and functions so (type AWS); HTTP APIs have a few actions of AWS services as
subtypes. Sources: developer guide of API Gateway, "Set up Lambda custom integrations", "Method request
behavior for payloads without mapping templates" and "Integration subtype reference".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stackproof.errors import CapabilityMissing
from stackproof.fabric import arns
from stackproof.fabric.apigateway import answers, calls, events, mapping, nodes, velocity
from stackproof.fabric.apigateway.events import Visit
from stackproof.fabric.apigateway.routes import Route
from stackproof.fabric.apigateway.tables import Api
from stackproof.fabric.functions.policies import allows
from stackproof.fabric.http import Response

if TYPE_CHECKING:
    from stackproof.fabric.apigateway.service import ApiGatewayService
    from stackproof.fabric.world import World

_WRONG = answers.message(500, "Internal server error", "API_CONFIGURATION_ERROR")
_JSON = "application/json"
_SUBTYPES = {
    "SQS-SendMessage": ("sqs", "SendMessage"), "SQS-ReceiveMessage": ("sqs", "ReceiveMessage"),
    "SQS-DeleteMessage": ("sqs", "DeleteMessage"), "SQS-PurgeQueue": ("sqs", "PurgeQueue"),
    "EventBridge-PutEvents": ("events", "PutEvents"), "Kinesis-PutRecord": ("kinesis", "PutRecord"),
}  # fmt: skip


class Custom:
    """``rest`` answers type AWS, ``subtype`` what an HTTP API calls of AWS, ``mock`` type MOCK."""

    def __init__(self, service: ApiGatewayService, world: World) -> None:
        self._service = service
        self._world = world

    def rest(self, visit: Visit, api: Api, route: Route) -> Response:
        """The answer of an integration of type AWS. Raises CapabilityMissing for a service not emulated."""
        integration = route.integration
        body = _requested(integration, visit)
        if isinstance(body, Response):
            return body
        given = integration.get("requestParameters") or {}
        values = {name: mapping.value(str(one), visit) for name, one in given.items()}
        uri = str(integration.get("uri", ""))
        for name, one in visit.variables.items():
            uri = uri.replace(f"${{stageVariables.{name}}}", one)
        for name, one in _placed(values, "path").items():
            uri = uri.replace(f"{{{name}}}", one)
        call = calls.parsed(uri)
        if call is None:
            status, text, matter = self._invoked(visit, api, route, uri, body)
        else:
            if not integration.get("credentials"):
                return _WRONG
            place = f"{api.id}/{visit.stage}/{visit.request.method}{visit.path}"
            source = arns.arn("execute-api", api.region, api.account, place)
            headers = {name.lower(): one for name, one in _placed(values, "header").items()}
            query = _placed(values, "querystring")
            role = str(integration["credentials"])
            status, text = calls.answered(self._world, call, role, source, body, headers, query)
            matter = str(status)
        return _responded(integration, visit, status, text, matter)

    def mock(self, visit: Visit, integration: Mapping[str, Any]) -> Response:
        """The answer of a mock integration: its request template says the status."""
        body = _requested(integration, visit)
        if isinstance(body, Response):
            return body
        try:
            status = int(json.loads(body or "{}").get("statusCode"))
        except (ValueError, TypeError, AttributeError):
            found = re.search(r'"?statusCode"?\s*:\s*"?(\d{3})', body)
            if found is None:
                return _WRONG
            status = int(found[1])
        text = visit.request.body.decode("utf-8", "replace")
        return _responded(integration, visit, status, text, str(status))

    def _invoked(self, visit: Visit, api: Api, route: Route, uri: str, body: str) -> tuple[int, str, str]:
        """Status, body and what the selection patterns look at, of a function called without a proxy."""
        match = self._service.function_of(uri)
        if match is None:
            raise CapabilityMissing(f"not emulated: an integration with {uri} (API {api.id}, {route.path})")
        function, qualifier = match
        place = f"{api.id}/{visit.stage}/{visit.request.method}"
        source = arns.arn("execute-api", api.region, api.account, place)
        paths = (visit.path, re.sub(r"\{[^}]+\}", "*", visit.template))
        by_role = bool(route.integration.get("credentials"))
        allowed = function is not None and (
            by_role
            or any(allows(function, qualifier, "apigateway.amazonaws.com", source + path) for path in paths)
        )
        broken = '{"message": "Internal server error"}'
        if function is None or not allowed:
            return 500, broken, broken
        try:
            event = json.loads(body) if body else {}
        except ValueError:
            return 400, '{"message": "Could not parse request body into json"}', "400"
        outcome = self._service.invoke(function, qualifier, event, visit, api.kind)
        if isinstance(outcome, Response):
            return outcome.status, outcome.text, outcome.text
        text = str(outcome.payload, "utf-8", "replace")
        if not outcome.error:
            return 200, text, ""
        return 200, text, str(json.loads(outcome.payload).get("errorMessage", ""))

    def subtype(self, visit: Visit, api: Api, route: Route) -> Response:
        """The answer of a subtype of an HTTP API. Raises CapabilityMissing for one that is not emulated."""
        integration = route.integration
        name = str(integration.get("IntegrationSubtype"))
        if name not in _SUBTYPES:
            raise CapabilityMissing(f"not emulated: integration subtype {name} (API {api.id}, {route.path})")
        service, operation = _SUBTYPES[name]
        given = integration.get("RequestParameters") or {}
        values = {key: mapping.selected(one, visit) for key, one in given.items()}
        params = {key: one for key, one in values.items() if one is not None}
        region = str(params.pop("Region", "") or api.region)
        place = f"{api.id}/{visit.stage}/{visit.request.method}{visit.path}"
        source = arns.arn("execute-api", api.region, api.account, place)
        call = calls.Call(region, service, operation)
        body = json.dumps(_shaped(operation, params))
        status, text = calls.answered(
            self._world, call, str(integration.get("CredentialsArn") or ""), source, body, {}, {}
        )
        headers = (("Content-Type", "application/json"),)
        return Response(status, text.encode(), headers)


def _shaped(operation: str, params: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a subtype as those of its action."""
    if operation == "PutEvents":
        entry = {key: one if isinstance(one, str) else json.dumps(one) for key, one in params.items()}
        resources = {"Resources": json.loads(entry["Resources"])} if "Resources" in entry else {}
        return {"Entries": [{**entry, **resources}]}
    found: dict[str, Any] = {}
    for key, one in params.items():
        if key in ("MessageAttributes", "MessageSystemAttributes", "AttributeNames", "MessageAttributeNames"):
            found[key] = json.loads(one) if isinstance(one, str) else one
        elif key in ("DelaySeconds", "MaxNumberOfMessages", "VisibilityTimeout", "WaitTimeSeconds"):
            found[key] = int(one)
        else:
            found[key] = one if isinstance(one, str) else json.dumps(one)
    if operation == "PutRecord":
        from base64 import b64encode

        found["Data"] = b64encode(found.get("Data", "").encode()).decode()
    return found


def _placed(values: Mapping[str, Any], place: str) -> dict[str, str]:
    """The request parameters of one place of an integration; what has no value is left out."""
    prefix = f"integration.request.{place}."
    return {
        name.removeprefix(prefix): nodes.shown(one)
        for name, one in values.items()
        if name.startswith(prefix) and one is not None
    }


def _requested(integration: Mapping[str, Any], visit: Visit) -> str | Response:
    """The body for the integration: what the template for the content type makes, or the request's own."""
    templates = integration.get("requestTemplates") or {}
    kind = (visit.request.header("Content-Type") or _JSON).split(";")[0].strip()
    body = visit.request.body.decode("utf-8", "replace")
    if kind in templates:
        try:
            return velocity.rendered(templates[kind] or "", mapping.variables(visit, body))
        except velocity.BadTemplate:
            return _WRONG
    behavior = str(integration.get("passthroughBehavior") or "WHEN_NO_MATCH").upper()
    if behavior == "NEVER" or (behavior == "WHEN_NO_TEMPLATES" and templates):
        return answers.message(415, "Unsupported Media Type", "UNSUPPORTED_MEDIA_TYPE")
    return body


def _responded(integration: Mapping[str, Any], visit: Visit, status: int, text: str, matter: str) -> Response:
    """The response whose selection pattern fits ``matter``; the one without a pattern otherwise."""
    responses = list((integration.get("integrationResponses") or {}).values())
    chosen = next(
        (
            one
            for one in responses
            if one.get("selectionPattern") and _fits(str(one["selectionPattern"]), matter)
        ),
        None,
    ) or next((one for one in responses if not one.get("selectionPattern")), None)
    if chosen is None:
        return _WRONG
    variables = mapping.variables(visit, text)
    templates = chosen.get("responseTemplates") or {}
    kind = next((one for one in (_JSON, *templates) if one in templates), _JSON)
    template = templates.get(kind)
    try:
        body = velocity.rendered(template, variables) if template else text
    except velocity.BadTemplate:
        return _WRONG
    override = variables["context"].get("responseOverride") or {}
    headers = {"Content-Type": kind}
    for name, one in (chosen.get("responseParameters") or {}).items():
        found = mapping.value(str(one), visit, body=text)
        if found is not None:
            headers[name.removeprefix("method.response.header.")] = nodes.shown(found)
    headers |= {name: nodes.shown(one) for name, one in (override.get("header") or {}).items()}
    code = int(override.get("status") or chosen.get("statusCode") or status)
    return events.stamped(visit, Response(code, body.encode(), tuple(headers.items())))


def _fits(pattern: str, matter: str) -> bool:
    return re.fullmatch(pattern, matter, re.S) is not None

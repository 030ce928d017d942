"""The methods of a REST API: from its definition, and ``AWS::ApiGateway::Method``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from stackproof.deploy import openapi, openapi_models
from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.handlers import apigateway_responses
from stackproof.deploy.model import Made
from stackproof.fabric.apigateway import calls, tokens

_INTEGRATION = {
    "type": "type",
    "httpMethod": "integrationHttpMethod",
    "uri": "uri",
    "connectionType": "connectionType",
    "connectionId": "connectionId",
    "credentials": "credentials",
    "requestParameters": "requestParameters",
    "requestTemplates": "requestTemplates",
    "passthroughBehavior": "passthroughBehavior",
    "cacheNamespace": "cacheNamespace",
    "cacheKeyParameters": "cacheKeyParameters",
    "contentHandling": "contentHandling",
    "timeoutInMillis": "timeoutInMillis",
    "tlsConfig": "tlsConfig",
}
"""Members of ``x-amazon-apigateway-integration`` with PutIntegration's parameters."""


def build(job: Job, api: str, root: str, body: Mapping[str, Any]) -> None:
    """Resources, methods and integrations of a definition; ``root`` is the id of ``/``."""
    authorizers = _authorizers(job, api, body)
    apigateway_responses.put(job, api, body)
    checks = Checks(job, api, body)
    ids = {"": root}
    for method in openapi.methods(body):
        resource = _resource(job, api, ids, method.path)
        place = {"restApiId": api, "resourceId": resource, "httpMethod": method.verb}
        params: dict[str, Any] = {**place, "authorizationType": "NONE", "apiKeyRequired": method.key_required}
        if method.parameters:
            params["requestParameters"] = method.parameters
        params |= checks.of(method)
        for name in method.security or ():
            if openapi.signed(body, name):
                params["authorizationType"] = "AWS_IAM"
            elif name in authorizers:
                kind, authorizer = authorizers[name]
                params |= {"authorizationType": kind, "authorizerId": authorizer}
                if kind == "COGNITO_USER_POOLS" and method.scopes:
                    params["authorizationScopes"] = list(method.scopes)
        unchecked(job, str(params["authorizationType"]), f"Body.paths.{method.path}.{method.verb}")
        job.call("apigateway", "put_method", params)
        if method.integration:
            given = _from_definition(method.integration)
            uri = str(given.get("uri", ""))
            unanswered(job, str(given["type"]), f"Body.paths.{method.path}.{method.verb}", uri)
            integrate(job, place, given, method.integration.get("responses"))


def unchecked(job: Job, authorization: str, path: str) -> None:
    """Name an authorization that the gateway here does not check: it refuses such calls by name."""
    capability = "lambda-authorizers" if authorization == "CUSTOM" else "api-authorization"
    if authorization in tokens.KINDS and job.backend.kind == "embedded":
        return
    if authorization != "NONE" and capability not in job.backend.capabilities:
        job.left_out(path, f"authorization {authorization} is not emulated, calls are refused by name")


def unanswered(job: Job, kind: str, path: str, uri: str = "") -> None:
    """Name an integration that nothing answers here."""
    call = calls.parsed(uri) if kind == "AWS" else None
    if kind not in openapi.EMULATED:
        job.left_out(path, f"integration {kind} is not emulated, calls are refused by name")
    elif call is not None and call.service not in calls.SERVICES:
        job.left_out(path, f"an integration with {call.service} is not emulated, calls are refused by name")


class Checks:
    """The request validators and models of a definition, made when a method asks for one."""

    def __init__(self, job: Job, api: str, body: Mapping[str, Any]) -> None:
        self._job = job
        self._api = api
        self._known = openapi_models.validators(body)
        self._validators: dict[str, str] = {}
        self._models: dict[str, str] = {}

    def of(self, method: openapi.Method) -> dict[str, Any]:
        """What PutMethod says of them."""
        facts = self._known.get(method.validator)
        if facts is None:
            return {}
        if method.validator not in self._validators:
            asked = {
                key: bool(facts.get(key)) for key in ("validateRequestBody", "validateRequestParameters")
            }
            params = {"restApiId": self._api, "name": method.validator, **asked}
            self._validators[method.validator] = self._job.call(
                "apigateway", "create_request_validator", params
            )["id"]
        models = {kind: self._model(name, schema) for kind, (name, schema) in method.models.items()}
        return {"requestValidatorId": self._validators[method.validator], "requestModels": models or None}

    def _model(self, name: str, schema: Any) -> str:
        text = json.dumps(schema, default=str)
        if text not in self._models:
            named = "".join(letter for letter in name if letter.isalnum()) or f"MODEL{len(self._models)}"
            params = {
                "restApiId": self._api,
                "name": named,
                "contentType": "application/json",
                "schema": text,
            }
            self._job.call("apigateway", "create_model", params)
            self._models[text] = named
        return self._models[text]


def _from_definition(integration: Mapping[str, Any]) -> dict[str, Any]:
    found = {to: integration[name] for name, to in _INTEGRATION.items() if name in integration}
    return {**found, "type": str(found.get("type", "")).upper()}


def _resource(job: Job, api: str, ids: dict[str, str], path: str) -> str:
    here = ""
    for part in [part for part in path.split("/") if part]:
        parent, here = ids[here], f"{here}/{part}"
        if here not in ids:
            params = {"restApiId": api, "parentId": parent, "pathPart": part}
            ids[here] = job.call("apigateway", "create_resource", params)["id"]
    return ids[here]


def integrate(job: Job, place: Mapping[str, Any], params: Mapping[str, Any], responses: Any) -> None:
    """PutIntegration with its responses (a map by pattern, as definitions have it)."""
    job.call("apigateway", "put_integration", {**place, **params})
    for pattern, response in (responses or {}).items():
        answer = {
            "statusCode": str(response.get("statusCode", "200")),
            "selectionPattern": None if pattern == "default" else pattern,
            "responseParameters": response.get("responseParameters"),
            "responseTemplates": response.get("responseTemplates"),
            "contentHandling": response.get("contentHandling"),
        }
        names = {"statusCode": answer["statusCode"]}
        parameters = dict.fromkeys(response.get("responseParameters") or {}, False)
        job.call("apigateway", "put_method_response", {**place, **names, "responseParameters": parameters})
        job.call("apigateway", "put_integration_response", {**place, **answer})


def _authorizers(job: Job, api: str, body: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for name, scheme in openapi.schemes(body).items():
        given = scheme.get(openapi.AUTHORIZER)
        if not isinstance(given, Mapping):
            continue
        kind = str(given.get("type", "token")).upper()
        header = f"method.request.header.{scheme.get('name', 'Authorization')}"
        params = {
            "restApiId": api,
            "name": name,
            "type": kind,
            "identitySource": given.get("identitySource", header),
            **{key: given[key] for key in _AUTHORIZER if key in given},
        }
        answer = job.call("apigateway", "create_authorizer", params)
        method_kind = "COGNITO_USER_POOLS" if kind == "COGNITO_USER_POOLS" else "CUSTOM"
        found[name] = (method_kind, answer["id"])
    return found


_AUTHORIZER = (
    "providerARNs", "authorizerUri", "authorizerCredentials", "identityValidationExpression",
    "authorizerResultTtlInSeconds",
)  # fmt: skip


class Method(Handler):
    """``AWS::ApiGateway::Method`` with its integration."""

    type = "AWS::ApiGateway::Method"
    _table: ClassVar[Mapping[str, str]] = {
        "RestApiId": "restApiId",
        "ResourceId": "resourceId",
        "HttpMethod": "httpMethod",
        "AuthorizationType": "authorizationType",
        "AuthorizerId": "authorizerId",
        "AuthorizationScopes": "authorizationScopes",
        "ApiKeyRequired": "apiKeyRequired",
        "OperationName": "operationName",
        "RequestParameters": "requestParameters",
        "RequestModels": "requestModels",
        "RequestValidatorId": "requestValidatorId",
    }
    covers = frozenset(_table) | {"Integration", "MethodResponses"}

    def create(self, job: Job) -> Made:
        """PutMethod, PutMethodResponse, PutIntegration."""
        params = {"authorizationType": "NONE", **job.pick(self._table)}
        job.call("apigateway", "put_method", params, self._table)
        unchecked(job, str(params["authorizationType"]), "AuthorizationType")
        place = self._place(job)
        responses = {str(one["StatusCode"]): one for one in job.get("MethodResponses") or []}
        for code, response in responses.items():
            wanted = {"responseParameters": "ResponseParameters", "responseModels": "ResponseModels"}
            given = {to: response[name] for to, name in wanted.items() if name in response}
            job.call("apigateway", "put_method_response", {**place, "statusCode": code, **given})
        integration = job.get("Integration")
        if integration:
            self._integration(job, place, integration)
        return Made("-".join([*(str(place[name]) for name in ("restApiId", "resourceId", "httpMethod"))]))

    @staticmethod
    def _integration(job: Job, place: dict[str, Any], integration: Mapping[str, Any]) -> None:
        uri = str(integration.get("Uri", ""))
        unanswered(job, str(integration.get("Type", "")), "Integration.Type", uri)
        own = {key: value for key, value in integration.items() if key != "IntegrationResponses"}
        job.call("apigateway", "put_integration", {**place, **_lowered(own)})
        for response in integration.get("IntegrationResponses") or []:
            job.call("apigateway", "put_integration_response", {**place, **_lowered(response)})

    def _place(self, job: Job) -> dict[str, Any]:
        return job.pick({"RestApiId": "restApiId", "ResourceId": "resourceId", "HttpMethod": "httpMethod"})

    def update(self, job: Job, made: Made) -> Made:
        """Deleted and put again: the API has no call that changes all of it."""
        self.delete(job, made)
        return self.create(job)

    def delete(self, job: Job, made: Made) -> None:
        """DeleteMethod."""
        job.call("apigateway", "delete_method", self._place(job))


def _lowered(value: Mapping[str, Any]) -> dict[str, Any]:
    names = {"IntegrationHttpMethod": "integrationHttpMethod"}
    return {names.get(key, key[:1].lower() + key[1:]): item for key, item in value.items()}

"""Amazon API Gateway, HTTP APIs: the API itself, also from a definition, routes, integrations, stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from stackproof.deploy import openapi
from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.handlers.apigateway_body import unanswered, unchecked
from stackproof.deploy.model import Made
from stackproof.deploy.simple import Simple


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


class Api(Handler):
    """``AWS::ApiGatewayV2::Api``."""

    type = "AWS::ApiGatewayV2::Api"
    _table: ClassVar[Mapping[str, str]] = _same(
        "Name", "ProtocolType", "Description", "Version", "CorsConfiguration", "DisableExecuteApiEndpoint",
        "RouteSelectionExpression", "ApiKeySelectionExpression", "DisableSchemaValidation",
    )  # fmt: skip
    _quick: ClassVar[Mapping[str, str]] = _same("Target", "RouteKey", "CredentialsArn")
    covers = frozenset({*_table, *_quick, "Body", "BodyS3Location", "FailOnWarnings", "Tags"})

    inert: ClassVar[Mapping[str, str]] = {"FailOnWarnings": "definitions are not linted"}

    def create(self, job: Job) -> Made:
        """CreateApi, then what its definition says."""
        body = openapi.definition(job)
        title = (body.get("info") or {}).get("title")
        params = {
            "Name": job.get("Name") or title or job.logical_id,
            "ProtocolType": "HTTP",
            "CorsConfiguration": body.get("x-amazon-apigateway-cors"),
            **job.pick(self._table),
            "Tags": job.tags() or None,
        }
        if params["ProtocolType"] == "WEBSOCKET" and job.backend.kind == "embedded":
            job.left_out("ProtocolType", "WebSocket APIs are not emulated, nobody can connect")
        answer = job.call("apigatewayv2", "create_api", params)
        api = answer["ApiId"]
        authorizers = _build(job, api, body)
        if job.get("Target"):
            self._quick_create(job, api)
        domain = "amazonaws.com.cn" if job.place.partition == "aws-cn" else "amazonaws.com"
        endpoint = f"https://{api}.execute-api.{job.place.region}.{domain}"
        return Made(api, {"ApiId": api, "ApiEndpoint": answer.get("ApiEndpoint") or endpoint}, authorizers)

    @staticmethod
    def _quick_create(job: Job, api: str) -> None:
        target = str(job.get("Target"))
        params = {"ApiId": api, "IntegrationUri": target, "PayloadFormatVersion": "2.0"}
        params["IntegrationType"] = "HTTP_PROXY" if target.startswith("http") else "AWS_PROXY"
        if job.get("CredentialsArn"):
            params["CredentialsArn"] = str(job.get("CredentialsArn"))
        integration = job.call("apigatewayv2", "create_integration", params)["IntegrationId"]
        route = {"ApiId": api, "RouteKey": job.get("RouteKey", "$default")}
        job.call("apigatewayv2", "create_route", {**route, "Target": f"integrations/{integration}"})
        job.call("apigatewayv2", "create_stage", {"ApiId": api, "StageName": "$default", "AutoDeploy": True})

    def update(self, job: Job, made: Made) -> Made:
        """UpdateApi; a changed definition takes the place of the old one as a whole."""
        api = made.physical_id
        params = {key: value for key, value in job.pick(self._table).items() if key != "ProtocolType"}
        if params:
            job.call("apigatewayv2", "update_api", {"ApiId": api, **params})
        if not job.changed("Body", "BodyS3Location"):
            return made
        self._clear(job, made)
        return Made(api, made.attributes, _build(job, api, openapi.definition(job)))

    @staticmethod
    def _clear(job: Job, made: Made) -> None:
        api = made.physical_id
        for listed, deletes, key in (
            ("get_routes", "delete_route", "RouteId"),
            ("get_integrations", "delete_integration", "IntegrationId"),
        ):
            for one in job.call("apigatewayv2", listed, {"ApiId": api})["Items"]:
                job.call("apigatewayv2", deletes, {"ApiId": api, key: one[key]})
        for authorizer in made.notes.get("authorizers", ()):
            job.call("apigatewayv2", "delete_authorizer", {"ApiId": api, "AuthorizerId": authorizer})

    def delete(self, job: Job, made: Made) -> None:
        """DeleteApi."""
        job.call("apigatewayv2", "delete_api", {"ApiId": made.physical_id})


_INTEGRATION = {
    "type": "IntegrationType",
    "integrationSubtype": "IntegrationSubtype",
    "httpMethod": "IntegrationMethod",
    "uri": "IntegrationUri",
    "payloadFormatVersion": "PayloadFormatVersion",
    "connectionType": "ConnectionType",
    "connectionId": "ConnectionId",
    "credentials": "CredentialsArn",
    "requestParameters": "RequestParameters",
    "timeoutInMillis": "TimeoutInMillis",
}


def _build(job: Job, api: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Integrations, authorizers and routes of a definition; answers what ``_clear`` must know."""
    authorizers = _authorizers(job, api, body)
    for method in openapi.methods(body):
        params: dict[str, Any] = {"ApiId": api, "RouteKey": _route_key(method), "AuthorizationType": "NONE"}
        for name in method.security or ():
            if openapi.signed(body, name):
                params["AuthorizationType"] = "AWS_IAM"
            elif name in authorizers:
                kind, authorizer = authorizers[name]
                params |= {"AuthorizationType": kind, "AuthorizerId": authorizer}
                if method.scopes:
                    params["AuthorizationScopes"] = list(method.scopes)
        if method.integration:
            given = {
                to: method.integration[name]
                for name, to in _INTEGRATION.items()
                if name in method.integration
            }
            given["IntegrationType"] = str(given.get("IntegrationType", "aws_proxy")).upper()
            made = job.call("apigatewayv2", "create_integration", {"ApiId": api, **given})
            params["Target"] = f"integrations/{made['IntegrationId']}"
            unanswered(job, given["IntegrationType"], f"Body.paths.{method.path}.{method.verb}")
        unchecked(job, params["AuthorizationType"], f"Body.paths.{method.path}.{method.verb}")
        job.call("apigatewayv2", "create_route", params)
    return {"authorizers": tuple(identifier for _, identifier in authorizers.values())}


def _route_key(method: openapi.Method) -> str:
    return "$default" if method.path.strip("/") == "$default" else f"{method.verb} {method.path}"


def _authorizers(job: Job, api: str, body: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for name, scheme in openapi.schemes(body).items():
        given = scheme.get(openapi.AUTHORIZER)
        if not isinstance(given, Mapping):
            continue
        kind = "JWT" if str(given.get("type", "")).lower() == "jwt" else "REQUEST"
        source = given.get("identitySource", "$request.header.Authorization")
        params: dict[str, Any] = {"ApiId": api, "Name": name, "AuthorizerType": kind}
        params["IdentitySource"] = source.split(",") if isinstance(source, str) else source
        table = {
            "jwtConfiguration": "JwtConfiguration",
            "authorizerUri": "AuthorizerUri",
            "authorizerCredentials": "AuthorizerCredentialsArn",
            "authorizerPayloadFormatVersion": "AuthorizerPayloadFormatVersion",
            "authorizerResultTtlInSeconds": "AuthorizerResultTtlInSeconds",
            "enableSimpleResponses": "EnableSimpleResponses",
        }
        params |= {to: given[name] for name, to in table.items() if name in given}
        answer = job.call("apigatewayv2", "create_authorizer", params)
        found[name] = ("JWT" if kind == "JWT" else "CUSTOM", answer["AuthorizerId"])
    return found


class Route(Simple):
    """``AWS::ApiGatewayV2::Route``."""

    type = "AWS::ApiGatewayV2::Route"
    service = "apigatewayv2"
    table: ClassVar[Mapping[str, str]] = _same(
        "RouteKey", "Target", "AuthorizationType", "AuthorizerId", "AuthorizationScopes", "ApiKeyRequired",
        "OperationName", "RouteResponseSelectionExpression", "ModelSelectionExpression", "RequestModels",
        "RequestParameters",
    )  # fmt: skip
    owners: ClassVar[Mapping[str, str]] = _same("ApiId")
    creates, updates, deletes = "create_route", "update_route", "delete_route"
    key, identifier = "RouteId", "RouteId"
    answers: ClassVar[Mapping[str, str]] = {"RouteId": "RouteId"}

    def params(self, job: Job) -> dict[str, Any]:
        """What the route asks for besides."""
        unchecked(job, str(job.get("AuthorizationType", "NONE")), "AuthorizationType")
        return super().params(job)


class Integration(Simple):
    """``AWS::ApiGatewayV2::Integration``."""

    type = "AWS::ApiGatewayV2::Integration"
    service = "apigatewayv2"
    table: ClassVar[Mapping[str, str]] = _same(
        "IntegrationType", "IntegrationMethod", "IntegrationUri", "PayloadFormatVersion", "ConnectionType",
        "ConnectionId", "CredentialsArn", "Description", "RequestParameters", "RequestTemplates",
        "ResponseParameters", "TemplateSelectionExpression", "TimeoutInMillis", "TlsConfig",
        "ContentHandlingStrategy", "IntegrationSubtype", "PassthroughBehavior",
    )  # fmt: skip
    owners: ClassVar[Mapping[str, str]] = _same("ApiId")
    creates, updates, deletes = "create_integration", "update_integration", "delete_integration"
    key, identifier = "IntegrationId", "IntegrationId"
    answers: ClassVar[Mapping[str, str]] = {"IntegrationId": "IntegrationId"}

    def params(self, job: Job) -> dict[str, Any]:
        """What the integration asks for besides."""
        unanswered(job, str(job.get("IntegrationType", "")), "IntegrationType")
        return super().params(job)


class Authorizer(Simple):
    """``AWS::ApiGatewayV2::Authorizer``."""

    type = "AWS::ApiGatewayV2::Authorizer"
    service = "apigatewayv2"
    table: ClassVar[Mapping[str, str]] = _same(
        "AuthorizerType", "Name", "IdentitySource", "AuthorizerUri", "JwtConfiguration",
        "AuthorizerCredentialsArn", "AuthorizerPayloadFormatVersion", "AuthorizerResultTtlInSeconds",
        "EnableSimpleResponses", "IdentityValidationExpression",
    )  # fmt: skip
    owners: ClassVar[Mapping[str, str]] = _same("ApiId")
    creates, updates, deletes = "create_authorizer", "update_authorizer", "delete_authorizer"
    key, identifier = "AuthorizerId", "AuthorizerId"
    answers: ClassVar[Mapping[str, str]] = {"AuthorizerId": "AuthorizerId"}


class Deployment(Simple):
    """``AWS::ApiGatewayV2::Deployment``."""

    type = "AWS::ApiGatewayV2::Deployment"
    service = "apigatewayv2"
    table: ClassVar[Mapping[str, str]] = _same("Description", "StageName")
    owners: ClassVar[Mapping[str, str]] = _same("ApiId")
    creates, deletes = "create_deployment", "delete_deployment"
    key, identifier = "DeploymentId", "DeploymentId"
    answers: ClassVar[Mapping[str, str]] = {"DeploymentId": "DeploymentId"}


class Stage(Simple):
    """``AWS::ApiGatewayV2::Stage``."""

    type = "AWS::ApiGatewayV2::Stage"
    service = "apigatewayv2"
    table: ClassVar[Mapping[str, str]] = _same(
        "StageName", "AutoDeploy", "DeploymentId", "Description", "StageVariables", "AccessLogSettings",
        "DefaultRouteSettings", "RouteSettings", "ClientCertificateId",
    )  # fmt: skip
    owners: ClassVar[Mapping[str, str]] = _same("ApiId")
    creates, updates, deletes = "create_stage", "update_stage", "delete_stage"
    key, identifier, tagged = "StageName", "@StageName", "map"
    inert: ClassVar[Mapping[str, str]] = {
        "AccessLogSettings": "no access log is written",
        "DefaultRouteSettings": "requests are not throttled or measured",
        "RouteSettings": "requests are not throttled or measured",
    }

"""Methods and routes that anybody may call."""

from __future__ import annotations

from collections.abc import Iterator

from stackproof.checks.resources.api_body import open_operations
from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.stack import Resource, Stack
from stackproof.checks.resources.values import truth
from stackproof.model import Severity
from stackproof.template.model import Unknown


def _examine(stack: Stack) -> Iterator[Hit]:
    for method in stack.of("AWS::ApiGateway::Method"):
        if method.get("HttpMethod") == "OPTIONS" or _private(stack, method):
            continue
        if truth(method.get("ApiKeyRequired")):
            continue
        yield from _judge(method, "method")
    for route in stack.of("AWS::ApiGatewayV2::Route"):
        key = route.get("RouteKey")
        # Messages of a WebSocket come over a connection that its $connect route has let in.
        if isinstance(key, str) and key.startswith("OPTIONS "):
            continue
        if _websocket(stack, route) and key != "$connect":
            continue
        yield from _judge(route, "route")
    yield from _documents(stack)


def _documents(stack: Stack) -> Iterator[Hit]:
    for api in stack.of("AWS::ApiGateway::RestApi"):
        if not _is_private(api):
            yield from open_operations(api, rest=True)
    for api in stack.of("AWS::ApiGatewayV2::Api"):
        yield from open_operations(api, rest=False)


def _judge(resource: Resource, kind: str) -> Iterator[Hit]:
    value = resource.get("AuthorizationType")
    if value is None or value == "NONE":
        message = f"Anybody may call the {kind}: set AuthorizationType, with an authorizer or AWS_IAM"
        yield Hit(resource.at("AuthorizationType"), message)
    elif isinstance(value, Unknown) and (not value.values or "NONE" in value.values):
        yield Hit(
            resource.at("AuthorizationType"),
            f"Whether anybody may call the {kind} is not known",
            (),
            (value,),
        )


def _private(stack: Stack, method: Resource) -> bool:
    api = stack.target(method.get("RestApiId"), "AWS::ApiGateway::RestApi")
    return api is not None and _is_private(api)


def _is_private(api: Resource) -> bool:
    types = api.get("EndpointConfiguration", "Types")
    return isinstance(types, list) and types == ["PRIVATE"]


def _websocket(stack: Stack, route: Resource) -> bool:
    api = stack.target(route.get("ApiId"), "AWS::ApiGatewayV2::Api")
    return api is not None and api.get("ProtocolType") == "WEBSOCKET"


RULE = Rule(
    describe(
        "API-AUTH",
        "API methods ask who is calling",
        why="A method without an authorizer answers the whole internet.",
        fix="Set AuthorizationType to AWS_IAM, COGNITO_USER_POOLS, CUSTOM or JWT, or in an OpenAPI document "
        "give each operation a security scheme with an authorizer; suppress with a reason where the method "
        "is public on purpose.",
        source="https://docs.aws.amazon.com/apigateway/latest/developerguide/"
        "apigateway-control-access-to-api.html",
        severity=Severity.WARNING,
    ),
    _examine,
)

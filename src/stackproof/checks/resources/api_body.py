"""Operations of an API's OpenAPI document that anybody may call.

API Gateway applies ``security`` of an operation when its scheme has an authorizer
(``x-amazon-apigateway-authorizer``) or an ``x-amazon-apigateway-authtype``; REST APIs also take the key of an
``apiKey`` scheme, and do not apply a ``security`` of the whole document. ``x-amazon-apigateway-auth`` of an
operation stands in for all of it. A scheme that is not defined (SAM writes ``NONE``) guards nothing.
Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from stackproof.checks.resources.rule import Hit
from stackproof.checks.resources.stack import Resource
from stackproof.template.model import Unknown

_ANY = "x-amazon-apigateway-any-method"
_METHODS = frozenset(["get", "put", "post", "delete", "patch", "head", "trace", _ANY])
_UNSEEN = Unknown({"Ref": "BodyS3Location"}, "the document lies in a bucket")


def open_operations(api: Resource, *, rest: bool) -> Iterator[Hit]:
    """A hit for every operation without a guard; undecided where what decides is not known."""
    if api.get("BodyS3Location") is not None:
        message = "Whether anybody may call the API's operations is not known"
        yield Hit(api.at("BodyS3Location"), message, (), (_UNSEEN,))
    body = _document(api.get("Body"))
    for steps, operation in _operations(body):
        guarded = _guarded(body, operation, rest)
        place = api.at("Body", *steps, "security")
        shown = " ".join(("any method of" if steps[2] == _ANY else steps[2].upper(), steps[1]))
        if isinstance(guarded, Unknown):
            yield Hit(place, f"Whether anybody may call {shown} is not known", (), (guarded,))
        elif not guarded:
            message = f"Anybody may call {shown}: give the operation a security scheme with an authorizer"
            yield Hit(place, message)


def _document(body: Any) -> Mapping[str, Any]:
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except (ValueError, RecursionError):
            return {}
    return body if isinstance(body, Mapping) else {}


def _operations(body: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str, str], Mapping[str, Any]]]:
    paths = body.get("paths")
    for path, item in paths.items() if isinstance(paths, Mapping) else ():
        for method, operation in item.items() if isinstance(item, Mapping) else ():
            if str(method).lower() in _METHODS and isinstance(operation, Mapping):
                yield ("paths", str(path), str(method)), operation


def _guarded(body: Mapping[str, Any], operation: Mapping[str, Any], rest: bool) -> bool | Unknown:
    """Whether who calls is asked; the unknown that decides it."""
    own = operation.get("x-amazon-apigateway-auth")
    kind = own.get("type") if isinstance(own, Mapping) else own
    if kind is not None:
        return kind if isinstance(kind, Unknown) else str(kind).upper() != "NONE"
    security = operation.get("security", None if rest else body.get("security"))
    if isinstance(security, Unknown):
        return security
    answers = [_demands(body, item, rest) for item in security] if isinstance(security, list) else []
    if not answers or False in answers:
        return False
    return next((answer for answer in answers if isinstance(answer, Unknown)), True)


def _demands(body: Mapping[str, Any], requirement: Any, rest: bool) -> bool | Unknown:
    """Whether one of the alternatives asks for anything: one of its schemes must guard."""
    if isinstance(requirement, Unknown):
        return requirement
    answers = [_guards(body, name, rest) for name in requirement] if isinstance(requirement, Mapping) else []
    if True in answers:
        return True
    return next((answer for answer in answers if isinstance(answer, Unknown)), False)


def _guards(body: Mapping[str, Any], name: Any, rest: bool) -> bool | Unknown:
    scheme: Any = body
    for step in (
        ("components", "securitySchemes", name) if "openapi" in body else ("securityDefinitions", name)
    ):
        if isinstance(scheme, Unknown):
            return scheme
        scheme = scheme.get(step) if isinstance(scheme, Mapping) else None
    if isinstance(scheme, Unknown):
        return scheme
    if not isinstance(scheme, Mapping):
        return False
    extended = "x-amazon-apigateway-authorizer" in scheme or "x-amazon-apigateway-authtype" in scheme
    return extended or (rest and scheme.get("type") == "apiKey")

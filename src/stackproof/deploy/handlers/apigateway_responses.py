"""Gateway responses of REST APIs: ``AWS::ApiGateway::GatewayResponse``, and those of a definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from stackproof.deploy.handler import Job
from stackproof.deploy.simple import Simple

_MEMBER = "x-amazon-apigateway-gateway-responses"
_UNKNOWN = "context.error.validationErrorString"


class GatewayResponse(Simple):
    """``AWS::ApiGateway::GatewayResponse``."""

    type = "AWS::ApiGateway::GatewayResponse"
    service = "apigateway"
    table: ClassVar[Mapping[str, str]] = {
        "ResponseType": "responseType",
        "StatusCode": "statusCode",
        "ResponseParameters": "responseParameters",
        "ResponseTemplates": "responseTemplates",
    }
    owners: ClassVar[Mapping[str, str]] = {"RestApiId": "restApiId"}
    creates = updates = "put_gateway_response"
    deletes = "delete_gateway_response"
    key, identifier = "responseType", "@responseType"

    def params(self, job: Job) -> dict[str, Any]:
        """What PutGatewayResponse takes."""
        _check(job, "ResponseTemplates", job.get("ResponseTemplates"))
        return super().params(job)


def put(job: Job, api: str, body: Mapping[str, Any]) -> None:
    """The gateway responses of a definition."""
    for kind, wanted in (body.get(_MEMBER) or {}).items():
        status = wanted.get("statusCode")
        params = {
            "restApiId": api,
            "responseType": str(kind),
            "statusCode": None if status in (None, "") else str(status),
            "responseParameters": wanted.get("responseParameters"),
            "responseTemplates": wanted.get("responseTemplates"),
        }
        job.call("apigateway", "put_gateway_response", params)
        _check(job, f"Body.{_MEMBER}.{kind}.responseTemplates", wanted.get("responseTemplates"))


def clear(job: Job, api: str) -> None:
    """None is customised any more."""
    for one in job.call("apigateway", "get_gateway_responses", {"restApiId": api}).get("items") or ():
        params = {"restApiId": api, "responseType": one["responseType"]}
        job.call("apigateway", "delete_gateway_response", params)


def _check(job: Job, path: str, templates: Mapping[str, Any] | None) -> None:
    """Name a variable that has no value here."""
    if any(_UNKNOWN in str(one) for one in (templates or {}).values()):
        job.left_out(path, f"${_UNKNOWN} is not emulated, nothing stands in its place")

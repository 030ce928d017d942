"""The events that functions get: payload format 1.0 (REST and HTTP APIs) and 2.0 (HTTP APIs, function URLs).

Sources: developer guide of API Gateway, "Input format of a Lambda function for proxy integration" and
"Create AWS Lambda proxy integrations for HTTP APIs"; AWS's recorded answers.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from stackproof.fabric.http import Request, Response

SOURCE_IP = "192.0.2.1"
"""The client's address (from the block for documentation)."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A request with what the gateway found out. ``raw_path`` includes the stage, ``path`` does not.

    ``authorizer`` is what an authorizer said of it (``jwt`` that of an HTTP API which reads tokens), ``key``
    the API key that it came with and its id.
    """

    request: Request
    api: str
    account: str
    host: str
    stage: str
    path: str
    raw_path: str
    template: str
    parameters: Mapping[str, str]
    variables: Mapping[str, str]
    request_id: str
    ms: int
    route_key: str = ""
    resource_id: str = ""
    deployment_id: str = ""
    binary: bool = False
    authorizer: Mapping[str, Any] | None = None
    jwt: Mapping[str, Any] | None = None
    key: tuple[str, str] = ("", "")

    @property
    def time(self) -> str:
        """``01/Jan/2026:00:00:00 +0000``."""
        return datetime.fromtimestamp(self.ms // 1000, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")


_SPELLED = {"authorization": "Authorization", "user-agent": "User-Agent"}
"""Headers that a REST API hands on in this spelling, whatever was sent (recorded)."""


def _headers(visit: Visit, *, rest: bool = False) -> dict[str, list[str]]:
    """The headers as they arrive, with those that the gateway adds."""
    found: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for name, value in visit.request.headers:
        if name.lower() in ("content-length", "connection", "transfer-encoding"):
            continue
        spelled = _SPELLED.get(name.lower(), name) if rest else name
        found.setdefault(names.setdefault(name.lower(), spelled), []).append(value)
    added = {
        "Host": visit.host,
        "X-Amzn-Trace-Id": _trace(visit),
        "X-Forwarded-For": SOURCE_IP,
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
    }
    for name, value in added.items():
        found[names.get(name.lower(), name)] = [value]
    return found


def _trace(visit: Visit) -> str:
    return f"Root=1-{visit.ms // 1000:08x}-{visit.request_id.replace('-', '')[:24]}"


def _extended(visit: Visit) -> str:
    return visit.request_id.replace("-", "")[:15] + "="


def stamped(visit: Visit, answer: Response) -> Response:
    """A function's answer with the headers that a REST API adds."""
    added = {
        "x-amzn-RequestId": visit.request_id,
        "x-amz-apigw-id": _extended(visit),
        "X-Amzn-Trace-Id": _trace(visit),
    }
    taken = {name.lower() for name, _ in answer.headers}
    more = tuple((name, value) for name, value in added.items() if name.lower() not in taken)
    return replace(answer, headers=answer.headers + more)


def _query(visit: Visit) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(urlsplit(visit.request.url).query, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return found


def _body(visit: Visit) -> tuple[str | None, bool]:
    data = visit.request.body
    if not data:
        return None, False
    if visit.binary:
        return base64.b64encode(data).decode(), True
    return data.decode("utf-8", "replace"), False


def version_1(visit: Visit, *, rest: bool) -> dict[str, Any]:
    """Payload format 1.0; a REST API's has no ``version`` and a longer context."""
    headers, query = _headers(visit, rest=rest), _query(visit)
    body, encoded = _body(visit)
    event: dict[str, Any] = {
        "resource": visit.template,
        "path": visit.path if rest else visit.raw_path,
        "httpMethod": visit.request.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": dict(visit.parameters) or None,
        "stageVariables": dict(visit.variables) or None,
        "requestContext": _context_1(visit, rest=rest),
        "body": body,
        "isBase64Encoded": encoded,
    }
    return event if rest else {"version": "1.0", **event}


def _context_1(visit: Visit, *, rest: bool) -> dict[str, Any]:
    identity: dict[str, Any] = dict.fromkeys((
        "accessKey", "accountId", "caller", "cognitoAuthenticationProvider", "cognitoAuthenticationType",
        "cognitoIdentityId", "cognitoIdentityPoolId", "principalOrgId",
    ))  # fmt: skip
    identity |= {
        "sourceIp": SOURCE_IP, "user": None, "userAgent": visit.request.header("User-Agent") or None,
        "userArn": None,
    }  # fmt: skip
    if visit.key[0]:
        identity |= {"apiKey": visit.key[0], "apiKeyId": visit.key[1]}
    context: dict[str, Any] = {
        "accountId": visit.account,
        "apiId": visit.api,
        "domainName": visit.host,
        "domainPrefix": visit.host.split(".")[0],
        "extendedRequestId": _extended(visit),
        "httpMethod": visit.request.method,
        "identity": identity,
        "path": visit.raw_path,
        "protocol": "HTTP/1.1",
        "requestId": visit.request_id,
        "requestTime": visit.time,
        "requestTimeEpoch": visit.ms,
        "resourceId": visit.resource_id if rest else visit.route_key,
        "resourcePath": visit.template,
        "stage": visit.stage,
    }
    if rest:
        context["deploymentId"] = visit.deployment_id
    known = visit.authorizer if visit.jwt is None else visit.jwt
    if known is not None:
        context["authorizer"] = dict(known)
    return context


def version_2(visit: Visit) -> dict[str, Any]:
    """Payload format 2.0: no lists, names in lower case, what is absent is left out."""
    headers = {name.lower(): values for name, values in _headers(visit).items()}
    cookies = [part.strip() for value in headers.pop("cookie", []) for part in value.split(";")]
    parts = urlsplit(visit.request.url)
    query = {name: ",".join(values) for name, values in _query(visit).items()}
    body, encoded = _body(visit)
    path = unquote(visit.raw_path)
    http = {
        "method": visit.request.method, "path": path, "protocol": "HTTP/1.1", "sourceIp": SOURCE_IP,
        "userAgent": visit.request.header("User-Agent"),
    }  # fmt: skip
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": visit.route_key,
        "rawPath": path,
        "rawQueryString": parts.query,
        **({"cookies": cookies} if cookies else {}),
        "headers": {name: ",".join(values) for name, values in headers.items()},
        **({"queryStringParameters": query} if query else {}),
        "requestContext": {
            "accountId": visit.account, "apiId": visit.api, "domainName": visit.host,
            "domainPrefix": visit.host.split(".")[0], "http": http, "requestId": visit.request_id,
            "routeKey": visit.route_key, "stage": visit.stage, "time": visit.time, "timeEpoch": visit.ms,
        },
    }  # fmt: skip
    if visit.jwt is not None:
        event["requestContext"]["authorizer"] = {"jwt": dict(visit.jwt)}
    elif visit.authorizer is not None:
        event["requestContext"]["authorizer"] = {"lambda": dict(visit.authorizer)}
    if visit.parameters:
        event["pathParameters"] = dict(visit.parameters)
    if visit.variables:
        event["stageVariables"] = dict(visit.variables)
    if body is not None:
        event["body"] = body
    event["isBase64Encoded"] = encoded
    return event

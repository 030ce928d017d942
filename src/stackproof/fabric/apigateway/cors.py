"""Cross-origin requests: the settings of HTTP APIs, the mock integrations of REST APIs that serve them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from stackproof.errors import CapabilityMissing
from stackproof.fabric.http import Request, Response

Settings = Mapping[str, Any] | None


def _origin(settings: Mapping[str, Any], request: Request) -> str:
    """The allowed origin to answer with; "" when the request's origin is not allowed."""
    origin = request.header("Origin")
    allowed = settings.get("AllowOrigins") or ()
    if not origin:
        return ""
    if "*" in allowed:
        return "*"
    return origin if any(_fits(origin, entry) for entry in allowed) else ""


def _fits(origin: str, entry: str) -> bool:
    return re.fullmatch(re.escape(entry).replace(r"\*", ".*"), origin) is not None


def preflight(settings: Settings, request: Request) -> Response | None:
    """The gateway's own answer to a preflight request; None when it is none."""
    if not settings or request.method != "OPTIONS" or not request.header("Access-Control-Request-Method"):
        return None
    origin = _origin(settings, request)
    if not origin:
        return Response(204)
    headers = [("Access-Control-Allow-Origin", origin)]
    for member, header in (("AllowMethods", "Methods"), ("AllowHeaders", "Headers")):
        if settings.get(member):
            headers.append((f"Access-Control-Allow-{header}", ",".join(settings[member])))
    if settings.get("MaxAge"):
        headers.append(("Access-Control-Max-Age", str(settings["MaxAge"])))
    if settings.get("AllowCredentials"):
        headers.append(("Access-Control-Allow-Credentials", "true"))
    return Response(204, headers=tuple(headers))


def added(settings: Settings, request: Request, response: Response) -> Response:
    """An answer with the headers that the API's settings add; they replace those of the function."""
    origin = _origin(settings, request) if settings else ""
    if not settings or not origin:
        return response
    kept = [pair for pair in response.headers if not pair[0].lower().startswith("access-control-")]
    kept.append(("Access-Control-Allow-Origin", origin))
    if settings.get("ExposeHeaders"):
        kept.append(("Access-Control-Expose-Headers", ",".join(settings["ExposeHeaders"])))
    if settings.get("AllowCredentials"):
        kept.append(("Access-Control-Allow-Credentials", "true"))
    return Response(response.status, response.body, tuple(kept), response.latency)


def mock(integration: Mapping[str, Any]) -> Response:
    """The answer of a mock integration with static templates; raises CapabilityMissing for others."""
    templates = integration.get("requestTemplates") or {}
    template = templates.get("application/json", "{}")
    try:
        status = str(json.loads(template).get("statusCode", ""))
    except ValueError:
        found = re.search(r'"?statusCode"?\s*:\s*"?(\d{3})', template)
        status = found[1] if found else ""
    responses = integration.get("integrationResponses") or {}
    chosen = responses.get(status) or next(iter(responses.values()), None)
    if chosen is None or not status:
        return Response.of_json({"message": "Internal server error"}, 500)
    headers = [
        (name.removeprefix("method.response.header."), str(value).strip("'"))
        for name, value in (chosen.get("responseParameters") or {}).items()
    ]
    body = (chosen.get("responseTemplates") or {}).get("application/json") or ""
    if "$" in body or "#" in body:
        raise CapabilityMissing("not emulated: mapping templates with expressions")
    headers.append(("Content-Type", "application/json"))
    return Response(int(chosen.get("statusCode") or status), body.encode(), tuple(headers))

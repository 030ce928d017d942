"""Cross-origin requests: the settings of HTTP APIs, the mock integrations of REST APIs that serve them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

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

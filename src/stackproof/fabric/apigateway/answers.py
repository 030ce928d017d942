"""A function's result as an HTTP response, and what AWS refuses of it."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stackproof.fabric.http import Request, Response

_KNOWN = frozenset(("statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded", "cookies"))


class Malformed(Exception):
    """The result is no proxy response."""


@dataclass(frozen=True, slots=True)
class Own(Response):
    """An answer of the gateway itself: ``kind`` is its type among the gateway responses of a REST API ("" for
    what no API can change), ``said`` its message."""

    kind: str = ""
    said: str | None = None


def message(status: int, text: str | None, kind: str = "", member: str = "message") -> Own:
    """An answer of the gateway itself; ``member`` of its body holds the message."""
    plain = Response.of_json({member: text}, status)
    return Own(plain.status, plain.body, plain.headers, kind=kind, said=text)


def version_1(payload: bytes, *, decode: bool, rest: bool) -> Response:
    """A result in format 1.0. ``decode``: whether the client takes binary; raises ``Malformed``."""
    result = _object(payload)
    if rest and not set(result) <= _KNOWN:
        raise Malformed
    status = _status(result.get("statusCode", 200))
    headers = _headers(result.get("multiValueHeaders"), result.get("headers"))
    content = result.get("body")
    if content is not None and not isinstance(content, str):
        raise Malformed
    binary = bool(result.get("isBase64Encoded")) and (decode or not rest)
    return Response(
        status,
        _content(content, binary),
        _with_type(headers, "application/json" if rest else "text/plain;charset=UTF-8"),
    )


def version_2(payload: bytes) -> Response:
    """A result in format 2.0: without a ``statusCode`` the whole result is the body."""
    try:
        result = json.loads(payload)
    except ValueError as error:
        raise Malformed from error
    if not isinstance(result, dict) or "statusCode" not in result:
        text = result if isinstance(result, str) else json.dumps(result)
        return Response(200, text.encode(), (("Content-Type", "application/json"),))
    headers = list(_headers(None, result.get("headers")))
    cookies = result.get("cookies") or []
    if not isinstance(cookies, list):
        raise Malformed
    headers += [("Set-Cookie", str(cookie)) for cookie in cookies]
    content = result.get("body")
    if content is not None and not isinstance(content, str):
        content = json.dumps(content)
    body = _content(content, bool(result.get("isBase64Encoded")))
    return Response(
        _status(result["statusCode"]), body, _with_type(tuple(headers), "text/plain;charset=UTF-8")
    )


def _object(payload: bytes) -> dict[str, Any]:
    try:
        result = json.loads(payload)
    except ValueError as error:
        raise Malformed from error
    if not isinstance(result, dict) or not result:
        raise Malformed
    return result


def _status(value: Any) -> int:
    try:
        status = int(value)
    except (TypeError, ValueError) as error:
        raise Malformed from error
    if isinstance(value, (bool, float)) or not 100 <= status <= 599:
        raise Malformed
    return status


def _headers(several: Any, single: Any) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    if several is not None:
        if not isinstance(several, Mapping) or not all(isinstance(v, list) for v in several.values()):
            raise Malformed
        found += [(name, _text(value)) for name, values in several.items() for value in values]
    if single is not None:
        if not isinstance(single, Mapping) or any(isinstance(v, (dict, list)) for v in single.values()):
            raise Malformed
        known = {name.lower(): name for name, _ in found}
        found += [(known.get(str(name).lower(), str(name)), _text(value)) for name, value in single.items()]
    return tuple(found)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _content(content: str | None, binary: bool) -> bytes:
    if not content:
        return b""
    if not binary:
        return content.encode()
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error as error:
        raise Malformed from error


def _with_type(headers: tuple[tuple[str, str], ...], usual: str) -> tuple[tuple[str, str], ...]:
    if any(name.lower() == "content-type" for name, _ in headers):
        return headers
    return (("Content-Type", usual), *headers)


def looks_binary(request: Request) -> bool:
    """HTTP APIs and function URLs hand on as text what says it is text (and what says nothing)."""
    kind = request.header("Content-Type").split(";")[0].strip().lower()
    textual = (
        "application/json",
        "application/javascript",
        "application/xml",
        "application/x-www-form-urlencoded",
    )
    if not kind or kind.startswith("text/") or kind in textual or kind.endswith(("+json", "+xml")):
        try:
            request.body.decode()
        except UnicodeDecodeError:
            return True
        return False
    return True

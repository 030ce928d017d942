"""Presigned requests to S3, as a browser or any HTTP client makes them: checked and answered as S3 does.

URLs of ``generate_presigned_url`` (signature versions 2 and 4) and forms of ``generate_presigned_post``.
What was signed must be what comes: method, path, signed headers; the time is the world's. The rights are
those of the account (who signed cannot be told from credentials that all share).
Sources: Amazon S3 user guide, "Authenticating requests: using query parameters (AWS Signature Version 4)",
"Signing and authenticating REST requests" (version 2), "POST policy" and "POST object".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from xml.sax.saxutils import escape

from stackproof.backends.compat import clocks, wire
from stackproof.fabric.http import Request, Response
from stackproof.fabric.service import Caller

if TYPE_CHECKING:
    from stackproof.fabric.world import World

_SECRET = "stackproof"
_SIGNING = frozenset({"signature", "awsaccesskeyid", "expires", "x-amz-security-token"})
_SIGNATURE_4 = "X-Amz-Signature"


_worlds: list[World] = []


def activate(world: World) -> Callable[[], None]:
    """Let what a test signs beforehand be signed at the world's time; the result ends it."""
    _install()
    _worlds.append(world)
    return lambda: _worlds.remove(world)


@cache
def _install() -> None:
    from botocore.signers import RequestSigner, S3PostPresigner

    for kind, name in (
        (RequestSigner, "generate_presigned_url"),
        (S3PostPresigner, "generate_presigned_post"),
    ):
        setattr(kind, name, _timed(getattr(kind, name)))


def _timed(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def sign(*args: Any, **kwargs: Any) -> Any:
        if not _worlds:
            return original(*args, **kwargs)
        with clocks.virtual(_worlds[-1].clock):
            return original(*args, **kwargs)

    return sign


def is_bucket(url: str) -> bool:
    """Whether a URL is one of S3."""
    return wire.place(Request("GET", url))[0] == "s3"


def is_signed(request: Request) -> bool:
    """Whether a request to S3 carries a presigned query or a form; others are not answered here."""
    query = dict(parse_qsl(urlsplit(request.url).query))
    form = request.method == "POST" and "multipart/form-data" in request.header("content-type")
    return form or _SIGNATURE_4 in query or "Signature" in query


def answer(request: Request, world: World) -> Response:
    """S3's answer."""
    caller = world.caller(actor=request.actor)
    if request.method == "POST" and "multipart/form-data" in request.header("content-type"):
        return _form(request, world, caller)
    parts = urlsplit(request.url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    now = datetime.fromtimestamp(world.clock.ms / 1000, UTC)
    if now >= _ends(query):
        return _refusal(403, "AccessDenied", "Request has expired")
    right = _version_4(request, query) if _SIGNATURE_4 in query else _version_2(request, query)
    if query.get(_SIGNATURE_4, query.get("Signature", "")) != right:
        said = "The request signature we calculated does not match the signature you provided."
        return _refusal(403, "SignatureDoesNotMatch", f"{said} Check your key and signing method.")
    left = {
        name: value
        for name, value in query.items()
        if name.lower() not in _SIGNING and not name.startswith("X-Amz-")
    }
    url = parts._replace(query=urlencode(left)).geturl()
    return wire.answer(replace(request, url=url), caller)


def _ends(query: Mapping[str, str]) -> datetime:
    if _SIGNATURE_4 in query:
        begun = datetime.strptime(query.get("X-Amz-Date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return begun + timedelta(seconds=int(query.get("X-Amz-Expires", "0")))
    return datetime.fromtimestamp(int(query.get("Expires", "0")), UTC)


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _key_4(scope: str) -> bytes:
    """The signing key of a scope: ``20260101/us-east-1/s3/aws4_request``."""
    key = f"AWS4{_SECRET}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    return key


def _version_4(request: Request, query: Mapping[str, str]) -> str:
    parts = urlsplit(request.url)
    signed = query.get("X-Amz-SignedHeaders", "host").split(";")
    values = {name: " ".join(request.header(name).split()) for name in signed} | {"host": parts.netloc}
    ordered = sorted((quote(k, "-_.~"), quote(v, "-_.~")) for k, v in query.items() if k != _SIGNATURE_4)
    whole = [
        request.method,
        parts.path or "/",
        "&".join(f"{key}={value}" for key, value in ordered),
        *(f"{name}:{values[name]}" for name in signed),
        "",
        ";".join(signed),
        "UNSIGNED-PAYLOAD",
    ]
    scope = query.get("X-Amz-Credential", "").partition("/")[2]
    digest = hashlib.sha256("\n".join(whole).encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", query.get("X-Amz-Date", ""), scope, digest])
    return _hmac(_key_4(scope), text).hex()


def _version_2(request: Request, query: Mapping[str, str]) -> str:
    from botocore.auth import HmacV1QueryAuth
    from botocore.compat import HTTPHeaders
    from botocore.credentials import Credentials

    make: Any = HmacV1QueryAuth
    signer = make(Credentials(query.get("AWSAccessKeyId", ""), _SECRET))
    signer._get_date = lambda: query.get("Expires", "")
    headers: Any = HTTPHeaders()
    given = [*request.headers, *((key, value) for key, value in query.items() if key.startswith("x-amz-"))]
    for name, value in given:
        if name.lower().startswith("x-amz-") or name.lower() in ("content-md5", "content-type"):
            headers[name.lower()] = value
    parts = urlsplit(request.url)
    bucket = parts.netloc.partition(".s3")[0] if ".s3" in parts.netloc else ""
    path = f"/{bucket}{parts.path}" if bucket else parts.path
    return str(signer.get_signature(request.method, parts, headers, auth_path=path))


# Forms.


def _form(request: Request, world: World, caller: Caller) -> Response:
    from werkzeug.formparser import parse_form_data

    environment = {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": request.header("content-type"),
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.input": io.BytesIO(request.body),
    }
    _, given, files = parse_form_data(environment)
    fields, file = {name.lower(): value for name, value in given.items()}, files.get("file")
    data = file.stream.read() if file is not None else str(given.get("file", "")).encode()
    if "key" not in fields:
        return _refusal(400, "InvalidArgument", "Bucket POST must contain a field named 'key'.")
    policy = fields.get("policy", "")
    if not policy:
        return _refusal(403, "AccessDenied", "Access Denied")
    if not _form_signed(fields, policy):
        return _refusal(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")
    parts = urlsplit(request.url)
    virtual = parts.netloc.partition(".s3")[0] if ".s3" in parts.netloc else ""
    bucket = virtual or parts.path.strip("/")
    broken = _policy(json.loads(base64.b64decode(policy)), {**fields, "bucket": bucket}, len(data), world)
    if broken is not None:
        return broken
    key = fields["key"].replace("${filename}", (file.filename or "") if file is not None else "")
    sent = tuple(
        (name, value)
        for name, value in fields.items()
        if name in ("content-type", "cache-control", "content-disposition", "content-encoding")
        or name.startswith("x-amz-meta-")
    )
    place = f"{parts.scheme}://{parts.netloc}{'' if virtual else f'/{bucket}'}/{quote(key)}"
    put = wire.answer(Request("PUT", place, sent, data, request.actor), caller)
    return put if put.status >= 300 else _form_answer(fields, put, place, bucket, key)


def _form_signed(fields: Mapping[str, str], policy: str) -> bool:
    if "x-amz-signature" in fields:
        key = _key_4(fields.get("x-amz-credential", "").partition("/")[2])
        return _hmac(key, policy).hex() == fields["x-amz-signature"]
    made = hmac.new(_SECRET.encode(), policy.encode(), hashlib.sha1).digest()
    return base64.b64encode(made).decode() == fields.get("signature", "")


def _policy(policy: Mapping[str, Any], fields: Mapping[str, str], size: int, world: World) -> Response | None:
    """The refusal of what breaks a POST policy; None when all of its conditions hold."""
    now = datetime.fromtimestamp(world.clock.ms / 1000, UTC)
    if now >= datetime.fromisoformat(str(policy["expiration"])):
        return _refusal(403, "AccessDenied", "Invalid according to Policy: Policy expired.")
    for condition in policy.get("conditions", ()):
        if isinstance(condition, Mapping):
            name, value = next(iter(condition.items()))
            kind, place = "eq", f"${name}"
        else:
            kind, place, value = str(condition[0]).lower(), condition[1], condition[2]
        if kind == "content-length-range":
            if size > int(value):
                return _refusal(
                    400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size"
                )
            if size < int(place):
                return _refusal(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum")
            continue
        found = fields.get(str(place).removeprefix("$").lower(), "")
        if not (found.startswith(str(value)) if kind == "starts-with" else found == str(value)):
            said = "Invalid according to Policy: Policy Condition failed"
            return _refusal(403, "AccessDenied", f"{said}: {json.dumps([kind, place, value])}")
    return None


def _form_answer(fields: Mapping[str, str], put: Response, place: str, bucket: str, key: str) -> Response:
    kept = (("ETag", put.header("ETag")), ("Location", place))
    target = fields.get("success_action_redirect", "")
    if target:
        query = urlencode({"bucket": bucket, "key": key, "etag": put.header("ETag")})
        return Response(303, b"", (("Location", f"{target}{'&' if '?' in target else '?'}{query}"),))
    status = int(fields.get("success_action_status", "204") or "204")
    if status != 201:
        return Response(status if status == 200 else 204, b"", kept)
    told = {"Location": place, "Bucket": bucket, "Key": key, "ETag": put.header("ETag")}
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in told.items())
    return Response(201, f"<PostResponse>{inner}</PostResponse>".encode(), kept)


def _refusal(status: int, code: str, said: str) -> Response:
    body = f"<Error><Code>{code}</Code><Message>{escape(said)}</Message></Error>"
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'
    return Response(status, text.encode(), (("Content-Type", "application/xml"),))

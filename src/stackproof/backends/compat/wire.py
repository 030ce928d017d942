"""AWS calls that come as HTTP requests: read as the service would read them, answered as boto3 calls are.

Workers of other runtimes (Node.js) hand their requests to AWS over a pipe. The operation and its parameters
are found with moto's routers and parsers, the call is made through boto3 in the running task (so that it
suspends, is judged, journalled and answered as any other), and its result is written with moto's
serializers. Signatures are not looked at: who calls is the role of the function.
"""

from __future__ import annotations

import json
import re
from typing import Any
from xml.sax.saxutils import escape

from stackproof.backends.compat import clients
from stackproof.errors import CapabilityMissing
from stackproof.fabric.http import Request, Response
from stackproof.fabric.service import Caller
from stackproof.fabric.tasks import current

_CHUNKED = "aws-chunked"
_S3 = re.compile(
    r"(?:.+\.)?s3(?:[.-](?:dualstack\.)?(?P<region>[a-z0-9-]+))?\.(?:amazonaws\.com(?:\.cn)?|api\.aws)"
)
_HOST = re.compile(
    r"(?:\d{12}\.)?(?P<prefix>[a-z0-9.-]+?)(?:\.(?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?"
    r"\.(?:amazonaws\.com(?:\.cn)?|api\.aws)"
)
_SERVICES = {
    "ddb": "dynamodb", "streams.dynamodb": "dynamodbstreams", "monitoring": "cloudwatch",
    "states": "stepfunctions", "sync-states": "stepfunctions", "email": "ses", "data-ats.iot": "iot-data",
    "elasticloadbalancing": "elbv2", "api.ecr": "ecr", "tagging": "resourcegroupstaggingapi",
}  # fmt: skip
"""The first labels of hosts that are not the name of the service in botocore."""


def answer(request: Request, caller: Caller | None = None) -> Response:
    """AWS's answer to a request of the running task, or of ``caller`` where there is none.

    Raises ``CapabilityMissing`` for what nobody can read.
    """
    service, region = place(request)
    try:
        return _answered(request, service, region, caller)
    except _Unread as error:
        raise CapabilityMissing(
            f"not emulated: {request.method} {request.url} of {request.actor}: {error}",
            hint="requests in the JSON, query and REST protocols over HTTP/1.1 are answered",
        ) from error


class _Unread(Exception):
    """Nobody here can read a request; the text says why."""


def place(request: Request) -> tuple[str, str]:
    """The service (as botocore names it) and the region ("" for the caller's) that a request goes to."""
    host = request.url.partition("://")[2].partition("/")[0].partition(":")[0]
    match = _S3.fullmatch(host)
    if match is not None:
        return "s3", match["region"] or ""
    match = _HOST.fullmatch(host)
    prefix = match["prefix"] if match is not None else host
    return _SERVICES.get(prefix, prefix), (match["region"] if match is not None else "") or ""


def _answered(request: Request, service: str, region: str, caller: Caller | None) -> Response:
    from botocore.exceptions import ClientError, ParamValidationError

    task = current()
    identity = task.identity if task is not None and task.identity is not None else caller
    assert identity is not None  # workers run in tasks of functions, which have a role
    protocol, operation, params = _read(request, service)
    client = clients.client(service, region or identity.region, identity.account)
    call: Any = getattr(client, "_make_api_call")  # noqa: B009 - private
    try:
        result = call(operation.name, params)
    except ClientError as error:
        return _refusal(protocol, service, dict(error.response))
    except ParamValidationError as error:
        text = str(error).replace("\n", " ")
        return _refusal(protocol, service, {"Error": {"Code": "ValidationException", "Message": text}})
    return _written(protocol, service, operation, result)


def _read(request: Request, service: str) -> tuple[str, Any, dict[str, Any]]:
    """The protocol, the model of the operation, and its parameters."""
    from botocore.exceptions import UnknownServiceError
    from moto.core.parse import PROTOCOL_PARSERS
    from moto.core.request import Request as Raw
    from moto.core.request import determine_request_protocol
    from moto.core.routing import get_service_router
    from moto.core.utils import get_service_model
    from werkzeug.exceptions import HTTPException

    if request.header("smithy-protocol"):
        raise _Unread(f"its protocol is {request.header('smithy-protocol')}")
    headers = {name: value for name, value in request.headers if value != _CHUNKED}
    raw = Raw.from_primitives(request.method, request.url, headers, _whole(request))
    raw.environ["RAW_URI"] = "/" + request.url.partition("://")[2].partition("/")[2]
    try:
        protocol = determine_request_protocol(get_service_model(service), raw.content_type)
        operation, uri = get_service_router(service).match(raw)
    except UnknownServiceError as error:
        raise _Unread(f"there is no service '{service}'") from error
    except (HTTPException, NotImplementedError) as error:
        raise _Unread("it is no operation of the service") from error
    parser: Any = PROTOCOL_PARSERS[protocol](operation)
    given = {
        "method": raw.method, "values": raw.values, "headers": raw.headers, "body": raw.get_data(),
        "url_path": raw.path, "url_params": uri,
    }  # fmt: skip
    return protocol, operation, parser.parse(given)


def _whole(request: Request) -> bytes:
    """The body; a body in signed chunks (``aws-chunked``) without their frames and trailer."""
    if _CHUNKED not in request.header("content-encoding"):
        return request.body
    rest, content = request.body, b""
    while rest:
        frame, _, rest = rest.partition(b"\r\n")
        size = int(frame.partition(b";")[0] or b"0", 16)
        if not size:
            break
        content, rest = content + rest[:size], rest[size + 2 :]
    return content


def _written(protocol: str, service: str, operation: Any, result: dict[str, Any]) -> Response:
    from moto.core.serialize import SerializationContext, get_serializer_class

    told = result.pop("ResponseMetadata", {})
    request_id = str(told.get("RequestId", ""))
    for name, value in result.items():
        if hasattr(value, "read"):
            result[name] = value.read()
    serializer = get_serializer_class(service, protocol)(operation, SerializationContext(request_id))
    made = serializer.serialize(result)
    body = made["body"]
    headers = {**{str(k): str(v) for k, v in made["headers"].items()}, "x-amzn-requestid": request_id}
    status = int(told.get("HTTPStatusCode", made["status_code"]))
    return Response(status, body.encode() if isinstance(body, str) else bytes(body), tuple(headers.items()))


def _refusal(protocol: str, service: str, response: dict[str, Any]) -> Response:
    """An error, in the words of the protocol."""
    told = response.get("ResponseMetadata", {})
    error = response["Error"]
    code, message = str(error.get("Code", "")), str(error.get("Message", ""))
    status, request_id = int(told.get("HTTPStatusCode", 400)), str(told.get("RequestId", ""))
    headers = {"x-amzn-requestid": request_id}
    if protocol in ("json", "rest-json"):
        extra = {k: v for k, v in response.items() if k not in ("Error", "ResponseMetadata", "message")}
        kind = str(error.get("QueryErrorCode") or code)
        if kind != code:
            headers["x-amzn-query-error"] = f"{code};{error.get('Type', 'Sender')}"
        if protocol == "rest-json":
            headers["x-amzn-errortype"] = kind
        headers["content-type"] = (
            "application/json" if protocol == "rest-json" else "application/x-amz-json-1.0"
        )
        body = json.dumps({"__type": kind, "message": message, **extra}, default=str)
        return Response(status, body.encode(), tuple(headers.items()))
    headers["content-type"] = "text/xml"
    parts = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if service == "s3":
        body = f"<Error>{parts}<RequestId>{request_id}</RequestId></Error>"
    elif protocol == "ec2":
        body = (
            f"<Response><Errors><Error>{parts}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
        )
    else:
        kind = escape(str(error.get("Type", "Sender")))
        inner = f"<Error><Type>{kind}</Type>{parts}</Error><RequestId>{request_id}</RequestId>"
        body = f"<ErrorResponse>{inner}</ErrorResponse>"
    return Response(status, f'<?xml version="1.0"?>{body}'.encode(), tuple(headers.items()))

"""Hooks into botocore and boto3: calls are answered before anything is signed or sent."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from io import BytesIO
from typing import Any

from stackproof.backends.compat import tmp
from stackproof.backends.compat.moments import moments
from stackproof.backends.compat.shapes import certainly_valid
from stackproof.fabric.service import ServiceError

Handler = Callable[[Any, str, dict[str, Any], Callable[[], dict[str, Any]]], dict[str, Any]]
"""(client, operation, params, original) -> parsed response."""

_active: list[Handler] = []
_transports: list[Callable[[Any], Any]] = []
_originals: dict[str, Any] = {}


def activate(handler: Handler, transport: Callable[[Any], Any]) -> Callable[[], None]:
    """Route every API call of this process to ``handler`` and every request to ``transport``.

    The latest activation counts; the answer ends it.
    """
    _install()
    entry, send = handler, transport
    _active.append(entry)
    _transports.append(send)

    def end() -> None:
        if entry in _active:
            _active.remove(entry)
            _transports.remove(send)

    return end


def _install() -> None:
    import botocore.client
    import botocore.endpoint

    if _originals:
        return
    base: Any = botocore.client.BaseClient
    endpoint: Any = botocore.endpoint.Endpoint
    _originals["call"] = base._make_api_call
    _originals["send"] = endpoint._send

    def _make_api_call(self: Any, operation_name: str, api_params: dict[str, Any]) -> Any:
        original = _originals["call"]
        owner = self.__dict__.get(_OWNER)
        if owner is not None:
            owner()
        if not _active or not addressed_to_aws(self):
            return original(self, operation_name, api_params)
        if "Body" in api_params:
            api_params = {**api_params, "Body": _in_hand(api_params["Body"])}
        with tmp.outside():
            return _active[-1](
                self, operation_name, api_params, lambda: original(self, operation_name, api_params)
            )

    def _send(self: Any, request: Any) -> Any:
        if not _transports or "amazonaws.com" not in request.url:
            return _originals["send"](self, request)
        return _transports[-1](request)

    base._make_api_call = _make_api_call
    endpoint._send = _send


_OWNER = "_stackproof_owner"


def owned(client: Any, check: Callable[[], None]) -> Any:
    """A client that shares all with another; ``check`` is called before each call and raises when it may not.

    (``copy.copy`` cannot: a client without its attributes looks for them in itself.)
    """
    twin = object.__new__(type(client))
    twin.__dict__.update(client.__dict__)
    twin.__dict__[_OWNER] = check
    return twin


def _in_hand(body: Any) -> Any:
    """A file's content, read while its path still means what its owner knows (s3transfer opens it late)."""
    if not hasattr(body, "read") or not tmp.within():
        return body
    content = body.read()
    return BytesIO(content) if isinstance(content, bytes) else content


def addressed_to_aws(client: Any) -> bool:
    """Whether a client talks to AWS itself, not to an endpoint that somebody named."""
    return ".amazonaws.com" in client.meta.endpoint_url


def access_key(client: Any) -> str:
    """The access key id that a client signs with; empty when it has none."""
    credentials = getattr(client._request_signer, "_credentials", None)
    return "" if credentials is None else str(credentials.access_key or "")


@cache
def _validator() -> Any:
    from botocore.validate import ParamValidator

    return ParamValidator()


class Plan:
    """What is the same for every call of an operation: worked out once for a client's service model.

    ``before`` and ``after`` are the names of events around a call, ``tokens`` the idempotency tokens,
    ``certainly`` the quick check of params, ``kind`` the content type of an answer, ``streams`` whether it
    has a streaming member.
    """

    __slots__ = ("_status", "after", "before", "certainly", "idle", "kind", "model", "streams", "tokens")

    def __init__(self, service: Any, operation: str) -> None:
        self.model = service.operation_model(operation)
        place = f"{service.service_id.hyphenize()}.{operation}"
        self.before = (f"provide-client-params.{place}", f"before-parameter-build.{place}")
        self.after = f"after-call.{place}"
        self.tokens: tuple[str, ...] = tuple(self.model.idempotent_members)
        shape = self.model.input_shape
        self.certainly = None if shape is None else certainly_valid(service.service_name, operation, shape)
        self.kind = _kind(service)
        self.streams: bool = self.model.has_streaming_output
        self._status = _status(self.model)
        self.idle: Any = None
        """The latest handlers of ``before`` that were seen to do nothing for this operation."""

    def status(self, response: dict[str, Any]) -> int:
        """The HTTP status of a good answer."""
        member, usual = self._status
        return int(response[member]) if member in response else usual

    def heard(self, client: Any) -> bool:
        """Whether somebody may do something before the call.

        botocore's emitter knows the handlers of an event that it has emitted once, and forgets them, with
        the list that holds them, when one comes or goes.
        """
        known: Any = client.meta.events._emitter._lookup_cache
        for event in self.before:
            handlers = known.get(event)
            if handlers is None:
                return True
            if handlers and handlers is not self.idle:
                if any(handler not in _idlers(self.model) for handler in handlers):
                    return True
                self.idle = handlers
        return False


_PLANS = "_stackproof_plans"


def _plan(client: Any, operation: str) -> Plan:
    service = client.meta.service_model
    plans: dict[str, Plan] | None = service.__dict__.get(_PLANS)
    if plans is None:
        plans = service.__dict__[_PLANS] = {}
    found = plans.get(operation)
    if found is None:
        found = plans[operation] = Plan(service, operation)
    return found


def _idlers(model: Any) -> list[Any]:
    """The handlers of botocore's own that do nothing before a call of this operation."""
    from botocore import discovery, handlers

    found = []
    if not model.idempotent_members:
        found.append((handlers, "generate_idempotent_uuid"))
    if "requestValidationModeMember" not in (model.http_checksum or {}):
        found.append((handlers, "_handle_request_validation_mode_member"))
    if not (model.endpoint_discovery or {}).get("required"):
        found.append((discovery, "block_endpoint_discovery_required_operations"))
    return [getattr(module, name) for module, name in found if hasattr(module, name)]


def _unheard(client: Any, event: str) -> bool:
    """Whether the emitter already knows that nobody handles an event (it forgets when one registers)."""
    known: Any = client.meta.events._emitter._lookup_cache.get(event)
    return known is not None and not known


def _validates(client: Any) -> bool:
    """Whether the client was made with ``parameter_validation`` (botocore keeps it in the serializer)."""
    from botocore.validate import ParamValidationDecorator

    return isinstance(client._serializer, ParamValidationDecorator)


def prepared(
    client: Any, operation: str, params: dict[str, Any], token: Callable[[], str] | None = None
) -> tuple[Plan, dict[str, Any], dict[str, Any]]:
    """What botocore does to params before it serialises: events, then validation.

    Answers (plan of the operation, params, request context); raises ``ParamValidationError``. ``token``
    makes the idempotency tokens that are not given, which botocore would draw from the machine's randomness.
    """
    plan = _plan(client, operation)
    model = plan.model
    if token is not None and plan.tokens:
        params = {**{name: token() for name in plan.tokens}, **params}
    meta = client.meta
    context: dict[str, Any] = {"client_region": meta.region_name, "client_config": meta.config}
    if plan.heard(client):
        params = client._emit_api_params(api_params=params, operation_model=model, context=context)
    if plan.certainly is None or plan.certainly(params):
        return plan, params, context
    if _validates(client):
        report = _validator().validate(params, model.input_shape)
        if report.has_errors():
            from botocore.exceptions import ParamValidationError

            raise ParamValidationError(report=report.generate_report())
    return plan, moments(params, model.input_shape), context


class _Http:
    """What ``after-call`` handlers see of an HTTP response."""

    __slots__ = ("content", "headers", "raw", "status_code", "text")

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        self.status_code = status
        self.headers = headers
        self.content = b""
        self.text = ""
        self.raw = None


def _kind(service: Any) -> str:
    """The content type of a service's answers."""
    return "text/xml" if service.metadata.get("protocol") == "query" else "application/x-amz-json-1.0"


def metadata(request_id: str, status: int, kind: str) -> dict[str, Any]:
    """``ResponseMetadata`` as botocore makes it of an answer of this content type."""
    headers = {"x-amzn-requestid": request_id, "content-type": kind}
    return {"RequestId": request_id, "HTTPStatusCode": status, "HTTPHeaders": headers, "RetryAttempts": 0}


def answered(client: Any, plan: Plan, context: dict[str, Any], parsed: dict[str, Any]) -> dict[str, Any]:
    """The end of botocore's call: ``after-call`` handlers, then the response or the modelled exception."""
    status = parsed["ResponseMetadata"]["HTTPStatusCode"]
    model = plan.model
    if not _unheard(client, plan.after):
        client.meta.events.emit(
            plan.after,
            http_response=_Http(status, parsed["ResponseMetadata"]["HTTPHeaders"]),
            parsed=parsed,
            model=model,
            context=context,
        )
    if status >= 300:
        error = parsed["Error"]
        code = error.get("QueryErrorCode") or error["Code"]
        raise client.exceptions.from_code(code)(parsed, model.name)
    if plan.streams:
        _stream(model, parsed)
    return parsed


def _stream(model: Any, parsed: dict[str, Any]) -> None:
    """A streaming member that was given as bytes becomes what botocore gives."""

    from botocore.response import StreamingBody

    member = model.output_shape.serialization["payload"]
    content = parsed.get(member)
    if isinstance(content, bytes):
        parsed[member] = StreamingBody(BytesIO(content), len(content))


def _status(model: Any) -> tuple[str, int]:
    """The member that stands for the HTTP status of a good answer ("" for none), and the model's status."""
    shape = model.output_shape
    members = shape.members.items() if shape is not None else ()
    named = [name for name, member in members if member.serialization.get("location") == "statusCode"]
    return (named[0] if named else "", int(model.http.get("responseCode", 200)))


def error_response(client: Any, error: ServiceError, request_id: str) -> dict[str, Any]:
    """A service's error as botocore parses it in the client's protocol."""
    service = client.meta.service_model
    body: dict[str, Any] = {"Message": error.message, "Code": error.code}
    parsed: dict[str, Any] = {
        "Error": body,
        "ResponseMetadata": metadata(request_id, error.status, _kind(service)),
    }
    if service.metadata.get("protocol") == "query":
        body["Type"] = error.fault
        body["Message"] = error.query_message
        if service.service_name == "sqs":
            body["Detail"] = None
            return parsed
    elif error.query_code:
        body["QueryErrorCode"] = error.query_code
        body["Type"] = error.fault
        if _has_message(service, error.query_code):
            parsed["message"] = error.message
    (body if service.metadata.get("protocol") == "rest-xml" else parsed).update(error.extra)
    return parsed


def _has_message(service: Any, shape: str) -> bool:
    return shape in service.shape_names and "message" in service.shape_for(shape).members


def aws_error(error: Exception) -> ServiceError | None:
    """A botocore ``ClientError`` as a ``ServiceError``; None for any other exception."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict) or "Error" not in response:
        return None
    body = response["Error"]
    return ServiceError(
        body.get("Code", ""),
        body.get("Message", ""),
        status=response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400),
        query_code=body.get("QueryErrorCode", ""),
    )


def original_call() -> Any:
    """botocore's own ``_make_api_call``."""
    return _originals["call"]

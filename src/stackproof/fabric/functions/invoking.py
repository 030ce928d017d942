"""Invoke: synchronous, asynchronous, dry run."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stackproof.fabric.functions import errors
from stackproof.fabric.functions.invocation import ASYNC_LIMIT, SYNC_LIMIT, Done, Invocation, Outcome
from stackproof.fabric.functions.logs import TAIL
from stackproof.fabric.functions.model import Function, Version
from stackproof.fabric.service import Caller, Operation, Params, Response, ServiceError
from stackproof.fabric.tasks import Task

if TYPE_CHECKING:
    from stackproof.fabric.functions.service import LambdaService

_KINDS = ("Event", "RequestResponse", "DryRun")


class Invoking:
    """For other services: ``start`` (asynchronous to them) and ``run`` (waits)."""

    def __init__(self, service: LambdaService) -> None:
        self._service = service
        self._world = service.world
        self.operations: Mapping[str, Operation] = {"Invoke": self.invoke, "InvokeAsync": self.invoke_async}

    def invoke(self, params: Params, caller: Caller) -> Response:
        """See the API reference, Invoke; the wait for the answer passes on the virtual clock."""
        function, what = self._service.find(params, caller)
        version = self._service.resolve(function, what.qualifier)
        payload = _bytes(params.get("Payload"))
        kind = params.get("InvocationType") or "RequestResponse"
        if kind not in _KINDS:
            allowed = "Member must satisfy enum value set: [Event, RequestResponse, DryRun]"
            raise errors.validation(kind, "invocationType", allowed)
        self._check(payload, kind)
        arn = f"{function.arn}:{what.qualifier}" if what.qualifier else function.arn
        if kind == "DryRun":
            return {"StatusCode": 204, "Payload": b""}
        if kind == "Event":
            self._service.events.accept(function, what.qualifier, payload or b"{}", caller.actor)
            return {"StatusCode": 202, "Payload": b""}
        context = _context(params.get("ClientContext"))
        invocation, outcome = self.run(function, version, arn, payload or b"{}", caller.actor, context)
        response: Response = {
            "StatusCode": 200,
            "ExecutedVersion": version.number,
            "Payload": outcome.payload,
        }
        if outcome.error:
            response["FunctionError"] = outcome.error
        if params.get("LogType") == "Tail":
            tail = self._service.logs.text(invocation).encode()[-TAIL:]
            response["LogResult"] = base64.b64encode(tail).decode()
        return response

    @staticmethod
    def _check(payload: bytes, kind: str) -> None:
        if kind == "Event" and len(payload) > ASYNC_LIMIT:
            raise errors.too_large_event(ASYNC_LIMIT, len(payload))
        if len(payload) > SYNC_LIMIT:
            raise errors.too_large(SYNC_LIMIT, len(payload))
        if payload:
            try:
                json.loads(payload)
            except ValueError as error:
                raise errors.not_json(f"{error}") from error

    def invoke_async(self, params: Params, caller: Caller) -> Response:
        """The older asynchronous call."""
        function, what = self._service.find(params, caller)
        payload = _bytes(params["InvokeArgs"])
        self._check(payload, "Event")
        self._service.events.accept(function, what.qualifier, payload or b"{}", caller.actor)
        return {"Status": 202}

    # For other services.

    def start(
        self,
        function: Function,
        version: Version,
        arn: str,
        payload: bytes,
        actor: str,
        done: Done,
        *,
        request_id: str = "",
        context: dict[str, Any] | None = None,
        trace: str = "",
    ) -> Task:
        """Start an invocation; ``done`` gets its outcome. Raises TooManyRequestsException."""
        runner = self._service.runner
        try:
            runner.admit(function)
        except ServiceError:
            self._world.meters.add(function.arn, "Throttles")
            raise
        identifier = request_id or self._world.ids.uuid()
        invocation = Invocation(function, version, arn, identifier, payload, actor, done, context, trace)
        return runner.start(invocation)

    def run(
        self,
        function: Function,
        version: Version,
        arn: str,
        payload: bytes,
        actor: str,
        context: dict[str, Any] | None = None,
    ) -> tuple[Invocation, Outcome]:
        """Invoke and wait: a task waits suspended, other code drives the world."""
        ended: list[tuple[Invocation, Outcome]] = []

        def done(invocation: Invocation, outcome: Outcome) -> None:
            ended.append((invocation, outcome))

        task = self.start(function, version, arn, payload, actor, done, context=context)
        self._world.scheduler.join(task)
        return ended[0]


def _bytes(value: Any) -> bytes:
    if value is None:
        return b""
    if isinstance(value, str):
        return value.encode()
    if hasattr(value, "read"):
        content: bytes = value.read()
        return content
    return bytes(value)


def _context(text: str | None) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        decoded = json.loads(base64.b64decode(text))
    except ValueError as error:
        raise errors.not_json(f"client context: {error}") from error
    return decoded if isinstance(decoded, dict) else None

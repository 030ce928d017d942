"""The embedded backend: moto keeps state, the fabric moves. No container, no socket, no clock but its own.

``EmbeddedBackend()`` makes a ``fabric.world.World``; while it is *active* every boto3 call of this
process goes to it (unless the client was given an endpoint). Backends may be nested: the latest
active one answers, and a client that another one made is refused meanwhile. Use it as a context manager.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import partial
from typing import Any

from stackproof.backends import lacking
from stackproof.backends.common import WorldBackend, whoami
from stackproof.backends.compat import (
    boto,
    clients,
    clocks,
    entropy,
    expressions,
    iam,
    lambdas,
    machine,
    presigned,
    signals,
    sockets,
    tables,
    threads,
    tokens,
    views,
    web,
    wire,
)
from stackproof.backends.compat import moto as motos
from stackproof.errors import CallNotEmulated, UsageError
from stackproof.fabric.service import Caller, Params, Response, ServiceError
from stackproof.fabric.tasks import current
from stackproof.fabric.world import World

_answering: list[EmbeddedBackend] = []
"""The active ones; the last one answers."""


class EmbeddedBackend(WorldBackend):
    """A world whose state is moto's.

    ``options`` are those of ``World``: seed, chooser, journal, account, region.
    """

    name = kind = "embedded"
    capabilities = frozenset(
        {
            "advance",
            "alarms",
            "custom-resources",
            "events",
            "firehose",
            "functions",
            "iot",
            "journal",
            "logs-subscriptions",
            "lambda-authorizers",
            "pipelines",
            "pipes",
            "run_until_idle",
            "schedules",
            "s3-notifications",
            "snapshot",
            "step",
            "streams",
        }
    )

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.world = World(**options, state=self)
        self._moto: Any = {}
        self._moto_seeded = False
        self._ends: list[Callable[[], None]] = []
        self._outer: Any = None
        self._account_of_call = ""
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._mutated = True
        self._last_copy: Any = None
        self.world.wire = wire.answer
        self.world.http.buckets = presigned
        self.world.http.keys = tokens.published
        self.world.signed = tokens.signed
        scheduler = self.world.scheduler
        scheduler.enter, scheduler.leave, scheduler.moved = views.enter, views.leave, clocks.moved

    # Life.

    def activate(self) -> EmbeddedBackend:
        """Make this the backend that answers."""
        if self._ends:
            return self
        for module in (clocks, entropy, machine, threads, signals, clients):
            module.install()
        motos.quiet()
        tables.install()
        expressions.install()
        iam.install()
        entropy.register(self.world.scheduler, self.world.ids)
        self._outer = motos.take_out()
        motos.put_in(self._moto)
        if not self._moto_seeded:
            motos.seed(self.world.seed)
            self._moto_seeded = True
        self._ends = [
            sockets.guard(self.note_refusal),
            boto.activate(self._answer, self._send),
            web.activate(self.world.http),
            presigned.activate(self.world),
            lambdas.activate(self.world),
            self.environment(),
            _fewer_collections(),
        ]
        _answering.append(self)
        return self

    def deactivate(self) -> None:
        """Let the backend that was active before answer again; this one keeps its state.

        Raises ``UsageError`` while a backend that was activated later still answers.
        """
        if not self._ends:
            return
        if _answering[-1] is not self:
            raise UsageError(
                "another embedded backend was activated after this one and still answers",
                hint="deactivate (or close) the later one first",
            )
        _answering.pop()
        self.wanted()
        while self._ends:
            self._ends.pop()()
        self._moto = motos.take_out()
        motos.put_in(self._outer)
        entropy.unregister(self.world.scheduler)

    def close(self) -> None:
        """Kill what still runs and forget everything."""
        try:
            self.end_tasks()
            self.world.close()
        finally:  # whatever stands in the way: the next test must not meet this world
            self.deactivate()
            self._moto = {}

    def __enter__(self) -> EmbeddedBackend:
        return self.activate()

    def __exit__(self, *exc: object) -> None:
        self.close()

    def client(self, service: str, *, region: str = "", account: str = "") -> Any:
        """A boto3 client of this world, and of no other: refused while another backend answers.

        It is shared by all who ask for it, so do not register event handlers on it.
        """
        key = (service, region or self.world.region, account or self.world.account)
        found = self._clients.get(key)
        if found is None:
            found = self._clients[key] = boto.owned(clients.client(*key), self._refuse_elsewhere)
        return found

    def _refuse_elsewhere(self) -> None:
        """Raise ``UsageError`` when a client of this backend is used while it does not answer."""
        if _answering and _answering[-1] is self:
            return
        why = "while another one answers" if _answering else "that is not active"
        raise UsageError(
            f"this client belongs to an embedded backend (seed {self.world.seed}) {why}",
            hint="activate its backend, or use a client of the one that is active",
        )

    # The road of every API call.

    def _answer(
        self, client: Any, operation: str, params: dict[str, Any], original: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        task = current()
        if task is not None and task.scheduler is not self.world.scheduler:
            raise UsageError(
                f"{task.name} belongs to another embedded backend than the one that answers now",
                hint="drive a world only while its backend is the one that was activated last",
            )
        service = client.meta.service_model.service_name
        caller = self.caller_of(client)
        if operation == "GetCallerIdentity" and _as_itself(client, caller):
            original = partial(whoami, caller)
        elif not self._fast(service, operation) and not self.world.owns(service, operation):
            whole = lacking.named(client, operation, original)
            try:
                return self.world.call(
                    service, operation, params, caller, lambda p, c: self._by_moto(whole, c)
                )
            except CallNotEmulated as error:
                self.note_missing(error, caller)
                raise
            except ServiceError as error:  # a guard's: moto's own errors are botocore's already
                plan, _, context = boto.prepared(client, operation, params)
                parsed = boto.error_response(client, error, self.world.ids.uuid())
                return boto.answered(client, plan, context, parsed)
        plan, params, context = boto.prepared(client, operation, params, self.world.ids.uuid)
        try:
            response = self.world.call(
                service, operation, params, caller, partial(self._fast_call, original, operation)
            )
        except ServiceError as error:
            parsed = boto.error_response(client, error, self.world.ids.uuid())
            return boto.answered(client, plan, context, parsed)
        if "ResponseMetadata" in response:
            return response
        response["ResponseMetadata"] = boto.metadata(self.world.ids.uuid(), plan.status(response), plan.kind)
        return boto.answered(client, plan, context, response)

    @staticmethod
    def _fast(service: str, operation: str) -> bool:
        return service == "dynamodb" and operation in motos.DYNAMO_OPERATIONS

    def _fast_call(
        self, original: Callable[[], Response], operation: str, params: Params, caller: Caller
    ) -> Response:
        """What the fabric does not own: DynamoDB's data straight into moto, and who calls."""
        if operation not in motos.DYNAMO_OPERATIONS:
            return original()
        self._mutated = True
        if operation == "PutItem" and motos.put(params, caller.account, caller.region):
            return {}
        with clocks.virtual(self.world.clock):
            try:
                response = motos.dynamo(operation, params, caller.account, caller.region)
            except motos.DynamoRefused:
                tables.changes.clear()
                return self._by_moto(original, caller)
            if tables.changes:
                self._tell_streams(caller)
            return response

    def _by_moto(self, original: Callable[[], Response], caller: Caller) -> Response:
        before, self._account_of_call = self._account_of_call, caller.account
        self._mutated = True
        try:
            with clocks.virtual(self.world.clock):
                response = original()
            if tables.changes:
                self._tell_streams(caller)
            return response
        finally:
            self._account_of_call = before
            tables.changes.clear()

    def _tell_streams(self, caller: Caller) -> None:
        """What the call changed in tables that have a stream goes into their streams."""
        changes = tables.taken()
        self.world.service("dynamodbstreams").changed(changes, caller)
        self.world.service("dynamodb").destinations.changed(changes, caller)

    def _send(self, request: Any) -> Any:
        double = self.world.http.find(request.url)
        if double is not None:
            return web.aws_answer(request)
        return motos.respond(request, self._account_of_call or self.world.account)

    # ``fabric.service.State``.

    def call(self, service: str, operation: str, params: Params, caller: Caller) -> Response:
        """A call of the fabric itself into moto; raises ``ServiceError``."""

        def perform(original: Callable[[], Response], caller: Caller) -> Response:
            if self._fast(service, operation):
                return self._fast_call(original, operation, params, caller)
            return self._by_moto(original, caller)

        return self.asked(service, operation, params, caller, perform)

    def follow(self, table: str, on: bool, caller: Caller) -> None:
        """See ``State``."""
        self._mutated = True
        tables.follow(caller.account, caller.region, table, on)

    def snapshot(self) -> Any:
        """A data-only copy of moto, reused while nothing was called since."""
        if self._mutated or self._last_copy is None:
            self._last_copy = motos.copied()
            self._mutated = False
        return self._last_copy

    def restore(self, state: Any) -> None:
        """Put a copy back."""
        if self._mutated or state is not self._last_copy:
            motos.put_copy(state)
        self._last_copy, self._mutated = state, False


def _as_itself(client: Any, caller: Caller) -> bool:
    """Whether the session of a role asks STS with its own credentials who it is."""
    own: bool = client.meta.service_model.service_name == "sts" and boto.access_key(client) == caller.account
    return own and ":assumed-role/" in caller.arn


def _fewer_collections() -> Callable[[], None]:
    """Let the cyclic collector look less often while a world grows: what it holds is alive anyway.

    With the usual thresholds each full collection walks every message and journal entry, and a message
    costs the more the deeper the queue is.
    """
    before = gc.get_threshold()
    gc.set_threshold(200_000, 1_000, 1_000)
    return lambda: gc.set_threshold(*before)

"""A world: the clock, the scheduler, the journal, the services, and the state behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stackproof.fabric import arns, registry
from stackproof.fabric.choice import Chooser
from stackproof.fabric.clock import EPOCH_MS, Clock
from stackproof.fabric.http import Http, Request
from stackproof.fabric.http import Response as HttpResponse
from stackproof.fabric.ids import Ids
from stackproof.fabric.journal import Journal
from stackproof.fabric.meters import Meters
from stackproof.fabric.scheduler import HORIZON, Idle, Scheduler
from stackproof.fabric.service import (
    Around,
    Caller,
    Delivery,
    Operation,
    Params,
    Receiver,
    Response,
    Service,
    ServiceError,
    State,
    Undeliverable,
)
from stackproof.fabric.tasks import Task, current

ACCOUNT = "123456789012"
REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A world at one moment; restore it as often as you like."""

    scheduler: Any
    ids: Any
    journal: Any
    services: dict[str, Any]
    state: Any
    http: Any
    guards: Any
    meters: Any


class World:
    """See the module's text.

    ``journal`` is ``full`` or ``counts``; ``state`` answers the operations that the fabric does not own.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        chooser: Chooser | None = None,
        journal: str = "full",
        account: str = ACCOUNT,
        region: str = REGION,
        start_ms: int = EPOCH_MS,
        state: State | None = None,
    ) -> None:
        self.seed = seed
        self.account = account
        self.region = region
        self.clock = Clock(start_ms)
        self.scheduler = Scheduler(self.clock, chooser)
        self.ids = Ids(seed)
        self.journal = Journal(self.clock, journal)
        self.meters = Meters(self.clock)
        self.scheduler.on_overrun = self._overran
        self.state = state
        self.receivers: dict[str, Receiver] = {}
        self.guards: list[Callable[[str, str, Params, Caller], None]] = []
        """Called before each API call (service, operation, params, caller); raise to refuse or to inject."""
        self.http = Http(self)
        self.wire: Callable[[Request], HttpResponse] | None = None
        """Answers a running task's AWS call that comes as an HTTP request; None: nobody can."""
        self.signed: Callable[[str, Mapping[str, Any] | None], dict[str, Any] | None] | None = None
        """The claims of a token signed with a key set (None: that of the user pools); None: nobody knows."""
        self._services: dict[str, Service] = {}

    # Services.

    def service(self, name: str) -> Any:
        """The instance of a fabric service, made when first asked for; KeyError when there is none."""
        found = self._services.get(name)
        if found is None:
            found = self._services[name] = registry.factory(name)(self)
        return found

    def _found(self, name: str) -> Service | None:
        """A service of the fabric; None when it has none of this name."""
        found = self._services.get(name)
        if found is None and name in registry.names():
            found = self.service(name)
        return found

    def owns(self, service: str, operation: str) -> bool:
        """Whether the fabric answers this operation itself."""
        found = self._found(service)
        return found is not None and operation in found.operations

    def caller(self, account: str = "", region: str = "", **facts: Any) -> Caller:
        """A caller; by default the test itself in the world's account and region."""
        account = account or self.account
        facts.setdefault("arn", f"arn:{arns.partition(region or self.region)}:iam::{account}:user/stackproof")
        return Caller(account, region or self.region, **facts)

    def call(
        self,
        service: str,
        operation: str,
        params: Params,
        caller: Caller,
        perform: Operation | None = None,
    ) -> Response:
        """One API call as anybody makes it: suspension points, guards, the service, the journal.

        ``perform`` does what the fabric does not own (by default ``state.call``). Raises
        ``ServiceError`` (or what ``perform`` raises); the response has no ``ResponseMetadata``
        unless ``perform`` gave one.
        """
        task = current()
        verb = f"{service}.{operation}"
        if task is not None:
            self.scheduler.pause(task, f"before {verb}")
        try:
            for guard in self.guards:
                guard(service, operation, params, caller)
            response = self._method(service, operation, perform)(params, caller)
        except Exception as error:
            self.journal.record(caller.actor, verb, target_of(params), params, f"error {error}")
            if service == "dynamodb" and isinstance(error, ServiceError):
                self.meters.refused(operation, params, caller, error)
            if task is not None:
                self.scheduler.pause(task, f"after {verb}")
            raise
        shown = _shown(response) if self.journal.full else ""
        self.journal.record(caller.actor, verb, target_of(params), params, shown)
        if task is not None:
            self.scheduler.pause(task, f"after {verb}")
        return response

    def _method(self, service: str, operation: str, perform: Operation | None) -> Operation:
        found = self._found(service)
        if found is not None:
            method = found.operations.get(operation)
            if method is not None:
                return method
            around: Around | None = getattr(found, "around", {}).get(operation)
            if around is not None:
                inner = self._by_state(service, operation, perform)
                return lambda params, caller: around(params, caller, inner)
        return self._by_state(service, operation, perform)

    def _by_state(self, service: str, operation: str, perform: Operation | None) -> Operation:
        if perform is not None:
            return perform
        state = self.state
        if state is None:
            raise ServiceError("NotImplemented", f"{service}.{operation} is not emulated", status=501)
        return lambda params, caller: state.call(service, operation, params, caller)

    # Deliveries between resources.

    def deliver(self, arn: str, delivery: Delivery, done: Callable[[Exception | None], None]) -> None:
        """Hand a delivery to the resource's receiver; ``done`` learns how it went."""
        parsed = arns.parse(arn)
        kind = parsed.service if parsed else ""
        if kind not in self.receivers and kind in registry.names():
            self.service(kind)
        receiver = self.receivers.get(kind)
        if receiver is None:
            done(Undeliverable(f"nothing in this world takes deliveries for {arn}"))
            return
        receiver.deliver(arn, delivery, done)

    # Driving: see ``Scheduler``.

    def step(self) -> bool:
        """One piece of work; False when idle."""
        return self.scheduler.step()

    def run_until_idle(self, *, horizon: float = HORIZON) -> Idle:
        """Until nothing more can happen that is bound to come."""
        return self.scheduler.run_until_idle(horizon=horizon)

    def advance(self, seconds: float) -> Idle:
        """Let virtual time pass."""
        return self.scheduler.advance(seconds)

    def _overran(self, task: Task, seconds: float) -> None:
        """Real time was the cause: the journal says so, as the timeout that follows is like any other."""
        detail = {"realSeconds": seconds, "what": "never yielded: cut, and taken for an endless loop"}
        self.journal.record(task.root.name, "task.RealTimeLimit", task.name, detail)

    def close(self) -> None:
        """The end of the world: services let go of what they hold of the machine (folders, workers)."""
        for service in self._services.values():
            end = getattr(service, "close", None)
            if end is not None:
                end()

    # Snapshots.

    def snapshot(self) -> Snapshot:
        """The world as it is. ``UsageError`` while a task is open.

        Warm execution environments come back as they were. One that holds what cannot be captured (an open
        file, a socket, a thread, a worker process) is cold after ``restore``; ``lambda.Cold`` in the journal
        names the object and why.
        """
        return Snapshot(
            self.scheduler.snapshot(),
            self.ids.snapshot(),
            self.journal.snapshot(),
            {name: service.snapshot() for name, service in self._services.items()},
            self.state.snapshot() if self.state is not None else None,
            self.http.snapshot(),
            tuple(self.guards),
            self.meters.snapshot(),
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Back to a snapshot of this world. Open tasks are killed; services made since then forget all."""
        self.scheduler.restore(snapshot.scheduler)
        self.ids.restore(snapshot.ids)
        self.journal.restore(snapshot.journal)
        self.http.restore(snapshot.http)
        self.guards[:] = snapshot.guards
        self.meters.restore(snapshot.meters)
        for name in [name for name in self._services if name not in snapshot.services]:
            self._services.pop(name)
            self.receivers.pop(name, None)
        for name, state in snapshot.services.items():
            self._services[name].restore(state)
        if self.state is not None:
            self.state.restore(snapshot.state)


_TARGET_KEYS = (
    "QueueUrl", "TopicArn", "TargetArn", "TableName", "FunctionName", "StreamName", "Bucket", "EventBusName",
    "QueueName", "Name", "SubscriptionArn", "ResourceArn", "logGroupName", "RoleName", "SecretId", "KeyId",
)  # fmt: skip


def _shown(response: Response) -> Response:
    if "ResponseMetadata" not in response:
        return response
    return {key: value for key, value in response.items() if key != "ResponseMetadata"}


def target_of(params: Params) -> str:
    """The short name of what a call is about, for the journal."""
    for key in _TARGET_KEYS:
        value = params.get(key)
        if isinstance(value, str):
            return arns.last(value)
    return ""

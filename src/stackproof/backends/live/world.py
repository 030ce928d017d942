"""A world whose queues, topics and tables are at an endpoint, and whose functions run here."""

from __future__ import annotations

from typing import Any

from stackproof.backends.compat.clocks import wait
from stackproof.backends.live.clock import WallClock
from stackproof.backends.live.logs import LiveLogs
from stackproof.backends.live.passing import PassedThrough
from stackproof.backends.live.queues import LiveQueues
from stackproof.backends.live.streams import LiveKinesis, LiveStreams, LiveTableStreams
from stackproof.backends.live.topics import LiveTopics
from stackproof.backends.servers.capabilities import capabilities_of
from stackproof.errors import BackendError, CapabilityMissing
from stackproof.fabric import registry
from stackproof.fabric.journal import Journal
from stackproof.fabric.scheduler import Idle, Scheduler
from stackproof.fabric.world import Snapshot, World

PATIENCE = 60.0
"""Seconds that ``run_until_idle`` waits unless told otherwise."""
_INTERVAL = 0.03
_OURS = ("lambda", "apigateway")
"""Services that move things here: functions run in this process, and requests to APIs reach them."""
_STREAMS: dict[str, type[LiveStreams]] = {"kinesis": LiveKinesis, "dynamodbstreams": LiveTableStreams}


class LiveWorld(World):
    """``kind`` names the endpoint's software. With ``functions`` the endpoint itself runs Lambda.

    ``settle``: seconds without movement after which nothing is under way inside the endpoint.
    """

    def __init__(self, kind: str, *, settle: float, functions: bool = False, **options: Any) -> None:
        journal = options.get("journal", "full")
        super().__init__(**options)
        self.kind = kind
        self.settle = settle
        self.native = functions
        self.clock = WallClock()
        self.scheduler = Scheduler(self.clock, options.get("chooser"))
        self.journal = Journal(self.clock, journal)

    def service(self, name: str) -> Any:
        """Functions and APIs are the fabric's own; queues and topics are reached at the endpoint."""
        found = self._services.get(name)
        if found is None:
            found = self._services[name] = self._make(name)
        return found

    def _make(self, name: str) -> Any:
        if name == "sqs":
            return LiveQueues(self)
        if self.native:
            return PassedThrough(name)
        if name == "sns":
            return LiveTopics(self)
        if name == "logs":
            return LiveLogs(self)
        if name in _STREAMS:
            return _STREAMS[name](self)
        if name in _OURS:
            return registry.factory(name)(self)
        return PassedThrough(name)

    # Driving, in real time.

    def run_until_idle(self, *, horizon: float = 0, timeout: float = PATIENCE) -> Idle:
        """Poll the endpoint until its watched queues are empty and nothing runs or waits here.

        ``timeout``: seconds of real time; ``horizon`` means nothing here. Raises ``CapabilityMissing`` when a
        timer is due only after that (time cannot be moved here), ``BackendError`` when work is left.
        """
        start = self.clock.now
        quiet, steps = start, 0
        while True:
            done = self.scheduler.advance(0)
            steps += done.steps
            left = self._left(done)
            now = self.clock.now
            if left or done.steps:
                quiet = now
                self._refuse_late_timers(start + timeout)
            elif now - quiet >= self.settle:
                return Idle(steps, now - start)
            if left and now > start + timeout:
                raise BackendError(f"not idle after {timeout:g} s: " + "; ".join(left))
            if not done.steps:
                wait(_INTERVAL)

    def _left(self, done: Idle) -> list[str]:
        tasks = [task.name for task in self.scheduler.open_tasks.values() if not task.daemon]
        streams = [found for found in self._services.values() if isinstance(found, LiveStreams)]
        left = [text for found in streams for text in found.poll()]
        return [*self.service("sqs").poll(), *left, *tasks, *done.pending]

    def _refuse_late_timers(self, deadline: float) -> None:
        """Only when nothing else is left to do: what waits may be woken by what still runs."""
        if self.scheduler.open_tasks or self.service("sqs").busy:
            return
        due = self.scheduler.next_driving()
        if due is not None and due[0] / 1000 > deadline:
            late = due[0] / 1000 - self.clock.now
            self._refuse("advance", f"'{due[1]}' is due in {late:.0f} s, which must pass in real time")

    def _refuse(self, capability: str, what: str) -> None:
        reason = capabilities_of(self.kind).missing.get(capability, "")
        raise CapabilityMissing(f"{self.kind} has no {capability}: {what}; {reason}".rstrip("; "))

    def advance(self, seconds: float) -> Idle:
        """Not here. Raises ``CapabilityMissing``."""
        self._refuse("advance", f"{seconds:g} s would have to pass in real time")
        return Idle(0, 0)

    def step(self) -> bool:
        """Not here. Raises ``CapabilityMissing``."""
        self._refuse("step", "the endpoint moves by itself")
        return False

    def snapshot(self) -> Snapshot:
        """Not here. Raises ``CapabilityMissing``."""
        self._refuse("snapshot", "the endpoint's state cannot be copied")
        return super().snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        """Not here. Raises ``CapabilityMissing``."""
        self._refuse("snapshot", "the endpoint's state cannot be put back")

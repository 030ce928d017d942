"""What polls a pipe's source: the pollers of Lambda's event source mappings, with the pipe as the function.

Batches, windows, filters, visibility, retries, bisecting and dead-letter queues are those of the mappings;
only what happens with a batch differs. The engine is to a poller what ``functions`` and ``mappings`` are
in Lambda.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.functions.invocation import Done, Invocation, Outcome
from stackproof.fabric.functions.model import LATEST, Code, Function, Version
from stackproof.fabric.mappings import sources
from stackproof.fabric.mappings.discarded import Destination
from stackproof.fabric.mappings.lanes import Batch
from stackproof.fabric.mappings.model import EventSourceMapping, Source
from stackproof.fabric.mappings.service import parse_filters
from stackproof.fabric.mappings.stream import StreamSource
from stackproof.fabric.pipes.model import STREAMS, Pipe
from stackproof.fabric.pipes.running import Running
from stackproof.fabric.service import Caller, Params, ServiceError
from stackproof.fabric.tasks import Task

if TYPE_CHECKING:
    from stackproof.fabric.pipes.service import PipesService

_KEPT = (
    "MaximumRecordAgeInSeconds", "MaximumRetryAttempts", "ParallelizationFactor", "StartingPosition",
    "StartingPositionTimestamp",
)  # fmt: skip


class Engine:
    """``table`` and ``functions`` are kept by the poller's id and the pipe's ARN."""

    def __init__(self, pipes: PipesService) -> None:
        self.world = pipes.world
        self._pipes = pipes
        self._running = Running(pipes.world)
        self.service = self
        self.invoking = Invoker(self)
        self.table: dict[str, EventSourceMapping] = {}
        self.functions: dict[str, Function] = {}
        self._sources: dict[str, Source] = {}

    # Pipes.

    def check(self, params: Params, caller: Caller) -> None:
        """Raise ServiceError when the source does not take these settings."""
        arn = params["Source"]
        source = self._source(arn)
        if source is None:
            raise ServiceError("ValidationException", f"Source {arn} is not supported.")
        given = _settings(params.get("SourceParameters") or {})
        try:
            source.check({**given, "EventSourceArn": arn}, 0, caller)
            parse_filters(given)
        except ServiceError as error:
            raise ServiceError("ValidationException", error.message) from error

    def _source(self, arn: str) -> Source | None:
        parsed = arns.parse(arn)
        kind = parsed.service if parsed else ""
        if kind not in self._sources:
            made = sources.make(kind, self)
            if made is None:
                return None
            if isinstance(made, StreamSource):
                made.working.destination = _DeadLetters(self.world)
            self._sources[kind] = made
        return self._sources[kind]

    def place(self, pipe: Pipe) -> None:
        """Take the starting position: LATEST is what comes after this call."""
        source = self._source(pipe.source)
        assert source is not None  # the pipe was checked
        source.place(self._polled(pipe, source))

    def start(self, pipe: Pipe) -> None:
        """Poll from now on."""
        source = self._source(pipe.source)
        assert source is not None  # the pipe was checked
        mapping = self._polled(pipe, source)
        self.table[pipe.mapping] = mapping
        version = Version(pipe.arn, LATEST, {"Role": pipe.role, "Timeout": 300}, Code(None, "", 0))
        self.functions[pipe.arn] = Function(pipe.arn, pipe.name, pipe.account, pipe.region, version)
        source.start(mapping)

    @staticmethod
    def _polled(pipe: Pipe, source: Source) -> EventSourceMapping:
        """The pipe's source as a poller knows it."""
        given = _settings(pipe.parameters("SourceParameters"))
        filters, patterns = parse_filters(given)
        return EventSourceMapping(
            pipe.mapping, pipe.arn, pipe.source, pipe.arn, "", pipe.account, pipe.region, pipe.modified,
            given.get("BatchSize") or source.batch_size, given.get("MaximumBatchingWindowInSeconds") or 0,
            reports=("ReportBatchItemFailures",), filters=filters, patterns=patterns,
            given={name: given[name] for name in (*_KEPT, "DestinationConfig", "BisectBatchOnFunctionError")
                   if given.get(name) is not None},
        )  # fmt: skip

    def stop(self, pipe: Pipe, *, forget: bool = False) -> None:
        """Poll no more; what is in flight comes to its end. ``forget``: also where it stood."""
        mapping = self.table.get(pipe.mapping)
        if mapping is None:
            return
        if forget:
            del self.table[pipe.mapping]
        else:
            self.table[pipe.mapping] = replace(mapping, enabled=False)
        source = self._source(pipe.source)
        assert source is not None  # it was started
        source.stop(mapping)

    # What a poller asks of Lambda.

    def resolve(self, function: Function, qualifier: str) -> Version:
        """The version behind a qualifier: a pipe has one."""
        return function.latest

    def start_batch(self, invocation: Invocation) -> Task:
        """Run a batch in a task of its own."""
        pipe = self._pipes.pipes[invocation.function.arn]
        records = json.loads(invocation.payload)["Records"]
        task = Task(
            self.world.scheduler,
            f"pipe {pipe.name}",
            partial(self._running.run, pipe, records),
            kind="process",
            identity=self._running.identity(pipe),
            on_done=partial(self._over, invocation, len(records)),
        )
        self.world.journal.record(pipe.name, "pipes.Run", arns.last(pipe.target), {"events": len(records)})
        return self.world.scheduler.spawn(task)

    def _over(self, invocation: Invocation, count: int, task: Task) -> None:
        error = task.error
        if error is not None and not isinstance(error, ServiceError) and task.state == "done":
            raise error
        if error is not None or task.state == "killed":
            name = invocation.function.name
            self.world.journal.record(name, "pipes.BatchFailed", name, {"events": count}, f"error {error}")
            invocation.done(invocation, Outcome(b"{}", "Unhandled"))
            return
        answer = {"batchItemFailures": [{"itemIdentifier": name} for name in task.result]}
        invocation.done(invocation, Outcome(json.dumps(answer).encode()))

    # Snapshots.

    def snapshot(self) -> Any:
        """The pollers' places."""
        polled = {kind: source.snapshot() for kind, source in self._sources.items()}
        functions = {arn: function.clone() for arn, function in self.functions.items()}
        return dict(self.table), functions, polled

    def restore(self, state: Any) -> None:
        """Back to a snapshot, in place."""
        table, functions, polled = state
        self.table = dict(table)
        self.functions = {arn: function.clone() for arn, function in functions.items()}
        for kind in [kind for kind in self._sources if kind not in polled]:
            del self._sources[kind]
        for kind, kept in polled.items():
            self._sources[kind].restore(kept)


class Invoker:
    """``invoking`` as a poller knows it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def start(
        self,
        function: Function,
        version: Version,
        arn: str,
        payload: bytes,
        actor: str,
        done: Done,
        **more: Any,
    ) -> Task:
        """Hand a batch to the pipe; ``done`` gets its outcome."""
        name = self._engine.world.ids.uuid()
        return self._engine.start_batch(Invocation(function, version, arn, name, payload, actor, done))


class _DeadLetters(Destination):
    """Where a pipe's discarded records go: the document is that of a mapping but for what it says of the
    caller.
    """

    def send(
        self,
        mapping: EventSourceMapping,
        version: Version | None,
        found: dict[str, Any],
        batch: Batch,
        shard: str,
    ) -> None:
        """Deliver to the pipe's dead-letter queue or topic, if it has one."""
        context = {
            "partnerResourceArn": mapping.function,
            "condition": found["requestContext"]["condition"],
        }
        rest = {
            name: value for name, value in found.items() if name not in ("requestContext", "responseContext")
        }
        super().send(mapping, version, {"context": context, **rest}, batch, shard)


def _settings(parameters: Any) -> dict[str, Any]:
    """A pipe's SourceParameters as the settings of an event source mapping."""
    found: dict[str, Any] = {}
    for name, value in parameters.items():
        if name.endswith("Parameters"):
            found |= value
            if name in STREAMS:
                queue = (value.get("DeadLetterConfig") or {}).get("Arn")
                bisect = value.get("OnPartialBatchItemFailure") == "AUTOMATIC_BISECT"
                found["BisectBatchOnFunctionError"] = bisect
                found["DestinationConfig"] = {"OnFailure": {"Destination": queue} if queue else {}}
    if parameters.get("FilterCriteria"):
        found["FilterCriteria"] = parameters["FilterCriteria"]
    return found

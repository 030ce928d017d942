"""What functions log, on its way to CloudWatch Logs.

Lines are kept here and written to the ``logs`` service when somebody asks it for something: writing each
invocation through would cost more than the invocation. A group that somebody watches (a subscription or
metric filter) gets its lines as soon as the invocation ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from stackproof.fabric.functions import json_logs
from stackproof.fabric.functions.invocation import Invocation
from stackproof.fabric.functions.memory import used
from stackproof.fabric.logs.model import Place
from stackproof.fabric.service import Caller, Params, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.functions.service import LambdaService

TAIL = 4096
"""Bytes of log that ``LogType=Tail`` returns."""


class Logs:
    """``pending`` holds (account, region, group, stream, ms, text) of lines that are not written yet."""

    def __init__(self, service: LambdaService) -> None:
        self._world = service.world
        self.pending: list[tuple[str, str, str, str, int, str]] = []
        self._flushing = False
        self._due = False
        self._world.guards.append(self._before)

    def ended(self, invocation: Invocation, stream: str, environ: Mapping[str, str]) -> None:
        """Take the lines of an invocation that ended."""
        function = invocation.function
        group = environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        place = (function.account, function.region, group, stream)
        now = self._world.clock.ms
        pending = self.pending
        pending.append((*place, invocation.started_ms, _start(invocation)))
        for line in _lines(invocation.lines):
            self._world.meters.line(*place[:3], now, line)
            pending.append((*place, now, line))
        pending.extend((*place, now, line) for line in _end(invocation, now))
        if not self._due and self._world.service("logs").watched(Place(*place[:3])):
            self._due = True
            self._world.scheduler.soon(f"lines of {function.name}", self._written)

    def _written(self) -> None:
        self._due = False
        self.flush()

    def text(self, invocation: Invocation) -> str:
        """The whole log of an invocation that ended."""
        body = "".join(line if line.endswith("\n") else f"{line}\n" for line in _lines(invocation.lines))
        return _start(invocation) + body + "".join(_end(invocation, self._world.clock.ms))

    # To the service.

    def _before(self, service: str, operation: str, params: Params, caller: Caller) -> None:
        if service == "logs" and self.pending and not self._flushing:
            self._flushing = True
            try:
                self.flush()
            finally:
                self._flushing = False

    def restore(self, pending: Iterable[tuple[str, str, str, str, int, str]]) -> None:
        """Back to the lines of a snapshot."""
        self.pending = list(pending)
        self._due = False

    def flush(self) -> None:
        """Write what is pending."""
        state = self._world.state
        pending, self.pending = self.pending, []
        if state is None:
            return
        streams: dict[tuple[str, str, str, str], list[dict[str, Any]]] = {}
        for account, region, group, stream, ms, text in pending:
            streams.setdefault((account, region, group, stream), []).append(
                {"timestamp": ms, "message": text}
            )
        for (account, region, group, stream), events in streams.items():
            caller = self._world.caller(account, region, actor="lambda")
            self._ensure(group, stream, caller)
            for at in range(0, len(events), 1000):
                self._world.service("logs").ingest(
                    Place(account, region, group), stream, events[at : at + 1000], caller
                )

    def _ensure(self, group: str, stream: str, caller: Caller) -> None:
        state = self._world.state
        assert state is not None  # the caller has checked
        for operation, params in (
            ("CreateLogGroup", {"logGroupName": group}),
            ("CreateLogStream", {"logGroupName": group, "logStreamName": stream}),
        ):
            try:
                state.call("logs", operation, params, caller)
            except ServiceError as error:
                if error.code != "ResourceAlreadyExistsException":
                    raise


def _lines(parts: list[str]) -> list[str]:
    """Log events: each write of a logger is one; what ``print`` wrote is one a line."""
    if not parts:
        return []
    found: list[str] = []
    open_line = ""
    for part in parts:
        if part.endswith("\n") and not open_line and "\n" in part[:-1]:
            found.append(part)
            continue
        open_line += part
        if open_line.endswith("\n"):
            found.append(open_line)
            open_line = ""
    if open_line:
        found.append(open_line)
    return found


def _json(invocation: Invocation) -> bool:
    return bool(json_logs.settings(invocation.version.config))


def _start(invocation: Invocation) -> str:
    """What the platform writes first."""
    request, number = invocation.request_id, invocation.version.number
    if _json(invocation):
        return json_logs.event(invocation.started_ms, "start", {"requestId": request, "version": number})
    return f"START RequestId: {request} Version: {number}\n"


def _end(invocation: Invocation, now: int) -> tuple[str, ...]:
    """What the platform writes in the end."""
    request, duration = invocation.request_id, now - invocation.started_ms
    memory = invocation.version.config["MemorySize"]
    answer = invocation.outcome.payload if invocation.outcome is not None else b""
    taken = used(invocation, answer)
    if _json(invocation):
        metrics = {
            "durationMs": float(duration), "billedDurationMs": max(duration, 1), "memorySizeMB": memory,
            "maxMemoryUsedMB": taken, **({"initDurationMs": 0.0} if invocation.cold else {}),
        }  # fmt: skip
        failed = invocation.outcome is not None and invocation.outcome.error
        report = {"requestId": request, "metrics": metrics, "status": "error" if failed else "success"}
        return (json_logs.event(now, "report", report),)
    init = "\tInit Duration: 0.00 ms" if invocation.cold else ""
    report_line = (
        f"REPORT RequestId: {request}\tDuration: {duration:.2f} ms\t"
        f"Billed Duration: {max(duration, 1)} ms\tMemory Size: {memory} MB\t"
        f"Max Memory Used: {taken} MB{init}\t\n"
    )
    return f"END RequestId: {request}\n", report_line

"""Starts invocations: concurrency, execution environments, timeouts, the lines that Lambda itself logs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from stackproof.errors import CapabilityMissing
from stackproof.fabric.functions import errors, failures
from stackproof.fabric.functions.environment import Environment
from stackproof.fabric.functions.frozen import Cold, frozen, tell, thawed
from stackproof.fabric.functions.invocation import Invocation, Outcome
from stackproof.fabric.functions.model import Function, Version
from stackproof.fabric.functions.runtimes import runtime_of
from stackproof.fabric.tasks import Exited, Task

if TYPE_CHECKING:
    from stackproof.fabric.functions.service import LambdaService

ACCOUNT_CONCURRENCY = 1000
"""Concurrent executions of an account and region, unless raised (developer guide, "Lambda quotas")."""

Key = tuple[str, int]
_SILENT = "Runtime exited without providing a reason"
_NUMBER = re.compile(r"\d+")


class Runner:
    """``running`` counts open invocations by function; ``idle`` holds warm environments by version."""

    def __init__(self, service: LambdaService) -> None:
        self._service = service
        self._world = service.world
        self._idle: dict[Key, list[Environment]] = {}
        self.running: dict[str, int] = {}
        self.account_concurrency = ACCOUNT_CONCURRENCY

    # Concurrency.

    def admit(self, function: Function) -> None:
        """Raise TooManyRequestsException when nothing more of this function may run now."""
        running = self.running
        if function.reserved is not None:
            if running.get(function.arn, 0) >= function.reserved:
                raise errors.throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
            return
        if sum(running.values()) < self._floor:
            return
        place = (function.account, function.region)
        siblings = [f for f in self._service.functions.values() if (f.account, f.region) == place]
        reserved = sum(f.reserved for f in siblings if f.reserved is not None)
        used = sum(running.get(f.arn, 0) for f in siblings if f.reserved is None)
        if used >= self.account_concurrency - reserved:
            raise errors.throttled("ConcurrentInvocationLimitExceeded")

    @property
    def _floor(self) -> int:
        """The number of open invocations below which no account can be at its limit."""
        reserved = sum(f.reserved or 0 for f in self._service.functions.values())
        return self.account_concurrency - reserved

    # Starting and ending.

    def start(self, invocation: Invocation) -> Task:
        """Run an invocation as a task; its ``done`` gets the outcome. Admit it first."""
        world = self._world
        function, version = invocation.function, invocation.version
        environment = self._environment(version)
        invocation.started_ms = world.clock.ms
        invocation.concurrent = self.running[function.arn] = self.running.get(function.arn, 0) + 1
        invocation.cold = environment.uses == 0
        environment.uses += 1
        environment.current = invocation
        if world.journal.full:
            detail = {"requestId": invocation.request_id, "payload": _raw(invocation.payload)}
            world.journal.record(invocation.actor, "lambda.Run", function.name, detail)
        else:
            world.journal.record(invocation.actor, "lambda.Run", function.name)
        task = Task(
            world.scheduler,
            f"{function.name} {invocation.request_id[:8]}",
            lambda: environment.run(invocation),
            identity=environment.identity,
            on_done=lambda done: self._ended(invocation, environment, done, timer),
        )
        task.facts = environment.facts
        environment.task = task
        label = f"timeout of {task.name}"
        timer = world.scheduler.after(version.timeout_ms / 1000, label, self._time_out, invocation, task)
        return world.scheduler.spawn(task)

    def _environment(self, version: Version) -> Environment:
        key = (version.arn, version.serial)
        idle = self._idle.get(key)
        if idle and not self._world.scheduler.chooser.exploring:
            return idle.pop()
        if idle:
            choices: list[Environment | None] = [*reversed(idle), None]
            names = [environment.stream for environment in reversed(idle)]
            chosen = self._world.scheduler.choose("lambda.environment", choices, [*names, "new"])
            if chosen is not None:
                idle.remove(chosen)
                return chosen
        return self._fresh(version)

    def _fresh(self, version: Version) -> Environment:
        service = self._service
        day = self._world.clock.datetime()
        stream = f"{day:%Y/%m/%d}/[{version.number}]{self._world.ids.hex(32)}"
        roots: tuple[Path, ...] = service.code.roots(version)
        environment = Environment(self._world, version, roots, stream, read_only=service.read_only)
        environment.runtime = runtime_of(environment)
        return environment

    def _time_out(self, invocation: Invocation, task: Task) -> None:
        if not task.done:
            invocation.timed_out = True
            task.kill(f"timed out at {task.point}")

    def _ended(self, invocation: Invocation, environment: Environment, task: Task, timer: Any) -> None:
        timer.forget()
        function = invocation.function
        self.running[function.arn] -= 1
        if not self.running[function.arn]:
            del self.running[function.arn]
        outcome = self._outcome(invocation, task)
        invocation.outcome = outcome
        self._measure(invocation, outcome)
        environment.current = None
        current = function.version(invocation.version.number)
        if not outcome.discard and current is invocation.version:
            key = (invocation.version.arn, invocation.version.serial)
            self._idle.setdefault(key, []).append(environment)
        else:
            environment.close()
        self._threads_left(invocation, environment)
        self._service.logs.ended(invocation, environment.stream, environment.view.environ)
        shown: Any = _raw(outcome.payload) if self._world.journal.full else ""
        detail = {"requestId": invocation.request_id, "error": outcome.error} if outcome.error else None
        self._world.journal.record(function.name, "lambda.Return", invocation.actor, detail, shown)
        for observe in self._service.observers:
            observe(invocation)
        invocation.done(invocation, outcome)
        if isinstance(task.error, CapabilityMissing):
            # What is not emulated must not pass as an error of the function.
            raise task.error

    def _measure(self, invocation: Invocation, outcome: Outcome) -> None:
        """The metrics of an invocation, in the minute when it began; for its alias or version too."""
        began = invocation.started_ms
        readings = {
            "Invocations": 1, "Errors": int(bool(outcome.error)), "Throttles": 0,
            "Duration": self._world.clock.ms - began, "ConcurrentExecutions": invocation.concurrent,
        }  # fmt: skip
        for arn in {invocation.function.arn: None, invocation.arn: None}:
            self._world.meters.add_all(arn, readings, began)

    def _threads_left(self, invocation: Invocation, environment: Environment) -> None:
        """Say which threads outlive their invocation: on AWS they stand still until the next one, here they
        go on."""
        # Their numbers count all threads of the process: they would not be the same in the next run.
        left = [
            _NUMBER.sub("*", task.name.partition("/")[2])
            for task in self._world.scheduler.open_tasks.values()
            if task.kind == "thread" and task.facts is environment.facts and not task.done
        ]
        if left:
            detail = {"requestId": invocation.request_id, "threads": left}
            self._world.journal.record(invocation.function.name, "lambda.ThreadsLeft", "", detail)

    def _outcome(self, invocation: Invocation, task: Task) -> Outcome:
        if isinstance(task.result, Outcome):
            return task.result
        seconds = invocation.version.timeout_ms / 1000
        request = invocation.request_id
        if invocation.timed_out:
            invocation.lines.append(
                f"{self._world.clock.iso()} {request} Task timed out after {seconds:.2f} seconds\n\n"
            )
            message = f"RequestId: {request} Error: Task timed out after {seconds:.2f} seconds"
            payload = failures.bare(message, "Sandbox.Timedout")
        else:
            reason = task.error.reason if isinstance(task.error, Exited) else "signal: killed"
            how = f"Runtime exited with error: {reason}" if reason else _SILENT
            message = f"RequestId: {request} Error: {how}"
            invocation.lines.append(f"{message}\nRuntime.ExitError\n")
            payload = failures.bare(message, "Runtime.ExitError")
        return Outcome(payload, "Unhandled", exception=task.error, discard=True)

    # Life of environments.

    def forget(self, function: str) -> None:
        """Throw away the warm environments of a function: it changed or is gone."""
        for key in [key for key in self._idle if key[0].startswith(f"{function}:")]:
            for environment in self._idle.pop(key):
                environment.close()

    def cool(self) -> None:
        """Throw away every warm environment."""
        for environments in self._idle.values():
            for environment in environments:
                environment.close()
        self._idle.clear()

    def snapshot(self) -> Any:
        """Every warm environment as it is."""
        tasks = list(self._world.scheduler.open_tasks.values())
        return {
            key: tuple(frozen(environment, tasks) for environment in idle)
            for key, idle in self._idle.items()
            if idle
        }

    def restore(self, state: Any) -> None:
        """Back to a snapshot: nothing runs. What cannot be put back is cold, and the journal says why."""
        before = [environment for idle in self._idle.values() for environment in idle]
        self._idle.clear()
        self.running.clear()
        for key, kept in state.items():
            for one in kept:
                cold = one if isinstance(one, Cold) else thawed(one)
                if cold is None:
                    self._idle.setdefault(key, []).append(one.environment)
                else:
                    tell(self._world, cold)
        warm = {id(environment) for idle in self._idle.values() for environment in idle}
        for environment in before:
            if id(environment) not in warm:
                environment.close()


def _raw(payload: bytes) -> Any:
    return msgspec.Raw(payload) if payload else None


def is_json(payload: bytes) -> str:
    """Why a payload is no JSON; "" when it is."""
    try:
        json.loads(payload)
    except ValueError as error:
        return str(error)
    return ""

"""Message move tasks: from a dead-letter queue back to where the messages came from."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stackproof.fabric.service import Caller, Operation, Params, Response, ServiceError
from stackproof.fabric.sqs import errors
from stackproof.fabric.sqs.attributes import redrive_target
from stackproof.fabric.sqs.message import AVAILABLE
from stackproof.fabric.sqs.queue import Queue

if TYPE_CHECKING:
    from stackproof.fabric.sqs.service import SqsService

_FASTEST = 500


@dataclass(frozen=True, slots=True)
class MoveTask:
    """A move task; ``rate`` is messages a second."""

    id: str
    source: str
    destination: str
    rate: int
    started_ms: int
    to_move: int
    asked_rate: int = 0
    moved: int = 0
    status: str = "RUNNING"
    failure: str = ""

    @property
    def handle(self) -> str:
        """The task handle."""
        text = json.dumps({"taskId": self.id, "sourceArn": self.source}, separators=(",", ":"))
        return base64.b64encode(text.encode()).decode()


class Moving:
    """The operations of move tasks."""

    def __init__(self, service: SqsService) -> None:
        self._service = service
        self._tasks: dict[str, MoveTask] = {}
        self.operations: Mapping[str, Operation] = {
            "StartMessageMoveTask": self.start,
            "CancelMessageMoveTask": self.cancel,
            "ListMessageMoveTasks": self.list,
        }

    def start(self, params: Params, caller: Caller) -> Response:
        """Begin to move; one task at a time for each source."""
        source, destination = params["SourceArn"], params.get("DestinationArn", "")
        rate = params.get("MaxNumberOfMessagesPerSecond", 0)
        if rate and not 1 <= rate <= _FASTEST:
            reason = f"You must provide a value between 1 and {_FASTEST}."
            raise errors.invalid(rate, "MaxNumberOfMessagesPerSecond", reason)
        queue = self._existing(source)
        if destination:
            self._existing(destination)
        targets = (redrive_target(found.settings) for found in self._service.queues.values())
        if not any(target is not None and target[0] == source for target in targets):
            raise errors.invalid_value("Source queue must be configured as a Dead Letter Queue.")
        if any(task.source == source and task.status == "RUNNING" for task in self._tasks.values()):
            message = (
                "There is already a task running. Only one active task is allowed for a source queue arn "
                "at a given time."
            )
            raise errors.invalid_value(message)
        world = self._service.world
        task = MoveTask(
            world.ids.uuid(), source, destination, rate or _FASTEST, world.clock.ms, queue.visible, rate
        )
        self._tasks[task.id] = task
        world.scheduler.soon(f"move messages from {queue.name}", self._move, task.id)
        return {"TaskHandle": task.handle}

    def _existing(self, arn: str) -> Queue:
        queue = self._service.queue(arn)
        if queue is None:
            message = "The resource that you specified for the SourceArn parameter doesn't exist."
            code = "ResourceNotFoundException"
            raise ServiceError(code, message, status=404, query_code=code)
        return queue

    def _move(self, identifier: str) -> None:
        """Move what one second allows, then come again."""
        task = self._tasks[identifier]
        queue = self._service.queue(task.source)
        if task.status != "RUNNING":
            return
        if queue is None:
            self._tasks[identifier] = replace(
                task, status="FAILED", failure="AWS.SimpleQueueService.NonExistentQueue"
            )
            return
        left = max(0, min(task.rate, task.to_move - task.moved))
        moved = 0
        for message in list(queue.take(left, self._service.world.clock.ms, lambda found: found[0])):
            target = self._service.queue(task.destination or message.origin)
            if target is None:
                failure = "CouldNotDetermineMessageSource"
                self._tasks[identifier] = replace(
                    task, moved=task.moved + moved, status="FAILED", failure=failure
                )
                return
            queue.remove(message)
            twin = message.clone()
            target.number += 1
            twin.number, twin.state, twin.receives, twin.origin = target.number, AVAILABLE, 0, ""
            twin.first_received_ms, twin.sequence = 0, ""
            self._service.sending.put(target, twin, 0)
            moved += 1
        task = self._tasks[identifier] = replace(task, moved=task.moved + moved)
        if moved == 0 or task.moved >= task.to_move:
            self._tasks[identifier] = replace(task, status="COMPLETED")
        else:
            self._service.world.scheduler.after(1, f"move messages from {queue.name}", self._move, identifier)

    def cancel(self, params: Params, caller: Caller) -> Response:
        """Stop a running task."""
        for identifier, task in self._tasks.items():
            if task.handle == params["TaskHandle"]:
                if task.status != "RUNNING":
                    break
                self._tasks[identifier] = replace(task, status="CANCELLED")
                return {"ApproximateNumberOfMessagesMoved": task.moved}
        code = "ResourceNotFoundException"
        raise ServiceError(code, "Task does not exist.", status=404, query_code=code)

    def list(self, params: Params, caller: Caller) -> Response:
        """The latest tasks of a source, newest first."""
        source = params["SourceArn"]
        self._existing(source)
        tasks = [task for task in reversed(self._tasks.values()) if task.source == source]
        return {"Results": [_shown(task) for task in tasks[: params.get("MaxResults", 1)]]}

    def snapshot(self) -> Any:
        """The tasks."""
        return dict(self._tasks)

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        self._tasks = dict(state)


def _shown(task: MoveTask) -> Response:
    shown: Response = {
        "Status": task.status,
        "SourceArn": task.source,
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.to_move,
        "StartedTimestamp": task.started_ms,
    }
    if task.status == "RUNNING":
        shown["TaskHandle"] = task.handle
    if task.destination:
        shown["DestinationArn"] = task.destination
    if task.asked_rate:
        shown["MaxNumberOfMessagesPerSecond"] = task.asked_rate
    if task.failure:
        shown["FailureReason"] = task.failure
    return shown

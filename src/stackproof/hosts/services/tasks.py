"""What the agent of Amazon ECS does: runs the tasks that services want, each in a namespace of its own.

A task is a process of this machine with the environment of its task definition; its container's image is not
run, its command is given. As on AWS a new task becomes a target once it listens, and a task that leaves stops
being a target first, has time to finish what it has begun, and then gets SIGTERM (ECS developer guide, "Task
lifecycle").
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stackproof.errors import BackendError, UsageError

if TYPE_CHECKING:
    from stackproof.hosts.netns.built import BuiltNetwork

Clients = Callable[[str], Any]


@dataclass(slots=True)
class Task:
    """A running task: its node in the network and the group that it is a target of."""

    node: str
    process: subprocess.Popen[bytes]
    group: str
    address: str
    port: int


@dataclass(slots=True)
class Tasks:
    """The tasks of services. ``clients`` gives boto3 clients, ``changed`` is called when targets changed.

    ``drain`` is the time in seconds between leaving the target group and SIGTERM.
    """

    network: BuiltNetwork
    clients: Clients
    command: Sequence[str]
    changed: Callable[[], Any] = lambda: None
    drain: float = 1.0
    running: dict[str, list[Task]] = field(default_factory=dict)

    def settle(self, cluster: str, services: dict[str, str]) -> None:
        """Start and stop tasks until each service has as many as it wants.

        ``services`` maps logical ids (nodes are ``<logical id>-1`` …) to ARNs.
        """
        for logical_id, arn in services.items():
            (told,) = self.clients("ecs").describe_services(cluster=cluster, services=[arn])["services"]
            own = self.running.setdefault(logical_id, [])
            while len(own) > int(told["desiredCount"]):
                self._stop(own.pop())
            free = [node for node in self._nodes(logical_id) if node not in {one.node for one in own}]
            missing = [self._start(node, told) for node in free[: int(told["desiredCount"]) - len(own)]]
            for task in missing:
                self._register(task)
                own.append(task)
        self.changed()

    def forget_dead(self) -> None:
        """Tasks that ended by themselves are no targets any more; ``settle`` starts others."""
        for own in self.running.values():
            for task in [one for one in own if one.process.poll() is not None]:
                own.remove(task)
                target = {"Id": task.address, "Port": task.port}
                self.clients("elbv2").deregister_targets(TargetGroupArn=task.group, Targets=[target])
        self.changed()

    def stop(self) -> None:
        """Stop all."""
        for own in self.running.values():
            while own:
                self._end(own.pop())

    def _nodes(self, logical_id: str) -> list[str]:
        """The nodes that the network has for the tasks of a service."""
        return [name for name in self.network.nodes if name.rpartition("-")[0] == logical_id]

    def _start(self, name: str, service: dict[str, Any]) -> Task:
        definition = self.clients("ecs").describe_task_definition(taskDefinition=service["taskDefinition"])
        balancers: list[dict[str, Any]] = service.get("loadBalancers") or []
        if len(balancers) != 1:
            raise UsageError(f"{name} is behind {len(balancers)} target groups; one is followed")
        containers = definition["taskDefinition"]["containerDefinitions"]
        (container,) = [one for one in containers if one["name"] == balancers[0]["containerName"]]
        settings = [f"{one['name']}={one['value']}" for one in container.get("environment", ())]
        node = self.network.node(name)
        process = self.network.start(node.name, ["env", f"HOST={node.name}", *settings, *self.command])
        port = int(balancers[0]["containerPort"])
        return Task(node.name, process, str(balancers[0]["targetGroupArn"]), node.address, port)

    def _register(self, task: Task) -> None:
        self.network.wait(task.node, f"tcp/{task.port}", process=task.process)
        target = {"Id": task.address, "Port": task.port}
        self.clients("elbv2").register_targets(TargetGroupArn=task.group, Targets=[target])

    def _stop(self, task: Task) -> None:
        target = {"Id": task.address, "Port": task.port}
        self.clients("elbv2").deregister_targets(TargetGroupArn=task.group, Targets=[target])
        self.changed()
        time.sleep(self.drain)
        self._end(task)

    @staticmethod
    def _end(task: Task) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(task.process.pid, signal.SIGTERM)
        try:
            task.process.wait(20)
        except subprocess.TimeoutExpired as error:
            raise BackendError(f"the task on {task.node} did not finish within 20 s of SIGTERM") from error

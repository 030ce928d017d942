"""An application load balancer: haproxy in the load balancer's namespace, following what the ELBv2 API says.

``follow`` reads listeners and targets and changes the running haproxy by its runtime API (haproxy management
guide, "Unix Socket commands"): a listener that forwards to another group does so from the next request on, on
connections that stand as well, and no request that was begun is cut, which is how AWS describes a change of a
listener. What a listener does beyond forwarding to one group is refused loudly. One difference stays: with no
healthy target haproxy answers 503, an application load balancer tries them all and answers 502 or 504.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackproof.errors import BackendError, CapabilityMissing
from stackproof.hosts.services import need

if TYPE_CHECKING:
    from stackproof.hosts.netns.built import BuiltNetwork

SLOTS = 16
"""Targets that a group may have at once."""
_PATIENCE = 60.0
_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Group:
    """A target group: its name for haproxy, the path of its health check, its targets as (address, port)."""

    name: str
    health: str
    targets: frozenset[tuple[str, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class State:
    """What the API says of one load balancer: group by port, and every group that is known, by ARN."""

    ports: Mapping[int, str]
    groups: Mapping[str, Group] = field(default_factory=dict)


def read(elbv2: Any, balancer: str, groups: Sequence[str] = ()) -> State:
    """The state of the load balancer with that ARN; ``groups`` are read even if no listener uses them now.

    Raises ``CapabilityMissing`` for a listener with rules, or one that does not forward to one group.
    """
    ports: dict[int, str] = {}
    for listener in elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"]:
        rules = elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
        if any(not one["IsDefault"] for one in rules):
            raise CapabilityMissing(f"rules of the listener on port {listener['Port']} are not followed")
        ports[int(listener["Port"])] = _only_group(listener)
    found = {arn: _group(elbv2, arn) for arn in sorted({*ports.values(), *groups})}
    return State(ports, found)


def _only_group(listener: Mapping[str, Any]) -> str:
    actions = listener["DefaultActions"]
    if [one["Type"] for one in actions] == ["forward"] and actions[0].get("TargetGroupArn"):
        return str(actions[0]["TargetGroupArn"])
    kinds = ", ".join(one["Type"] for one in actions)
    raise CapabilityMissing(f"the listener on port {listener['Port']} does not forward to one group: {kinds}")


def _group(elbv2: Any, arn: str) -> Group:
    (told,) = elbv2.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
    health = elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    targets = {
        (str(one["Target"]["Id"]), int(one["Target"]["Port"]))
        for one in health
        if one["TargetHealth"]["State"] not in {"draining", "unused"}
    }
    return Group(str(told["TargetGroupName"]), str(told.get("HealthCheckPath", "/")), frozenset(targets))


def configuration(state: State, folder: Path) -> str:
    """The haproxy.cfg of a state. Targets come by the runtime API: a group has ``SLOTS`` empty places.

    Nothing is tried twice or elsewhere: what a target loses is lost to the client, too.
    """
    lines = [
        "global",
        f"  stats socket {folder / 'admin.sock'} mode 600 level admin",
        "  maxconn 4000",
        "defaults",
        "  mode http",
        "  balance roundrobin",
        "  retries 0",
        "  timeout connect 2s",
        "  timeout client 30s",
        "  timeout server 30s",
        "  timeout http-request 10s",
    ]
    for port in sorted(state.ports):
        lines += [
            f"frontend port{port}",
            f"  bind 0.0.0.0:{port}",
            f"  use_backend %[str({port}),map({folder / 'routes.map'})]",
        ]
    for one in state.groups.values():
        lines += [
            f"backend {one.name}",
            f"  option httpchk GET {one.health}",
            "  default-server check inter 300ms fall 2 rise 1",
            f"  server-template s 1-{SLOTS} 127.0.0.1:9 disabled",
        ]
    return "\n".join(lines) + "\n"


class Balancer:
    """The load balancer ``arn`` as a haproxy in the namespace of ``node``.

    ``elbv2`` is a boto3 client. ``groups`` are the ARNs of all target groups that its listeners may ever
    forward to. Raises ``BackendError`` when haproxy does not start.
    """

    def __init__(
        self, network: BuiltNetwork, node: str, elbv2: Any, arn: str, groups: Sequence[str] = ()
    ) -> None:
        need("haproxy")
        self._elbv2, self._arn = elbv2, arn
        self._groups = tuple(groups)
        self._folder = network.session.scratch("balancer")
        self._slots: dict[str, dict[tuple[str, int], int]] = {}
        self._ports: dict[int, str] = {}
        state = read(elbv2, arn, groups)
        self._known = dict(state.groups)
        (self._folder / "haproxy.cfg").write_text(configuration(state, self._folder), encoding="utf-8")
        (self._folder / "routes.map").write_text(
            "".join(f"{port} {state.groups[group].name}\n" for port, group in state.ports.items()),
            encoding="utf-8",
        )
        self._ports = {port: state.groups[group].name for port, group in state.ports.items()}
        command = ["haproxy", "-db", "-q", "-f", str(self._folder / "haproxy.cfg")]
        self.process = network.start(node, command, ready=f"tcp/{min(state.ports)}")
        self.follow()

    def follow(self) -> State:
        """Do what the API says now; returns it."""
        state = read(self._elbv2, self._arn, self._groups)
        if set(state.ports) != set(self._ports) or not set(state.groups) <= set(self._known):
            raise CapabilityMissing("listeners or groups came or went: only what they do is followed")
        for group in state.groups.values():
            self._settle(group)
        for port, arn in state.ports.items():
            name = state.groups[arn].name
            if self._ports[port] != name:
                self.say(f"set map {self._folder / 'routes.map'} {port} {name}")
                self._ports[port] = name
        return state

    def _settle(self, group: Group) -> None:
        """Give new targets a place; those that left finish what they have begun."""
        slots = self._slots.setdefault(group.name, {})
        for target in sorted(set(slots) - group.targets):
            self.say(f"set server {group.name}/s{slots.pop(target)} state drain")
        for address, port in sorted(group.targets - set(slots)):
            free = next(number for number in range(1, SLOTS + 1) if number not in slots.values())
            place = f"{group.name}/s{free}"
            slots[(address, port)] = free
            self.say(f"set server {place} state maint")
            self.say(f"set server {place} addr {address} port {port}")
            self.say(f"set server {place} state ready")

    def wait_until_healthy(self) -> None:
        """Until every target has passed a health check. ``BackendError`` names those that have not."""
        end = time.monotonic() + _PATIENCE
        while waiting := [name for name, up in self.health().items() if not up]:
            if time.monotonic() > end:
                raise BackendError(f"targets are not healthy: {', '.join(waiting)}")
            time.sleep(0.05)

    def health(self) -> dict[str, bool]:
        """Whether each target (``group address:port``) passes its checks, as haproxy sees it."""
        rows = [line.split(",") for line in self.say("show stat").splitlines() if line]
        at = {name.lstrip("# "): number for number, name in enumerate(rows[0])}
        states = {(row[at["pxname"]], row[at["svname"]]): row for row in rows[1:]}
        return {
            f"{group} {address}:{port}": _passed(states[(group, f"s{slot}")], at)
            for group, slots in self._slots.items()
            for (address, port), slot in slots.items()
        }

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it, with every connection."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)
        self.process.wait(10)

    def say(self, command: str) -> str:
        """One command of the runtime API. Raises ``BackendError`` when haproxy is gone or refuses it."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
                stream.settimeout(_SECONDS)
                stream.connect(str(self._folder / "admin.sock"))
                stream.sendall(f"{command}\n".encode())
                answer = b"".join(iter(lambda: stream.recv(65536), b"")).decode()
        except OSError as error:
            raise BackendError(f"haproxy does not take '{command}': {error}") from error
        # Commands that change something say nothing, or what they changed.
        if command.startswith("set ") and any(word in answer for word in ("nknown", "nvalid", "rror")):
            raise BackendError(f"haproxy refuses '{command}': {answer.strip()}")
        return answer


def _passed(row: Sequence[str], at: Mapping[str, int]) -> bool:
    return row[at["status"]].startswith("UP") and row[at["check_status"]].startswith("L7OK")

"""Hosts of a deployed stack: ``stack://<stack>/<logical id>``, as many as there are when they are asked for.

Forms: ``stack://web/Server`` (an instance), ``stack://web/Group`` (an Auto Scaling group: its members in
service), ``stack://web?output=Name`` (an output that holds an instance id or an address) and
``stack://web?tag=Role=web`` (the stack's running instances with that tag).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs, urlsplit

from stackproof.errors import BackendError, ConfigError, StackproofError, UsageError
from stackproof.hosts.model import Connection, HostEntry, Inventory

if TYPE_CHECKING:
    from stackproof.deploy.stack import Stack

Clients = Callable[[str], Any]
"""A boto3 client by its service's name."""

FORMS = "stack://NAME/LOGICAL_ID, stack://NAME?output=KEY or stack://NAME?tag=KEY=VALUE"
_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")
_STACK_TAG = "tag:aws:cloudformation:stack-name"


class NotThere(BackendError):
    """There is no such stack, or no such resource of it: that is known, whoever was asked has answered."""


class Stacks(Protocol):
    """What is asked of deployed stacks. ``BackendError`` other than ``NotThere`` is: that is not known."""

    def resource(self, stack: str, logical_id: str) -> tuple[str, str]:
        """Type and physical id of a resource. Raises ``NotThere`` when there is none."""
        ...

    def outputs(self, stack: str) -> Mapping[str, str]:
        """The outputs by name. Raises ``NotThere`` when there is no such stack."""
        ...

    def invented(self, stack: str) -> frozenset[str]:
        """Logical ids of what a backend does not emulate: no service knows it, its values are made up."""
        ...


@dataclass(frozen=True, slots=True)
class ApiStacks:
    """Asks CloudFormation."""

    clients: Clients

    def resource(self, stack: str, logical_id: str) -> tuple[str, str]:
        """By DescribeStackResource."""
        answer = _asked(
            lambda: self.clients("cloudformation").describe_stack_resource(
                StackName=stack, LogicalResourceId=logical_id
            )
        )
        detail = answer["StackResourceDetail"]
        return str(detail["ResourceType"]), str(detail.get("PhysicalResourceId", ""))

    def outputs(self, stack: str) -> Mapping[str, str]:
        """By DescribeStacks."""
        answer = _asked(lambda: self.clients("cloudformation").describe_stacks(StackName=stack))
        return {one["OutputKey"]: str(one["OutputValue"]) for one in answer["Stacks"][0].get("Outputs", [])}

    def invented(self, stack: str) -> frozenset[str]:
        """AWS makes nothing up."""
        return frozenset()


@dataclass(frozen=True, slots=True)
class DeployedStacks:
    """Asks stacks that this process deployed."""

    stacks: Mapping[str, Stack]

    def resource(self, stack: str, logical_id: str) -> tuple[str, str]:
        """From the stack's own account of its resources."""
        found = self._stack(stack).resources.get(logical_id)
        if found is None:
            raise NotThere(f"stack {stack} has no resource '{logical_id}'")
        return found.type, found.physical_id

    def outputs(self, stack: str) -> Mapping[str, str]:
        """From the stack."""
        return {name: str(value) for name, value in self._stack(stack).outputs.items()}

    def invented(self, stack: str) -> frozenset[str]:
        """What the backend that deployed does not emulate."""
        found = self._stack(stack).resources.items()
        return frozenset(name for name, one in found if str(one.verdict.level) == "not emulated")

    def _stack(self, name: str) -> Stack:
        if name not in self.stacks:
            raise NotThere(f"there is no stack '{name}'")
        return self.stacks[name]


def expand(
    inventory: Inventory, stacks: Stacks, clients: Clients
) -> tuple[Inventory, dict[str, StackproofError]]:
    """The inventory with the hosts of stacks in place of their lines.

    A line of which nobody can tell the hosts stays as it is; why, stands under its name in the second value.
    """
    hosts: list[HostEntry] = []
    unknown: dict[str, StackproofError] = {}
    for entry in inventory.hosts:
        if not entry.url.startswith("stack://"):
            hosts.append(entry)
            continue
        try:
            hosts += resolve(entry, stacks, clients)
        except (BackendError, UsageError) as error:
            hosts.append(entry)
            unknown[entry.name] = error
    return replace(inventory, hosts=tuple(hosts)), unknown


def malformed(url: str) -> bool:
    """Whether a URL is of none of the forms."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    one = bool(parts.path.strip("/")) + len(query) == 1
    return not (parts.netloc and one and not set(query) - {"output", "tag"})


def resolve(entry: HostEntry, stacks: Stacks, clients: Clients) -> list[HostEntry]:
    """The hosts that one line of an inventory means, by instance id, in the order of their ids.

    They are reached by ssh at their private address when the line has ssh settings, else by Systems Manager.
    """
    url = urlsplit(entry.url)
    query = parse_qs(url.query)
    stack, logical_id = url.netloc, url.path.strip("/")
    if malformed(entry.url):
        at = entry.location
        message = f"'{entry.url}' names no host of a stack"
        raise ConfigError(message, file=at.file, line=at.line, column=at.column, hint=FORMS)
    if "output" in query:
        return _of_output(entry, stack, query["output"][0], stacks, clients)
    ids = (
        _of_tag(stack, query["tag"][0], clients)
        if "tag" in query
        else _members(stack, logical_id, stacks, clients)
    )
    if not ids:
        raise BackendError(f"{entry.url} of host '{entry.name}' has no instance that runs")
    return [_host(entry, one, clients) for one in sorted(ids)]


def clients_of(connection: Connection) -> Clients:
    """boto3 clients for an inventory's connection, each made once."""
    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in made:
            import boto3

            session: Any = boto3.Session(
                profile_name=connection.profile or None, region_name=connection.region or None
            )
            made[service] = session.client(service, endpoint_url=connection.endpoint or None)
        return made[service]

    return client


def _members(stack: str, logical_id: str, stacks: Stacks, clients: Clients) -> list[str]:
    kind, physical_id = stacks.resource(stack, logical_id)
    if kind == "AWS::EC2::Instance":
        return [physical_id]
    if kind != "AWS::AutoScaling::AutoScalingGroup":
        what = f"{logical_id} of stack {stack} is {kind}"
        raise UsageError(what, hint="hosts are instances and Auto Scaling groups; use ?output= or ?tag=")
    answer = _asked(
        lambda: clients("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[physical_id])
    )
    groups = answer["AutoScalingGroups"]
    members = groups[0]["Instances"] if groups else []
    return [str(one["InstanceId"]) for one in members if one["LifecycleState"] == "InService"]


def _of_tag(stack: str, tag: str, clients: Clients) -> list[str]:
    key, _, value = tag.partition("=")
    filters = [
        {"Name": _STACK_TAG, "Values": [stack]},
        {"Name": f"tag:{key}", "Values": [value]},
        {"Name": "instance-state-name", "Values": ["running"]},
    ]
    pages = _asked(lambda: list(clients("ec2").get_paginator("describe_instances").paginate(Filters=filters)))
    return [
        str(instance["InstanceId"])
        for page in pages
        for reservation in page["Reservations"]
        for instance in reservation["Instances"]
    ]


def _of_output(entry: HostEntry, stack: str, name: str, stacks: Stacks, clients: Clients) -> list[HostEntry]:
    outputs = stacks.outputs(stack)
    if name not in outputs:
        known = ", ".join(outputs) or "none"
        raise BackendError(f"stack {stack} has no output '{name}'; there are: {known}")
    value = outputs[name]
    if _INSTANCE.fullmatch(value):
        return [_host(entry, value, clients)]
    address = urlsplit(value).hostname if "://" in value else value
    return [replace(entry, url=f"ssh://{address}")]


def _host(entry: HostEntry, instance: str, clients: Clients) -> HostEntry:
    url = f"aws-ssm://{instance}"
    if entry.ssh.user or entry.ssh.config or entry.ssh.identity:
        answer = _asked(lambda: clients("ec2").describe_instances(InstanceIds=[instance]))
        url = f"ssh://{answer['Reservations'][0]['Instances'][0]['PrivateIpAddress']}"
    return replace(entry, name=f"{entry.name}-{instance}", url=url)


def _asked(call: Callable[[], Any]) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call()
    except (BotoCoreError, ClientError, ValueError) as error:  # ValueError: an endpoint that is no URL
        if isinstance(error, ClientError) and "does not exist" in error.response["Error"].get("Message", ""):
            raise NotThere(str(error)) from error
        hint = "check region, credentials and endpoint"
        raise BackendError(f"AWS cannot be asked for a stack: {error}", hint=hint) from error

"""Operations on buses and their policies."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stackproof.fabric.events import access, errors
from stackproof.fabric.events.model import DEFAULT, Bus, bus_arn, moment
from stackproof.fabric.events.pages import page
from stackproof.fabric.service import Caller, Operation, Params, Response

if TYPE_CHECKING:
    from stackproof.fabric.events.service import EventsService

_NAME = re.compile(r"[/.\-_A-Za-z0-9]{1,256}")
_KEPT = ("Description", "KmsKeyIdentifier", "DeadLetterConfig", "LogConfig")


class Buses:
    """The default bus of an account and region is there from the start."""

    def __init__(self, service: EventsService) -> None:
        self._service = service
        self.operations: Mapping[str, Operation] = {
            "CreateEventBus": self.create,
            "UpdateEventBus": self.update,
            "DeleteEventBus": self.delete,
            "DescribeEventBus": self.describe,
            "ListEventBuses": self.list,
            "PutPermission": self.put_permission,
            "RemovePermission": self.remove_permission,
        }

    def create(self, params: Params, caller: Caller) -> Response:
        """A custom bus. Partner event sources are refused: nobody sends on them here."""
        name = params["Name"]
        if not _NAME.fullmatch(name):
            rule = r"Member must satisfy regular expression pattern: [/\.\-_A-Za-z0-9]+"
            raise errors.constraint(name, "name", rule)
        if params.get("EventSourceName"):
            raise errors.not_found(f"Event source {params['EventSourceName']} does not exist.")
        if name.startswith("aws.") or "/" in name:
            raise errors.validation("Event bus name must not contain '/'.")
        arn = bus_arn(name, caller)
        if name == DEFAULT or arn in self._service.buses:
            raise errors.exists("Event bus", name)
        now = self._service.world.clock.now
        self._service.buses[arn] = Bus(name, arn, now, now, given=_kept(params))
        self._service.tags.set(arn, params.get("Tags"))
        return {"EventBusArn": arn, **_kept(params)}

    def update(self, params: Params, caller: Caller) -> Response:
        """Description, key, dead-letter queue and logging, which are kept and shown."""
        bus = self._service.bus(params.get("Name") or DEFAULT, caller)
        changed = replace(bus, given={**bus.given, **_kept(params)}, modified=self._service.world.clock.now)
        self._service.buses[bus.arn] = changed
        return {"Arn": bus.arn, "Name": bus.name, **changed.given}

    def delete(self, params: Params, caller: Caller) -> Response:
        """A bus goes when it has no rules; one that is not there is no error."""
        name = params["Name"]
        arn = bus_arn(name, caller)
        if name == DEFAULT or arn.endswith(f"event-bus/{DEFAULT}"):
            raise errors.validation("Cannot delete event bus default.")
        if any(rule.bus == arn and not rule.managed_by for rule in self._service.rules.values()):
            raise errors.validation("Event bus can't be deleted since it has rules.")
        if self._service.buses.pop(arn, None) is not None:
            self._service.archives.orphan(arn)
            self._service.tags.forget(arn)
        return {}

    def describe(self, params: Params, caller: Caller) -> Response:
        """One bus."""
        return self._shown(self._service.bus(params.get("Name") or DEFAULT, caller))

    def list(self, params: Params, caller: Caller) -> Response:
        """The buses of the account and region, by name."""
        self._service.bus(DEFAULT, caller)
        prefix = bus_arn(params.get("NamePrefix") or "x", caller)
        prefix = prefix[:-1] if not params.get("NamePrefix") else prefix
        found = [bus for arn, bus in sorted(self._service.buses.items()) if arn.startswith(prefix)]
        return page([self._shown(bus) for bus in found], params, "EventBuses")

    def _shown(self, bus: Bus) -> Response:
        shown: dict[str, Any] = {"Name": bus.name, "Arn": bus.arn, **bus.given}
        if bus.policy:
            shown["Policy"] = bus.policy
        return {**shown, "CreationTime": moment(bus.created), "LastModifiedTime": moment(bus.modified)}

    # Policies.

    def put_permission(self, params: Params, caller: Caller) -> Response:
        """A whole policy, or one statement for one account."""
        bus = self._service.bus(params.get("EventBusName") or DEFAULT, caller)
        if params.get("Policy"):
            policy = access.checked(params["Policy"])
        else:
            if not (params.get("StatementId") and params.get("Action") and params.get("Principal")):
                raise errors.validation("Parameter(s) Action, Principal and StatementId must be specified.")
            policy = json.loads(bus.policy) if bus.policy else {"Version": "2012-10-17", "Statement": []}
            others = [one for one in policy["Statement"] if one.get("Sid") != params["StatementId"]]
            policy["Statement"] = [*others, access.statement(params, bus.arn)]
        self._service.buses[bus.arn] = replace(bus, policy=json.dumps(policy, separators=(",", ":")))
        return {}

    def remove_permission(self, params: Params, caller: Caller) -> Response:
        """One statement, or all."""
        bus = self._service.bus(params.get("EventBusName") or DEFAULT, caller)
        if params.get("RemoveAllPermissions"):
            self._service.buses[bus.arn] = replace(bus, policy="")
            return {}
        if not bus.policy:
            raise errors.not_found("EventBus does not have a policy.")
        policy = json.loads(bus.policy)
        kept = [one for one in policy["Statement"] if one.get("Sid") != params.get("StatementId")]
        if len(kept) == len(policy["Statement"]):
            raise errors.not_found("Statement with the provided id does not exist.")
        policy["Statement"] = kept
        text = json.dumps(policy, separators=(",", ":")) if kept else ""
        self._service.buses[bus.arn] = replace(bus, policy=text)
        return {}


def _kept(params: Params) -> dict[str, Any]:
    return {name: params[name] for name in _KEPT if params.get(name)}

"""Operations on the targets of rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.events import errors, inputs
from stackproof.fabric.events.model import DEFAULT, Rule
from stackproof.fabric.events.pages import page
from stackproof.fabric.service import Caller, Operation, Params, Response

if TYPE_CHECKING:
    from stackproof.fabric.events.service import EventsService

MOST_TARGETS = 5
"""Targets of a rule."""
_ID = re.compile(r"[.\-_A-Za-z0-9]+")
_NEED_ROLE = ("kinesis", "states", "ecs", "firehose", "codepipeline", "codebuild")


class Targets:
    """A failed entry does not stop the others."""

    def __init__(self, service: EventsService) -> None:
        self._service = service
        self.operations: Mapping[str, Operation] = {
            "PutTargets": self.put,
            "RemoveTargets": self.remove,
            "ListTargetsByRule": self.list,
            "ListRuleNamesByTarget": self.rules,
        }

    def put(self, params: Params, caller: Caller) -> Response:
        """Add targets, or replace those with the same id."""
        rule = self._service.rule(params["Rule"], params.get("EventBusName"), caller)
        if rule.managed_by and not caller.service:
            raise errors.managed(rule.name)
        for index, target in enumerate(params["Targets"], 1):
            self._check(target, index)
        merged = {**rule.targets, **{target["Id"]: target for target in params["Targets"]}}
        if len(merged) > MOST_TARGETS:
            raise errors.limit()
        self._service.put_rule(replace(rule, targets=merged))
        return {"FailedEntryCount": 0, "FailedEntries": []}

    @staticmethod
    def _check(target: Mapping[str, Any], index: int) -> None:
        name, arn = target["Id"], target["Arn"]
        where = f"targets.{index}.member.id"
        if len(name) > 64:
            raise errors.constraint(name, where, "Member must have length less than or equal to 64")
        if not _ID.fullmatch(name):
            raise errors.constraint(
                name, where, r"Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+"
            )
        parsed = arns.parse(arn)
        if parsed is None:
            reason = "Reason: Provided Arn is not in correct format."
            raise errors.validation(f"Parameter {arn} is not valid. {reason}")
        if parsed.service == "sqs" and arn.endswith(".fifo") and not target.get("SqsParameters"):
            raise errors.validation(f"Parameter(s) SqsParameters must be specified for target: {name}.")
        calls = parsed.service == "events" and parsed.resource.startswith("api-destination/")
        if (calls or parsed.service in _NEED_ROLE) and not target.get("RoleArn"):
            raise errors.validation(f"RoleArn is required for target {arn}.")
        inputs.check(target)

    def remove(self, params: Params, caller: Caller) -> Response:
        """Take targets away; one that is not there is a failed entry."""
        rule = self._service.rule(params["Rule"], params.get("EventBusName"), caller)
        if rule.managed_by and not params.get("Force"):
            raise errors.managed(rule.name)
        failed = [
            {
                "TargetId": name,
                "ErrorCode": "ResourceNotFoundException",
                "ErrorMessage": f"Rule {rule.name} does not have a target with the Id {name}.",
            }
            for name in params["Ids"]
            if name not in rule.targets
        ]
        kept = {name: target for name, target in rule.targets.items() if name not in params["Ids"]}
        self._service.put_rule(replace(rule, targets=kept))
        return {"FailedEntryCount": len(failed), "FailedEntries": failed}

    def list(self, params: Params, caller: Caller) -> Response:
        """The targets of a rule."""
        rule = self._service.rule(params["Rule"], params.get("EventBusName"), caller)
        return page([dict(target) for target in rule.targets.values()], params, "Targets")

    def rules(self, params: Params, caller: Caller) -> Response:
        """The rules of a bus that have a resource as their target."""
        bus = self._service.bus(params.get("EventBusName") or DEFAULT, caller)
        wanted = params["TargetArn"]
        names = sorted(rule.name for rule in self._service.of_bus(bus.arn) if _aims(rule, wanted))
        return page(names, params, "RuleNames")


def _aims(rule: Rule, arn: str) -> bool:
    return any(target["Arn"] == arn for target in rule.targets.values())

"""Topic rules and their operations. Source: API reference of AWS IoT, CreateTopicRule and its kin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.iot import errors, evaluate, sql
from stackproof.fabric.iot.sql import Statement
from stackproof.fabric.iot.topics import is_filter
from stackproof.fabric.service import Caller, Operation, Params, Response

if TYPE_CHECKING:
    from stackproof.fabric.iot.service import IotService

_NAME = re.compile(r"[a-zA-Z0-9_]{1,128}")


@dataclass(frozen=True, slots=True)
class Rule:
    """A topic rule; ``payload`` is what it was made with."""

    account: str
    region: str
    name: str
    payload: Mapping[str, Any]
    statement: Statement
    enabled: bool
    made_ms: int

    @property
    def key(self) -> tuple[str, str, str]:
        """Its place in the table."""
        return self.account, self.region, self.name

    @property
    def arn(self) -> str:
        """The ARN."""
        return arns.arn("iot", self.region, self.account, f"rule/{self.name}")

    @property
    def actions(self) -> tuple[Mapping[str, Any], ...]:
        """What it does."""
        return tuple(self.payload.get("actions") or ())

    @property
    def error_action(self) -> Mapping[str, Any]:
        """What it does when that fails; empty for nothing."""
        found: Mapping[str, Any] = self.payload.get("errorAction") or {}
        return found


class Rules:
    """``table`` holds rules by (account, region, name)."""

    def __init__(self, service: IotService) -> None:
        self._service = service
        self._world = service.world
        self.table: dict[tuple[str, str, str], Rule] = {}
        self.operations: Mapping[str, Operation] = {
            "CreateTopicRule": self.create,
            "ReplaceTopicRule": self.replace,
            "GetTopicRule": self.get,
            "ListTopicRules": self.list,
            "DeleteTopicRule": self.delete,
            "EnableTopicRule": self.enable,
            "DisableTopicRule": self.disable,
        }

    def of(self, place: Caller) -> list[Rule]:
        """The rules of an account and region."""
        return [rule for key, rule in self.table.items() if key[:2] == (place.account, place.region)]

    def create(self, params: Params, caller: Caller) -> Response:
        """A new rule."""
        key = (caller.account, caller.region, params["ruleName"])
        if key in self.table:
            raise errors.exists(f"Rule already exists with same name : {params['ruleName']}")
        return self.put(params, caller)

    def replace(self, params: Params, caller: Caller) -> Response:
        """Another rule of the same name."""
        self._found(params, caller)
        return self.put(params, caller)

    def put(self, params: Params, caller: Caller) -> Response:
        """A rule as given. Raises SqlParseException, and NotImplemented for what is not emulated."""
        name, payload = params["ruleName"], params["topicRulePayload"]
        if not _NAME.fullmatch(name):
            raise errors.invalid(
                f"1 validation error detected: Value '{name}' at 'ruleName' failed to satisfy constraint: "
                "Member must satisfy regular expression pattern: ^[a-zA-Z0-9_]+$"
            )
        key = (caller.account, caller.region, name)
        version = payload.get("awsIotSqlVersion") or "2015-10-08"
        if version not in ("2015-10-08", "2016-03-23", "beta"):
            raise errors.sql(f"{version} is no version of the SQL")
        statement = _statement(payload["sql"])
        error = payload.get("errorAction")
        for action in [*payload["actions"], *([error] if error else [])]:
            self._service.actions.check(action)
        enabled = not payload.get("ruleDisabled")
        self.table[key] = Rule(*key, dict(payload), statement, enabled, self._world.clock.ms)
        return {}

    def _found(self, params: Params, caller: Caller) -> Rule:
        rule = self.table.get((caller.account, caller.region, params["ruleName"]))
        if rule is None:
            arn = arns.arn("iot", caller.region, caller.account, f"rule/{params['ruleName']}")
            raise errors.unauthorized(f"Access to topic rule '{arn}' was denied")
        return rule

    def get(self, params: Params, caller: Caller) -> Response:
        """The rule as it was put."""
        rule = self._found(params, caller)
        shown = {
            "description": "", "awsIotSqlVersion": "2015-10-08", **rule.payload, "ruleName": rule.name,
            "createdAt": datetime.fromtimestamp(rule.made_ms / 1000, UTC), "ruleDisabled": not rule.enabled,
        }  # fmt: skip
        return {"ruleArn": rule.arn, "rule": shown}

    def list(self, params: Params, caller: Caller) -> Response:
        """All rules, or those for a topic filter."""
        found = [
            {
                "ruleArn": rule.arn, "ruleName": rule.name, "topicPattern": rule.statement.source,
                "createdAt": datetime.fromtimestamp(rule.made_ms / 1000, UTC),
                "ruleDisabled": not rule.enabled,
            }
            for rule in self.of(caller)
            if params.get("topic") in (None, rule.statement.source)
            and params.get("ruleDisabled") in (None, not rule.enabled)
        ]  # fmt: skip
        return {"rules": found}

    def delete(self, params: Params, caller: Caller) -> Response:
        """Deleting what is not there is no error."""
        self.table.pop((caller.account, caller.region, params["ruleName"]), None)
        return {}

    def enable(self, params: Params, caller: Caller) -> Response:
        """Let it run."""
        rule = self._found(params, caller)
        self.table[rule.key] = replace(rule, enabled=True)
        return {}

    def disable(self, params: Params, caller: Caller) -> Response:
        """Let it rest."""
        rule = self._found(params, caller)
        self.table[rule.key] = replace(rule, enabled=False)
        return {}


def _statement(text: str) -> Statement:
    try:
        found = sql.parse(text)
        for node in [*(field for field, _ in found.fields), *([found.where] if found.where else [])]:
            evaluate.check(node)
    except sql.Malformed as error:
        raise errors.sql(f"{error} in: {text}") from error
    except sql.Beyond as error:
        raise errors.not_emulated(f"{error} in a rule's SQL") from error
    if found.source and not is_filter(found.source):
        raise errors.sql(f"{found.source} is no topic filter")
    return found

"""Resource policies of buses: who of another account may put events.

Looked at are principals, actions, and conditions on the keys that EventBridge documents for PutEvents
(``events:source``, ``events:detail-type``, ``events:eventBusInvocation``, ``aws:SourceArn``,
``aws:SourceAccount``). A condition on another key (an organisation) is not satisfied: a world knows none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from stackproof.fabric import arns
from stackproof.fabric.events import errors
from stackproof.fabric.events.model import Bus
from stackproof.fabric.service import Caller, Params


def checked(text: str) -> dict[str, Any]:
    """A policy document. Raises ValidationException when it is none."""
    try:
        policy = json.loads(text)
        statements = policy["Statement"]
    except (ValueError, KeyError, TypeError) as error:
        raise errors.validation("Policy is not a valid JSON policy document.") from error
    policy["Statement"] = statements if isinstance(statements, list) else [statements]
    return dict(policy)


def statement(params: Params, bus: str) -> dict[str, Any]:
    """The statement of PutPermission's older form: one account, or everybody."""
    principal = params["Principal"]
    parsed = arns.parse(bus)
    partition = parsed.partition if parsed else "aws"
    shown: Any = "*" if principal == "*" else {"AWS": f"arn:{partition}:iam::{principal}:root"}
    found = {
        "Sid": params["StatementId"], "Effect": "Allow", "Principal": shown, "Action": params["Action"],
        "Resource": bus,
    }  # fmt: skip
    condition = params.get("Condition")
    if condition:
        found["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    return found


def allowed(bus: Bus, caller: Caller, facts: Mapping[str, str]) -> bool:
    """Whether ``caller`` may put an event; ``facts`` are the values of condition keys."""
    parsed = arns.parse(bus.arn)
    own = parsed is not None and parsed.account == caller.account
    effects = {
        one.get("Effect")
        for one in (json.loads(bus.policy)["Statement"] if bus.policy else ())
        if _speaks_of(one, caller) and _holds(one.get("Condition") or {}, facts)
    }
    return "Deny" not in effects and (own or "Allow" in effects)


def _speaks_of(one: Mapping[str, Any], caller: Caller) -> bool:
    actions = _listed(one.get("Action"))
    if not any(fnmatchcase("events:PutEvents", action) for action in actions):
        return False
    principal = one.get("Principal", "*")
    named = _listed(principal.get("AWS") if isinstance(principal, Mapping) else principal)
    role = _role(caller.arn)
    return any(
        name == "*" or name == caller.account or name.endswith(f"::{caller.account}:root") or name == role
        for name in named
    )


def _role(arn: str) -> str:
    """The role behind a session."""
    if ":assumed-role/" not in arn:
        return arn
    before, _, rest = arn.partition(":assumed-role/")
    return f"{before.replace(':sts:', ':iam:')}:role/{rest.split('/')[0]}"


def _holds(condition: Mapping[str, Mapping[str, Any]], facts: Mapping[str, str]) -> bool:
    return all(
        _compared(operator, facts.get(key), _listed(wanted))
        for operator, keys in condition.items()
        for key, wanted in keys.items()
    )


def _compared(operator: str, value: str | None, wanted: list[str]) -> bool:
    test = _OPERATORS.get(operator.removesuffix("IfExists").removeprefix("ForAllValues:"))
    if value is None:
        return operator.endswith("IfExists")
    return test is not None and any(test(value, one) for one in wanted)


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringEqualsIgnoreCase": lambda value, wanted: value.casefold() == wanted.casefold(),
    "StringLike": fnmatchcase,
    "ArnEquals": fnmatchcase,
    "ArnLike": fnmatchcase,
    "Bool": lambda value, wanted: value == str(wanted).lower(),
}


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]

"""Resource policies: whether one lets an AWS service in that acts for one of its resources.

What is judged is a call that a service makes on its own behalf (S3 sends to a queue, CloudWatch Logs to a
destination): its principal is the service, its context keys are ``aws:SourceArn``, ``aws:SourceAccount``
and ``aws:SecureTransport``. Source: IAM user guide, "Policy evaluation logic" and "IAM JSON policy
elements: Condition operators".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Visit:
    """What a service wants: ``action`` (``sqs:SendMessage``) on ``resource`` (an ARN), and for whom."""

    service: str
    action: str
    resource: str
    source_arn: str = ""
    source_account: str = ""

    def context(self) -> dict[str, str]:
        """The context keys that are there, in lower case."""
        found = {"aws:sourcearn": self.source_arn, "aws:sourceaccount": self.source_account}
        return {"aws:securetransport": "true", **{key: value for key, value in found.items() if value}}


def allows(policy: Mapping[str, Any] | None, visit: Visit) -> bool:
    """Whether a policy allows the visit; an explicit denial wins."""
    effects = {one.get("Effect") for one in _many((policy or {}).get("Statement")) if _applies(one, visit)}
    return "Allow" in effects and "Deny" not in effects


def why_refused(policy: Mapping[str, Any] | None, visit: Visit) -> str:
    """Why a policy does not allow the visit: what denies it, or what it lacks; "" when it allows it."""
    if allows(policy, visit):
        return ""
    wanted = f"{visit.service} to call {visit.action} on {visit.resource}"
    denied = [
        str(one.get("Sid") or "without a Sid")
        for one in _many((policy or {}).get("Statement"))
        if one.get("Effect") == "Deny" and _applies(one, visit)
    ]
    if denied:
        return f"AccessDenied: the resource's policy denies {wanted} (statement {denied[0]})"
    return (
        f"AccessDenied: the resource's policy has no statement that allows {wanted} "
        f"with aws:SourceArn {visit.source_arn}"
    )


def effect(policy: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]) -> str:
    """What an identity's policy (which names no principal) says: ``Deny``, ``Allow`` or ""."""
    effects = {
        one.get("Effect")
        for one in _many(policy.get("Statement"))
        if _listed(one, "Action", "NotAction", action, fold=True)
        and _listed(one, "Resource", "NotResource", resource)
        and _conditions(one.get("Condition") or {}, context)
    }
    return "Deny" if "Deny" in effects else "Allow" if "Allow" in effects else ""


def _many(value: Any) -> Sequence[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)


def _applies(statement: Mapping[str, Any], visit: Visit) -> bool:
    return (
        _principal(statement, visit.service)
        and _listed(statement, "Action", "NotAction", visit.action, fold=True)
        and _listed(statement, "Resource", "NotResource", visit.resource)
        and _conditions(statement.get("Condition") or {}, visit.context())
    )


def _principal(statement: Mapping[str, Any], service: str) -> bool:
    if "NotPrincipal" in statement:
        return not _named(statement["NotPrincipal"], service)
    return _named(statement.get("Principal"), service)


def _named(principal: Any, service: str) -> bool:
    if isinstance(principal, Mapping):
        if "*" in _many(principal.get("AWS")):
            return True
        return any(one in ("*", service) for one in _many(principal.get("Service")))
    return bool(principal == "*")


def _listed(
    statement: Mapping[str, Any], name: str, opposite: str, value: str, *, fold: bool = False
) -> bool:
    if opposite in statement:
        return not any(like(value, one, fold=fold) for one in _many(statement[opposite]))
    if name not in statement:
        return name == "Resource"
    return any(like(value, one, fold=fold) for one in _many(statement[name]))


def like(value: str, pattern: str, *, fold: bool = False) -> bool:
    """Whether a value matches a pattern with ``*`` and ``?``."""
    return (
        _pattern(pattern.lower() if fold else pattern).fullmatch(value.lower() if fold else value) is not None
    )


@cache
def _pattern(text: str) -> re.Pattern[str]:
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in text)
    return re.compile("".join(parts), re.DOTALL)


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "stringequals": lambda value, wanted: value == wanted,
    "stringequalsignorecase": lambda value, wanted: value.lower() == wanted.lower(),
    "stringlike": like,
    "arnequals": like,
    "arnlike": like,
    "bool": lambda value, wanted: value.lower() == wanted.lower(),
}


def _conditions(conditions: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    return all(
        _condition(operator, context.get(key.lower()), wanted)
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _condition(operator: str, value: str | None, wanted: Any) -> bool:
    name = operator.lower().rpartition(":")[2]
    options = [str(one).lower() if isinstance(one, bool) else str(one) for one in _many(wanted)]
    if name == "null":
        return (value is None) == (options == ["true"])
    optional = name.endswith("ifexists")
    name = name.removesuffix("ifexists")
    negated = name.replace("not", "", 1) if name.startswith(("stringnot", "arnnot")) else ""
    if value is None:
        return optional or bool(negated)
    compare = _OPERATORS.get(negated or name)
    if compare is None:
        return False
    return any(compare(value, one) for one in options) != bool(negated)

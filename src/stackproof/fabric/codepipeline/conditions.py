"""Conditions of stages: BeforeEntry with VariableCheck.

Source: CodePipeline user guide, "VariableCheck": operators EQ, NE, MATCHES and CONTAINS.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stackproof.errors import CapabilityMissing
from stackproof.fabric.codepipeline.model import Execution
from stackproof.fabric.codepipeline.variables import Unresolved, filled

EMULATED = frozenset({"VariableCheck"})


@dataclass(frozen=True, slots=True)
class Told:
    """What a stage's conditions say: ``result`` is "" (enter), ``FAIL`` or ``SKIP``, with the reason."""

    result: str = ""
    reason: str = ""


def before(stage: Mapping[str, Any], execution: Execution) -> Told:
    """Whether an execution may enter a stage."""
    for condition in (stage.get("beforeEntry") or {}).get("conditions") or ():
        for rule in condition.get("rules") or ():
            reason = _refused(rule, execution)
            if reason:
                return Told(str(condition.get("result") or "FAIL"), f"{stage['name']}: {reason}")
    return Told()


def _refused(rule: Mapping[str, Any], execution: Execution) -> str:
    """Why a rule is not met, "" when it is."""
    provider = rule["ruleTypeId"]["provider"]
    if provider not in EMULATED:
        raise CapabilityMissing(f"not emulated: rule {provider} of the pipeline {execution.name}")
    given = rule.get("configuration") or {}
    operator = str(given.get("Operator"))
    try:
        value, wanted = (
            filled(str(given.get("Variable")), execution),
            filled(str(given.get("Value")), execution),
        )
    except Unresolved as error:
        return f"rule {rule['name']}: the variable {error} could not be resolved"
    if _met(operator, value, wanted):
        return ""
    return f"rule {rule['name']}: '{value}' {operator} '{wanted}' does not hold"


def _met(operator: str, value: str, wanted: str) -> bool:
    if operator == "EQ":
        return value == wanted
    if operator == "NE":
        return value != wanted
    if operator == "CONTAINS":
        return wanted in value
    if operator == "MATCHES":
        return re.search(wanted, value) is not None
    raise CapabilityMissing(f"not emulated: operator '{operator}' of VariableCheck")

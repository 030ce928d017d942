"""The approval of a pipeline stands before its production stage, not after it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.stack import Stack, listed

_PRODUCTION = re.compile(r"(?:(?<![A-Za-z])(?i:prod|production|live)|Prod(?:uction)?|Live)(?![a-z])")


def _examine(stack: Stack) -> Iterator[Hit]:
    for pipeline in stack.of("AWS::CodePipeline::Pipeline"):
        stages = pipeline.get("Stages")
        approved = False
        for index, stage in enumerate(stages if isinstance(stages, list) else ()):
            if not isinstance(stage, Mapping):
                continue
            actions = [item for item in listed(stage.get("Actions")) if isinstance(item, Mapping)]
            name = stage.get("Name")
            if isinstance(name, str) and _PRODUCTION.search(name) and not approved:
                first = min((_order(item) for item in actions if _category(item) == "Deploy"), default=None)
                ahead = any(
                    _category(item) == "Approval" and (first is None or _order(item) < first)
                    for item in actions
                )
                if first is not None and not ahead and not _guarded(stage):
                    message = (
                        f"The stage {name} deploys before anybody approved: put an approval into an "
                        f"earlier stage, or "
                        f"into this one with a lower RunOrder, or add a BeforeEntry condition"
                    )
                    yield Hit(pipeline.at("Stages", index, "Name"), message)
            approved = approved or any(_category(item) == "Approval" for item in actions)


def _category(action: Mapping[str, Any]) -> Any:
    kind = action.get("ActionTypeId")
    return kind.get("Category") if isinstance(kind, Mapping) else None


def _order(action: Mapping[str, Any]) -> int:
    order = action.get("RunOrder", 1)
    return int(order) if isinstance(order, int | str) and str(order).isdigit() else 1


def _guarded(stage: Mapping[str, Any]) -> bool:
    entry = stage.get("BeforeEntry")
    conditions = entry.get("Conditions") if isinstance(entry, Mapping) else None
    return any(
        isinstance(item, Mapping) and item.get("Result") == "FAIL"
        for item in (conditions if isinstance(conditions, list) else ())
    )


RULE = Rule(
    describe(
        "APPROVAL-ORDER",
        "Production is deployed after the approval",
        why="An approval that comes after the deployment, or runs beside it, stops nothing.",
        fix="Move the approval before the production stage, or add a BeforeEntry condition whose "
        "Result is FAIL.",
        source="https://docs.aws.amazon.com/codepipeline/latest/userguide/approvals.html",
    ),
    _examine,
)

"""Runs the rules across resources over a resolved template."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from stackproof.checks.resources.catalogue import RULES
from stackproof.checks.resources.rule import Hit, Rule
from stackproof.checks.resources.stack import Stack
from stackproof.checks.resources.worlds import World, worlds
from stackproof.model import Finding, Outcome, Related, RuleInfo
from stackproof.template.model import Resolved


class ResourceChecks:
    """The check behind the entry point ``resources``: every rule across resources in one pass."""

    def __init__(self, rules: Sequence[Rule] = RULES) -> None:
        self._rules = tuple(rules)

    def rules(self) -> Iterable[RuleInfo]:
        """What is known of each rule."""
        return [rule.info for rule in self._rules]

    def run(self, resolved: Resolved) -> list[Finding]:
        """The findings of all rules; what holds in some worlds only is undecided."""
        all_worlds = worlds(resolved)
        found: dict[tuple[str, Hit], list[World]] = {}
        for world in all_worlds:
            stack = Stack(resolved, world.tree)
            for rule in self._rules:
                for hit in dict.fromkeys(_hashable(hit) for hit in rule.examine(stack)):
                    found.setdefault((rule.info.id, hit), []).append(world)
        infos = {rule.info.id: rule.info for rule in self._rules}
        return [
            _finding(infos[rule_id], hit, resolved, shown, all_worlds)
            for (rule_id, hit), shown in found.items()
        ]


def _hashable(hit: Hit) -> Hit:
    """The hit with its unknowns reduced to what reports need: an expression may be a dict."""
    return replace(
        hit,
        unknowns=tuple(replace(item, expression=str(item.expression), values=()) for item in hit.unknowns),
    )


def _finding(
    info: RuleInfo, hit: Hit, resolved: Resolved, shown: list[World], all_worlds: list[World]
) -> Finding:
    evidence = {}
    if hit.unknowns:
        evidence["unknown"] = "; ".join(f"{item.expression}: {item.reason}" for item in hit.unknowns)
    elif len(shown) < len(all_worlds):
        evidence["unknown"] = f"condition {', '.join(_decisive(shown, all_worlds))}"
    related = [
        Related(resolved.locate(("Resources", logical_id)), logical_id)
        for logical_id in dict.fromkeys(hit.related)
    ]
    return Finding(
        rule=info.id,
        message=hit.message,
        location=resolved.locate(hit.path),
        outcome=Outcome.UNDECIDED if evidence else Outcome.FAIL,
        severity=info.severity,
        source="check",
        path=hit.path,
        logical_id=str(hit.path[1]) if len(hit.path) > 1 and hit.path[0] == "Resources" else "",
        related=(*related, *resolved.provenance(hit.path)),
        evidence=evidence,
        fix=info.fix,
    )


def _decisive(shown: list[World], all_worlds: list[World]) -> list[str]:
    """The conditions that have one value where a finding shows, and both over all worlds."""
    names = all_worlds[0].sides
    return [
        name
        for name in names
        if len({world.sides[name] for world in shown}) < len({world.sides[name] for world in all_worlds})
    ] or sorted(names)

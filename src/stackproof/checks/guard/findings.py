"""From failing clauses to findings: where, what is wrong, what to do."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from stackproof.checks.guard.documents import Side, at, doc_path
from stackproof.checks.guard.probe import Hanging
from stackproof.checks.guard.report import Clause
from stackproof.checks.guard.views import View
from stackproof.checks.guard.worlds import Spot, key_of, spots
from stackproof.model import DocPath, Finding, Outcome, Related, RuleInfo, Severity
from stackproof.template.model import Absent, Choice, Unknown

_LIMIT = 200
_FIX = re.compile(r"^\s*\[?fix\]?\s*:\s*", re.IGNORECASE)


def split_message(message: str) -> tuple[str, str]:
    """An author's message and the fix in it: lines from ``Fix:`` on say what to do."""
    said: list[str] = []
    fix: list[str] = []
    target = said
    for line in message.splitlines():
        found = _FIX.match(line)
        if found:
            target = fix
            line = line[found.end() :]
        text = line.strip()
        if text:
            target.append(text)
    sentence = re.sub(r"^violation:\s*", "", " ".join(said), flags=re.IGNORECASE)
    return sentence, " ".join(fix)


def resource_of(path: DocPath) -> str:
    """The logical id of the resource that a path leads into, or ""."""
    return str(path[1]) if len(path) > 1 and path[0] == "Resources" else ""


def failure(
    view: View, info: RuleInfo, severity: Severity | None, clause: Clause, side: Side = lambda _: True
) -> Finding:
    """The finding for one failing clause; ``side`` says which branches of the tree were judged."""
    path = doc_path(view.tree, clause.path, side) or ("Resources",)
    said, fix = split_message(clause.message)
    return Finding(
        rule=info.id,
        message=said or info.title or _spoken(clause, view.tree, side),
        location=view.locate(path),
        outcome=Outcome.FAIL,
        severity=severity or info.severity,
        source="guard",
        path=path,
        logical_id=resource_of(path),
        configurations=view.configurations,
        related=tuple(view.provenance(path)),
        evidence=evidence(view.tree, path, clause, side),
        fix=info.fix or fix,
    )


def undecided(view: View, info: RuleInfo, severity: Severity | None, hanging: Hanging) -> Finding:
    """The finding for an answer that hangs on something unknown; it stands where the unknown stands."""
    side = hanging.failing.side
    clause_path = doc_path(view.tree, hanging.clause.path, side) or ("Resources",)
    said, fix = split_message(hanging.clause.message)
    deciders = [spot for key in hanging.keys for spot in _spots_of(view, key, hanging.owner, clause_path)[:1]]
    reasons = [
        f"{shown(spot.item)} ({spot.item.reason})" for spot in deciders if isinstance(spot.item, Unknown)
    ]
    reasons += [f"condition {name}" for name in hanging.conditions]
    path = deciders[0].path if deciders else clause_path
    related = (
        [Related(view.locate(clause_path), "the value that the rule looks at")]
        if hanging.clause.path and path != clause_path
        else []
    )
    spoken = said or info.title or _spoken(hanging.clause, view.tree, side)
    facts = {**evidence(view.tree, clause_path, hanging.clause, side), "unknown": "; ".join(reasons)}
    for key in hanging.keys[:1] if hanging.failing != hanging.holding else ():
        facts["fails_with"] = shown(hanging.failing.values[key])
        facts["holds_with"] = shown(hanging.holding.values[key])
    return Finding(
        rule=info.id,
        message=f"{spoken} [hangs on {' and '.join(reasons)}]",
        location=view.locate(path),
        outcome=Outcome.UNDECIDED,
        severity=severity or info.severity,
        source="guard",
        path=path,
        logical_id=hanging.owner or resource_of(path),
        configurations=view.configurations,
        related=(*related, *view.provenance(clause_path)),
        evidence=facts,
        fix=info.fix or fix,
    )


def _spots_of(view: View, key: str, owner: str, near: DocPath) -> list[Spot]:
    """Where a class of unknowns stands, the place nearest to the failing value first."""
    found = [s for s in spots(view.tree) if isinstance(s.item, Unknown) and key_of(s.item) == key]
    return sorted(found, key=lambda s: (resource_of(s.path) != owner, -_shared(s.path, near), str(s.path)))


def _shared(one: DocPath, other: DocPath) -> int:
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def evidence(tree: Any, path: DocPath, clause: Clause, side: Side) -> Mapping[str, str]:
    """What was looked at and what it was held against, as short texts."""
    facts: dict[str, str] = {}
    if clause.missing:
        facts["missing"] = clause.missing
    elif clause.path:
        facts["value"] = shown(at(tree, path, side))
    if clause.compared:
        facts["compared_with"] = ", ".join(_compared(tree, clause, side))
    if clause.text:
        facts["clause"] = " ".join(clause.text.split())
    return facts


def _compared(tree: Any, clause: Clause, side: Side) -> Iterator[str]:
    """The other sides of a clause; what stands in the document as it stands there, not as a sample of it."""
    for value, path in itertools.zip_longest(clause.compared, clause.compared_paths, fillvalue=""):
        where = doc_path(tree, str(path), side)
        yield shown(at(tree, where, side) if where else value)


def shown(value: Any) -> str:
    """A short text of a value; what is unknown shows as the function that will give it."""
    text = value if isinstance(value, str) else json.dumps(_readable(value), ensure_ascii=False, default=str)
    return text if len(text) <= _LIMIT else text[: _LIMIT - 1] + "…"


def _readable(value: Any) -> Any:
    if isinstance(value, Unknown):
        return value.expression
    if isinstance(value, Choice):
        branches = [_readable(value.then), _readable(value.otherwise)]
        return value.expression or {"Fn::If": [value.condition, *branches]}
    if isinstance(value, Absent):
        return {"Ref": "AWS::NoValue"}
    if isinstance(value, dict):
        return {str(key): _readable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_readable(item) for item in value]
    return value


def _spoken(clause: Clause, tree: Any, side: Side) -> str:
    text = " ".join(clause.text.split())
    if clause.missing:
        return f"{clause.missing.split('.')[0]} is missing ({text})"
    if clause.compared:
        path = doc_path(tree, clause.path, side)
        standing = at(tree, path, side) if path else None
        value = standing if any(isinstance(s.item, Unknown) for s in spots(standing)) else clause.value
        return f"{shown(value)} does not satisfy: {text}"
    return f"does not hold: {text}" if text else "the rule does not hold"

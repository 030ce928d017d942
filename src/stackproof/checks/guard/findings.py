"""From failing clauses to findings: where, what is wrong, what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from stackproof.checks.guard.documents import doc_path
from stackproof.checks.guard.report import Clause
from stackproof.checks.guard.views import View
from stackproof.model import DocPath, Finding, Outcome, RuleInfo, Severity
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


def failure(view: View, info: RuleInfo, severity: Severity | None, clause: Clause) -> Finding:
    """The finding for one failing clause."""
    path = doc_path(view.tree, clause.path) or ("Resources",)
    said, fix = split_message(clause.message)
    return Finding(
        rule=info.id,
        message=said or info.title or _spoken(clause),
        location=view.locate(path),
        outcome=Outcome.FAIL,
        severity=severity or info.severity,
        source="guard",
        path=path,
        logical_id=resource_of(path),
        configurations=view.configurations,
        related=tuple(view.provenance(path)),
        evidence=evidence(view.tree, path, clause),
        fix=info.fix or fix,
    )


def evidence(tree: Any, path: DocPath, clause: Clause) -> Mapping[str, str]:
    """What was looked at and what it was held against, as short texts."""
    facts: dict[str, str] = {}
    if clause.missing:
        facts["missing"] = clause.missing
    elif clause.path:
        facts["value"] = shown(at(tree, path))
    if clause.compared:
        facts["compared_with"] = ", ".join(shown(value) for value in clause.compared)
    if clause.text:
        facts["clause"] = " ".join(clause.text.split())
    return facts


def at(tree: Any, path: DocPath) -> Any:
    """The value at a path, or None."""
    node = tree
    for key in path:
        if (isinstance(node, dict) and key in node) or (
            isinstance(node, list) and isinstance(key, int) and key < len(node)
        ):
            node = node[key]
        else:
            return None if not isinstance(node, Unknown | Choice) else node
    return node


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


def _spoken(clause: Clause) -> str:
    text = " ".join(clause.text.split())
    if clause.missing:
        return f"{clause.missing.split('.')[0]} is missing ({text})"
    if clause.compared:
        return f"{shown(clause.value)} does not satisfy: {text}"
    return f"does not hold: {text}" if text else "the rule does not hold"

"""Reading the engine's verbose report: a status for every rule, and the clauses that failed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stackproof.model import JSON

PASS, FAIL, SKIP = "PASS", "FAIL", "SKIP"


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause that did not hold.

    ``path`` is the engine's path of the value that was looked at (of the nearest parent when the value
    is missing, then ``missing`` is the rest of the query). ``compared`` are the values on the other side,
    ``compared_paths`` their paths in the document ("" for a literal). ``message`` is the author's,
    ``reason`` the engine's. ``operator`` is the engine's name (``Eq``, ``In``, ``Exists`` …),
    ``negated`` for the ``not`` form.
    """

    path: str
    value: JSON = None
    missing: str = ""
    operator: str = ""
    negated: bool = False
    compared: tuple[JSON, ...] = ()
    compared_paths: tuple[str, ...] = ()
    message: str = ""
    reason: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What the engine says of one rule.

    ``failures`` are the clauses that make it fail, ``conditions`` those of ``when`` blocks and filters
    that keep it from applying somewhere.
    """

    name: str
    status: str
    failures: tuple[Clause, ...] = ()
    conditions: tuple[Clause, ...] = ()


def results(report: JSON) -> list[RuleResult]:
    """The rules of a report in its order; a name that stands twice in the file comes twice."""
    if report is None:
        return []
    return [_rule(child) for child in report["children"] if "RuleCheck" in _container(child)]


def statuses(report: JSON) -> dict[str, str]:
    """One status a rule name: as the native tools count, FAIL wins over PASS, PASS over SKIP."""
    rank = {SKIP: 0, PASS: 1, FAIL: 2}
    merged: dict[str, str] = {}
    for result in results(report):
        known = merged.get(result.name, SKIP)
        merged[result.name] = max(known, result.status, key=lambda status: rank[status])
    return merged


def _container(node: JSON) -> dict[str, Any]:
    container = node.get("container")
    return container if isinstance(container, dict) else {}


def _rule(node: JSON) -> RuleResult:
    check = node["container"]["RuleCheck"]
    failures = tuple(_clauses(node["children"], "")) if check["status"] == FAIL else ()
    conditions = tuple(_conditions(node["children"]))
    if check["status"] == FAIL and not failures:
        failures = (Clause("", message=check.get("message") or ""),)
    return RuleResult(check["name"], check["status"], failures, conditions)


_SKIPPED = {"Filter", "RuleCondition", "TypeCondition", "WhenCondition"}


def _clauses(nodes: list[JSON], message: str) -> Iterator[Clause]:
    for node in nodes:
        for kind, body in _container(node).items():
            if kind in _SKIPPED:
                continue
            if kind == "ClauseValueCheck":
                yield from _value_check(node, body, message)
            elif _status(body) == FAIL:
                yield from _clauses(node["children"], _inner_message(node, body, message))


def _inner_message(node: JSON, body: Any, message: str) -> str:
    own = body.get("message") if isinstance(body, dict) else None
    if own:
        return str(own)
    if isinstance(body, dict) and "Disjunction" in _container(node):
        return _last_message(node["children"]) or message
    return message


def _last_message(nodes: list[JSON]) -> str:
    """The custom message of an ``or``: it stands on its last clause and belongs to the whole."""
    for node in reversed(nodes):
        for kind, body in _container(node).items():
            if kind == "ClauseValueCheck":
                for clause in _value_check(node, body, ""):
                    if clause.message:
                        return clause.message
        found = _last_message(node["children"])
        if found:
            return found
    return ""


def _status(body: Any) -> str:
    if isinstance(body, str):
        return body
    if not isinstance(body, dict):
        return ""
    inner = body.get("block")
    return _status(inner) if isinstance(inner, dict) else str(body.get("status", ""))


def _value_check(node: JSON, body: Any, message: str) -> Iterator[Clause]:
    if isinstance(body, str):
        return
    for kind, check in body.items():
        if kind == "DependentRule":
            inner = list(_clauses(node["children"], check.get("custom_message") or message))
            yield from inner or [Clause("", message=_message(check, message), text=check.get("rule", ""))]
        elif kind == "MissingBlockValue":
            yield _clause(node, check, message)
        elif kind == "Unary":
            value = check["value"] if isinstance(check.get("value"), dict) else check
            yield _clause(node, {**value, "comparison": check.get("comparison")}, message)
        elif kind == "NoValueForEmptyCheck":
            yield Clause("", message=str(check or message), text=_text(node))
        else:
            yield _clause(node, check, message)


def _message(check: Any, inherited: str) -> str:
    return str(check.get("custom_message") or "").strip() or inherited.strip()


def _clause(node: JSON, check: Any, message: str) -> Clause:
    path, value, missing, reason = _operand(check.get("from"))
    to = check.get("to")
    others = [_operand(item) for item in (to if isinstance(to, list) else [to]) if item]
    comparison = check.get("comparison") or ("", False)
    return Clause(
        path=path,
        value=value,
        missing=missing,
        operator=str(comparison[0]),
        negated=bool(comparison[1]),
        compared=tuple(other[1] for other in others),
        compared_paths=tuple(other[0] for other in others),
        message=_message(check, message),
        reason=str(check.get("message") or reason or ""),
        text=_text(node),
    )


def _text(node: JSON) -> str:
    """The clause as the engine writes it; nothing for a block, which it only names by line."""
    context = str(node["context"]).strip()
    return "" if "Location[" in context else context


def _operand(operand: Any) -> tuple[str, Any, str, str]:
    """Path, value, what is missing behind it, and the engine's reason."""
    if not isinstance(operand, dict):
        return "", operand, "", ""
    if "UnResolved" in operand:
        body = operand["UnResolved"]
        at = body["traversed_to"]
        return at["path"], at["value"], str(body.get("remaining_query", "")), str(body.get("reason") or "")
    body = operand.get("Resolved") or operand.get("Literal") or {}
    return str(body.get("path", "")), body.get("value"), "", ""


def _conditions(nodes: list[JSON]) -> Iterator[Clause]:
    """The failing clauses below ``when`` conditions and filters, wherever they stand."""
    for node in nodes:
        container = _container(node)
        if any(kind in _SKIPPED and _status(body) == FAIL for kind, body in container.items()):
            yield from _clauses(node["children"], "")
        yield from _conditions(node["children"])

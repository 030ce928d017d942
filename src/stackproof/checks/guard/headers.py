"""What the comments above a rule say of it: title, severity, why, fix, source, view, tags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from stackproof.checks.guard.source import RuleFile, Statement
from stackproof.model import Location, Problem, RuleInfo, Severity

KEYS = ("title", "severity", "why", "fix", "source", "view", "tags")
VIEWS = ("resolved", "expanded", "written")
_KEY = re.compile(r"^#+ ?(?P<key>[a-z]+):(?:\s+(?P<value>.*))?$")


@dataclass(frozen=True, slots=True)
class Described:
    """A rule with what is known of it and the view of the template that it wants ("" for the set's)."""

    info: RuleInfo
    view: str = ""


def describe(file: RuleFile, ruleset: str) -> tuple[dict[str, Described], list[Problem]]:
    """Every rule of a file that can be judged (parameterised helpers cannot), by name."""
    lines = file.text.splitlines()
    problems: list[Problem] = []
    first = min((file.position(s.start)[0] for s in file.statements), default=len(lines) + 1)
    defaults = _file_defaults(lines, first)
    described: dict[str, Described] = {}
    for name, statements in file.rules.items():
        if all(statement.parameters for statement in statements):
            continue
        fields = dict(defaults)
        for statement in reversed(statements):
            fields.update(_block_above(lines, file.position(statement.start)[0]))
        described[name] = _described(file, statements[0], fields, ruleset, problems)
    if file.loose:
        described.setdefault("default", _described(file, None, defaults, ruleset, problems))
    return described, problems


def _described(
    file: RuleFile,
    statement: Statement | None,
    fields: Mapping[str, str],
    ruleset: str,
    problems: list[Problem],
) -> Described:
    name = statement.name if statement else "default"
    line, column = file.position(statement.start) if statement else (1, 1)
    location = Location(file.file, line, column)
    severity = _one_of(fields, "severity", [s.value for s in Severity], location, name, problems)
    view = _one_of(fields, "view", VIEWS, location, name, problems)
    info = RuleInfo(
        id=name,
        title=fields.get("title", ""),
        severity=Severity(severity or "error"),
        why=fields.get("why", ""),
        fix=fields.get("fix", ""),
        source=fields.get("source", ""),
        engine="guard",
        ruleset=ruleset,
        location=location,
        tags=tuple(tag for tag in re.split(r"[,\s]+", fields.get("tags", "")) if tag),
    )
    return Described(info, view)


def _one_of(
    fields: Mapping[str, str],
    key: str,
    allowed: tuple[str, ...] | list[str],
    location: Location,
    rule: str,
    problems: list[Problem],
) -> str:
    value = fields.get(key, "").lower()
    if value and value not in allowed:
        message = f"{key} '{value}' in the header of {rule}, expected one of {', '.join(allowed)}"
        problems.append(Problem(message, location=location, rule=rule))
        return ""
    return value


def _file_defaults(lines: list[str], first: int) -> dict[str, str]:
    """The fields of the comment block at the top that a blank line parts from the first statement."""
    block: list[str] = []
    for line in lines[: first - 1]:
        if not line.strip():
            if block:
                return _fields(block)
            continue
        if not line.startswith("#"):
            return {}
        block.append(line)
    return {}


def _block_above(lines: list[str], line: int) -> dict[str, str]:
    block: list[str] = []
    for text in reversed(lines[: line - 1]):
        if not text.strip().startswith("#"):
            break
        block.append(text.strip())
    return _fields(list(reversed(block)))


def _fields(block: list[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    current = ""
    for line in block:
        found = _KEY.match(line)
        if found and found["key"] in KEYS:
            current = found["key"]
            fields[current] = (found["value"] or "").strip()
        elif current and re.match(r"^#+(\t|  +)\S", line):
            fields[current] = f"{fields[current]} {line.lstrip('#').strip()}".strip()
        else:
            current = ""
    return fields

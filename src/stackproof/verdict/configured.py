"""Suppressions that stand in the project's configuration, with the line that each stands on."""

from __future__ import annotations

import re
from pathlib import Path

from stackproof.config import Config, Suppress
from stackproof.model import Finding, Location
from stackproof.verdict.suppress import InlineSuppression, iso_date, malformed

_TABLE = re.compile(r"^\s*\[\[\s*(?:tool\s*\.\s*stackproof\s*\.\s*)?suppress\s*\]\]")
_KEY = re.compile(r"^\s*suppress\s*=")


def configured(config: Config, root: Path) -> tuple[list[InlineSuppression], list[Finding]]:
    """The suppressions of the configuration, and findings for those whose date is none."""
    places = _places(config, root) if config.suppress else []
    suppressions: list[InlineSuppression] = []
    findings: list[Finding] = []
    for entry, location in zip(config.suppress, places, strict=True):
        until = iso_date(entry.until)
        if until is None:
            message = f"'until' is '{entry.until}', expected a date like \"2026-12-31\""
            findings.append(malformed(message, location))
            continue
        suppressions.append(_suppression(entry, until, location))
    return suppressions, findings


def _suppression(entry: Suppress, until: str, location: Location) -> InlineSuppression:
    return InlineSuppression(
        rule=entry.rule,
        reason=" ".join(entry.reason.split()),
        until=until,
        configurations=entry.configurations,
        location=location,
        origin="config",
        templates=entry.templates,
        resources=entry.resources,
    )


def _places(config: Config, root: Path) -> list[Location]:
    """Where each entry stands: its ``[[…suppress]]`` header, else where its rule is named."""
    path = Path(config.file) if config.file else root / "stackproof.toml"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    name = _name(path, root)
    headers = [number for number, line in enumerate(lines, start=1) if _TABLE.match(line)]
    if len(headers) == len(config.suppress):
        return [Location(name, number, lines[number - 1].index("[") + 1) for number in headers]
    start = next((number for number, line in enumerate(lines) if _KEY.match(line)), 0)
    places, taken = [], (start, 0)
    for entry in config.suppress:
        found = _find(lines, entry.rule, taken)
        taken = (found[0], found[1] + 1) if found else taken
        places.append(Location(name, found[0] + 1, found[1] + 1) if found else Location(name, start + 1))
    return places


def _find(lines: list[str], rule: str, after: tuple[int, int]) -> tuple[int, int] | None:
    wanted = re.compile(rf"\brule\s*=\s*([\"']){re.escape(rule)}\1")
    for number in range(after[0], len(lines)):
        found = wanted.search(lines[number], after[1] if number == after[0] else 0)
        if found:
            return number, found.start()
    return None


def _name(path: Path, root: Path) -> str:
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return path.as_posix()

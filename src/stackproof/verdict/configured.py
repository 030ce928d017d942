"""Suppressions that stand in the project's configuration, with the line that each stands on."""

from __future__ import annotations

from pathlib import Path

from stackproof.config import Config, Suppress
from stackproof.config.places import place
from stackproof.model import Finding, Location
from stackproof.verdict.suppress import InlineSuppression, iso_date, malformed


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
    """Where each entry begins."""
    path = Path(config.file) if config.file else root / "stackproof.toml"
    found = [place(path, ("suppress", position)) for position in range(len(config.suppress))]
    return [Location(_name(path, root), line or 1, column or 1) for line, column in found]


def _name(path: Path, root: Path) -> str:
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return path.as_posix()

"""SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/).

An undecided finding has kind ``open`` and a note ``informational``; both then have level ``none``, as
section 3.27.10 demands. Columns count Unicode code points; file names are relative to ``SRCROOT``.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from stackproof.model import Finding, Location, Outcome, Problem, Report, RuleInfo, Severity, Status
from stackproof.report.common import fix_of, plain_message, rule_index, storable

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_KINDS = {Outcome.FAIL: "fail", Outcome.UNDECIDED: "open", Outcome.NOTE: "informational"}
_ROOT = "SRCROOT"


def render(report: Report) -> str:
    """The report as SARIF text."""
    known = rule_index(report)
    for finding in report.findings:
        known.setdefault(finding.rule, RuleInfo(finding.rule, severity=finding.severity))
    places = {rule: position for position, rule in enumerate(known)}
    driver = {
        "name": "stackproof",
        "version": report.tool_version,
        "rules": [_rule(info) for info in known.values()],
    }
    compared = any(one.status is Status.BASELINED for one in report.findings)
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"stackproof/{report.pillar}/"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the project."}}},
        "invocations": [_invocation(report)],
        "results": [_result(one, known, places, compared) for one in report.findings],
        "properties": {
            "verdict": report.verdict.value,
            "complete": report.complete,
            "commit": report.commit,
            "dirty": report.dirty,
        },
    }
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return storable(json.dumps(document, indent=2, ensure_ascii=False)) + "\n"


def _rule(info: RuleInfo) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": info.id,
        "shortDescription": {"text": info.title or info.id},
        "defaultConfiguration": {"level": _LEVELS[info.severity]},
        "properties": {"tags": sorted({*info.tags, *filter(None, (info.engine, info.ruleset))})},
    }
    if info.why:
        rule["fullDescription"] = {"text": info.why}
    help_text = "\n\n".join(part for part in (info.why, info.fix and f"Fix: {info.fix}", info.source) if part)
    if help_text:
        rule["help"] = {"text": help_text}
    if info.source.startswith(("https://", "http://")) and len(info.source.split()) == 1:
        rule["helpUri"] = quote(info.source, safe=":/?#[]@!$&'()*+,;=%~-._")
    return rule


def _result(
    finding: Finding, known: dict[str, RuleInfo], places: dict[str, int], compared: bool
) -> dict[str, Any]:
    kind = _KINDS[finding.outcome]
    properties: dict[str, Any] = {"severity": finding.severity.value}
    if finding.configurations:
        properties["configurations"] = list(finding.configurations)
    if finding.evidence:
        properties["evidence"] = dict(finding.evidence)
    fix = fix_of(finding, known)
    if fix:
        properties["fix"] = fix
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": places[finding.rule],
        "kind": kind,
        "level": _LEVELS[finding.severity] if kind == "fail" else "none",
        "message": {"text": plain_message(finding) or finding.rule},
        "locations": [_location(finding.location, finding)],
        "partialFingerprints": {"stackproof/v1": finding.fingerprint},
        "suppressions": _suppressions(finding),
        "properties": properties,
    }
    if compared:
        result["baselineState"] = "unchanged" if finding.status is Status.BASELINED else "new"
    if finding.related:
        result["relatedLocations"] = [
            {"id": number, "message": {"text": one.message}, **_location(one.location)}
            for number, one in enumerate(finding.related)
        ]
    return result


def _suppressions(finding: Finding) -> list[dict[str, Any]]:
    """Empty for an active finding: it says that there is none (section 3.27.23)."""
    by = finding.suppression
    if finding.status is not Status.SUPPRESSED or by is None:
        return []
    inside = by.location is not None and by.location.file == finding.location.file
    entry: dict[str, Any] = {"kind": "inSource" if inside else "external", "status": "accepted"}
    entry["justification"] = by.reason or "no reason given"
    if by.location is not None and by.location.file:
        entry["location"] = _location(by.location)
    entry["properties"] = {"rule": by.rule, "until": by.until, "governed": by.governed}
    return [entry]


def _location(location: Location, finding: Finding | None = None) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": _artifact(location.file), "region": _region(location)}
    entry: dict[str, Any] = {"physicalLocation": physical}
    if finding is not None and finding.logical_id:
        path = "/".join(str(key) for key in finding.path) or finding.logical_id
        entry["logicalLocations"] = [
            {"name": finding.logical_id, "fullyQualifiedName": path, "kind": "resource"}
        ]
    return entry


def _region(location: Location) -> dict[str, int]:
    line, column = max(1, location.line), max(1, location.column)
    region = {"startLine": line, "startColumn": column}
    if (location.end_line, location.end_column) > (line, column) and location.end_column > 0:
        region |= {"endLine": location.end_line, "endColumn": location.end_column}
    return region


def _artifact(file: str) -> dict[str, str]:
    """A URI reference; every character outside RFC 3986's unreserved ones is encoded."""
    try:
        raw = file.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = storable(file).encode("utf-8")
    encoded = quote(raw, safe="/")
    if file.startswith("/"):
        return {"uri": f"file://{encoded}"}
    return {"uri": encoded or ".", "uriBaseId": _ROOT}


def _invocation(report: Report) -> dict[str, Any]:
    notes = [{"level": "note", "message": {"text": note}} for note in report.notes]
    return {
        "executionSuccessful": report.exit_code in {0, 1},
        "exitCode": report.exit_code,
        "toolExecutionNotifications": [*(_notification(one) for one in report.problems), *notes],
    }


def _notification(problem: Problem) -> dict[str, Any]:
    hint = f" ({problem.hint})" if problem.hint else ""
    entry: dict[str, Any] = {"level": "error", "message": {"text": f"{problem.message}{hint}"}}
    if problem.rule:
        entry["associatedRule"] = {"id": problem.rule}
    if problem.location is not None:
        entry["locations"] = [_location(problem.location)]
    return entry

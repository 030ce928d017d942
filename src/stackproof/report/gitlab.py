"""GitLab code quality (https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from stackproof.model import Finding, Outcome, Problem, Report, Severity
from stackproof.report.common import active, label, plain_message, storable

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "minor", Severity.INFO: "info"}


def render(report: Report) -> str:
    """A JSON array with an issue for each active finding and each problem; fingerprints are unique."""
    issues = [_issue(one) for one in active(report)] + [_problem(one) for one in report.problems]
    seen: dict[str, int] = {}
    for issue in issues:
        mark = issue["fingerprint"]
        seen[mark] = seen.get(mark, 0) + 1
        if seen[mark] > 1:
            issue["fingerprint"] = f"{mark}.{seen[mark]}"
    return storable(json.dumps(issues, indent=2, ensure_ascii=False)) + "\n"


def _issue(finding: Finding) -> dict[str, Any]:
    undecided = f"{label(finding)}: " if finding.outcome is Outcome.UNDECIDED else ""
    severity = "info" if finding.outcome is Outcome.NOTE else _SEVERITIES[finding.severity]
    return {
        "description": f"{undecided}{plain_message(finding)}",
        "check_name": finding.rule,
        "fingerprint": finding.fingerprint,
        "severity": severity,
        "location": {"path": finding.location.file, "lines": {"begin": max(1, finding.location.line)}},
    }


def _problem(problem: Problem) -> dict[str, Any]:
    file = problem.location.file if problem.location else "stackproof.toml"
    text = f"{problem.message} ({problem.hint})" if problem.hint else problem.message
    mark = hashlib.sha256(f"{file}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()[:20]
    return {
        "description": text,
        "check_name": problem.rule or "stackproof",
        "fingerprint": mark,
        "severity": "blocker",
        "location": {
            "path": file,
            "lines": {"begin": max(1, problem.location.line if problem.location else 1)},
        },
    }

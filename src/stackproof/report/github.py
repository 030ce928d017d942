"""GitHub workflow commands, which become annotations of a pull request.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from stackproof.model import Finding, Location, Outcome, Report, Severity
from stackproof.report.common import active, fix_of, label, plain_message, rule_index, storable, tally

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render(report: Report) -> str:
    """One command a finding and a problem, and a notice with the verdict."""
    rules = rule_index(report)
    lines = []
    for finding in active(report):
        command = "notice" if finding.outcome is Outcome.NOTE else _COMMANDS[finding.severity]
        fix = fix_of(finding, rules)
        text = plain_message(finding) + (f"\nFix: {fix}" if fix else "")
        lines.append(_command(command, finding.location, _title(finding), text))
    for problem in report.problems:
        text = f"{problem.message}\n{problem.hint}".strip()
        lines.append(_command("error", problem.location, problem.rule or "stackproof", text))
    lines.append(
        _command("notice", None, f"stackproof {report.pillar}", f"{report.verdict.value}: {tally(report)}")
    )
    return storable("\n".join(lines)) + "\n"


def _title(finding: Finding) -> str:
    undecided = f" {label(finding)}" if finding.outcome is Outcome.UNDECIDED else ""
    return f"{finding.rule} {finding.logical_id}".rstrip() + undecided


def _command(command: str, location: Location | None, title: str, text: str) -> str:
    properties: dict[str, str] = {}
    if location is not None:
        properties = {"file": location.file, "line": str(location.line), "col": str(location.column)}
        if location.end_line >= location.line:
            properties["endLine"] = str(location.end_line)
        if location.end_line == location.line and location.end_column > location.column:
            properties["endColumn"] = str(location.end_column)
    properties["title"] = title
    inside = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{command} {inside}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

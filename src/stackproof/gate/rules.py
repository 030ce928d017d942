"""The gate's own rules: what it says when a template cannot be judged to the end."""

from __future__ import annotations

from stackproof.model import Finding, Location, RuleInfo, Severity

TIMEOUT = "SP-GATE-TIMEOUT"
LINT_FAILED = "SP-LINT-FAILED"
SOURCE = "gate"

RULES: dict[str, RuleInfo] = {
    TIMEOUT: RuleInfo(
        id=TIMEOUT,
        title="Judging this template took longer than the time limit",
        why="What is not judged to the end is not proven; a template with many conditions can take minutes.",
        fix="Split the template or reduce its conditions, or raise time_limit.",
        engine=SOURCE,
    ),
    LINT_FAILED: RuleInfo(
        id=LINT_FAILED,
        title="cfn-lint itself fails on this template",
        why="Its command line ends with a traceback there, so none of its rules say anything.",
        fix="Correct the shape of the section it stumbled over; the other findings of this file may name it.",
        engine=SOURCE,
    ),
}


def timeout(file: str, limit: float, done: str) -> Finding:
    """The template was cut off after ``limit`` seconds; ``done`` names what was judged before."""
    message = f"judging took longer than the time limit of {limit:g} s and was cut off{done}"
    return _finding(TIMEOUT, file, message)


def lint_failed(file: str, error: Exception) -> Finding:
    """cfn-lint gave up on a template."""
    return _finding(
        LINT_FAILED, file, f"cfn-lint cannot judge this template: {type(error).__name__}: {error}"
    )


def _finding(rule: str, file: str, message: str) -> Finding:
    return Finding(
        rule=rule,
        message=message,
        location=Location(file),
        severity=Severity.ERROR,
        source=SOURCE,
        fix=RULES[rule].fix,
    )

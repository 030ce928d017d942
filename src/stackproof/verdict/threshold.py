"""What makes a run fail."""

from __future__ import annotations

from collections.abc import Iterable

from stackproof.model import Finding, Outcome, Problem, Severity, Status


def counts(finding: Finding, fail_on: str) -> bool:
    """Whether a finding makes the run fail: active, no note, and at the threshold."""
    if fail_on == "never" or finding.status is not Status.ACTIVE or finding.outcome is Outcome.NOTE:
        return False
    return finding.severity.rank >= Severity(fail_on).rank


def exit_code(findings: Iterable[Finding], problems: Iterable[Problem], fail_on: str) -> int:
    """0 clean, 1 findings at the threshold, 2 and 3 as the problems say; the highest wins."""
    found = 1 if any(counts(one, fail_on) for one in findings) else 0
    return max([found, *(problem.exit_code for problem in problems)])

"""What several report formats need: words for numbers, rules, configurations, clean text."""

from __future__ import annotations

import re
from collections.abc import Iterable

from stackproof.model import Finding, Outcome, Report, RuleInfo, Status

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def number(count: float, what: str) -> str:
    """``1 error``, ``2 errors``."""
    return f"{count:.0f} {what}" if count == 1 else f"{count:.0f} {what}s"


def judged(report: Report) -> str:
    """How many things the run judged, by their name: templates, unless its pillar judges something else."""
    what = {"test": "rule file", "inspect": "file"}.get(report.pillar, "template")
    return number(len({one.file for one in report.judged}), what)


def visible(text: str) -> str:
    """The text with control and direction characters made visible: a template must not steer a terminal."""
    return _SURROGATE.sub("\ufffd", _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text))


def storable(text: str) -> str:
    """The text without lone surrogates, which no encoding can write."""
    return _SURROGATE.sub("\ufffd", text)


def rule_index(report: Report) -> dict[str, RuleInfo]:
    """What is known of each rule that the report names."""
    return {info.id: info for info in report.rules}


def fix_of(finding: Finding, rules: dict[str, RuleInfo]) -> str:
    """What to do: the finding's own advice, else its rule's."""
    return finding.fix or (rules[finding.rule].fix if finding.rule in rules else "")


def active(report: Report) -> list[Finding]:
    """The findings that are neither suppressed nor in the baseline."""
    return [one for one in report.findings if one.status is Status.ACTIVE]


def label(finding: Finding) -> str:
    """``error``, ``warning``, ``info``, ``note``; an undecided one says so."""
    if finding.outcome is Outcome.NOTE:
        return "note"
    undecided = " (undecided)" if finding.outcome is Outcome.UNDECIDED else ""
    return f"{finding.severity.value}{undecided}"


def because(finding: Finding) -> str:
    """Why a finding does not count, "" when it does."""
    if finding.status is Status.BASELINED:
        return "in the baseline"
    if finding.status is not Status.SUPPRESSED or finding.suppression is None:
        return ""
    reason = finding.suppression.reason or "no reason given"
    until = f" (until {finding.suppression.until})" if finding.suppression.until else ""
    return f"suppressed: {reason}{until}"


def plain_message(finding: Finding) -> str:
    """The message on one line, with the configurations that show it."""
    text = " ".join(finding.message.split())
    return f"{text} [{', '.join(finding.configurations)}]" if finding.configurations else text


def tally(report: Report) -> str:
    """``2 errors, 1 warning (1 undecided)`` over the active findings, or ``nothing found``."""
    found = [one for one in active(report) if one.outcome is not Outcome.NOTE]
    parts = [
        number(count, what)
        for what in ("error", "warning", "info")
        if (count := sum(one.severity.value == what for one in found))
    ]
    undecided = sum(one.outcome is Outcome.UNDECIDED for one in found)
    return (", ".join(parts) or "nothing found") + (f" ({undecided} undecided)" if undecided else "")


def by_file(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """The findings of each file, in their order."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.location.file, []).append(finding)
    return groups

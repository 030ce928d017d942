"""Which suppressions count: reason, expiry date, and what the organisation allows.

A suppression that does not count leaves its findings active and is itself a finding.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from stackproof.config import Governance
from stackproof.model import Finding, Location, Severity
from stackproof.verdict.match import is_glob, matches_any
from stackproof.verdict.suppress import MALFORMED, InlineSuppression

EXPIRED = "SP-SUPPRESS-EXPIRED"
UNUSED = "SP-SUPPRESS-UNUSED"
FORBIDDEN = "SP-SUPPRESS-FORBIDDEN"
UNGOVERNED = "SP-SUPPRESS-UNGOVERNED"
PREFIX = "SP-SUPPRESS-"

_NATIVE = {"cfn-lint": "cfn-lint 'ignore_checks'", "guard": "Guard 'SuppressedRules'"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a suppression does not count: the rule of the finding, what is wrong, what to do."""

    rule: str
    message: str
    fix: str


@dataclass(frozen=True, slots=True)
class Vetted:
    """One written suppression with its copies (a loop or an anchor may repeat it); ``refusal`` if refused."""

    copies: tuple[InlineSuppression, ...]
    refusal: Refusal | None

    @property
    def written(self) -> InlineSuppression:
        """The suppression as it stands in its file."""
        return self.copies[0]


def vet(suppressions: Iterable[InlineSuppression], governance: Governance, today: date) -> list[Vetted]:
    """Hold each written suppression against its date and the governance."""
    groups: dict[tuple[str, Location, str], list[InlineSuppression]] = {}
    for one in dict.fromkeys(suppressions):
        groups.setdefault(one.identity, []).append(one)
    return [Vetted(tuple(group), _refuse(group[0], governance, today)) for group in groups.values()]


def _refuse(one: InlineSuppression, governance: Governance, today: date) -> Refusal | None:
    inside = one.origin != "config"
    native = _NATIVE.get(one.origin)
    if inside and not governance.inline:
        what = native or "suppressions inside templates"
        message = f"{what} are not allowed here (governance.inline = false): '{one.rule}'"
        return Refusal(FORBIDDEN, message, "Satisfy the rule, or ask for a suppression in the configuration.")
    if native and not governance.native:
        message = f"{native} are not allowed here (governance.native = false): '{one.rule}'"
        fix = f'Write Metadata.stackproof.suppress: [{{rule: {one.rule}, reason: …, until: "…"}}] instead.'
        return Refusal(UNGOVERNED, message, fix)
    if not is_glob(one.rule) and matches_any(governance.forbid, one.rule):
        message = f"nobody may suppress '{one.rule}' here (governance.forbid)"
        return Refusal(FORBIDDEN, message, "Remove the suppression and satisfy the rule.")
    if native:
        return None
    return _incomplete(one, governance) or _dated(one, governance, today)


def _incomplete(one: InlineSuppression, governance: Governance) -> Refusal | None:
    if not one.reason:
        message = f"the suppression of '{one.rule}' gives no reason"
        return Refusal(MALFORMED, message, "Add 'reason': why breaking the rule is right here.")
    if not one.until and governance.require_until:
        message = f"the suppression of '{one.rule}' gives no expiry date"
        return Refusal(MALFORMED, message, "Add 'until', a date like \"2026-12-31\".")
    return None


def _dated(one: InlineSuppression, governance: Governance, today: date) -> Refusal | None:
    if not one.until:
        return None
    until = date.fromisoformat(one.until)
    if until < today:
        message = f"the suppression of '{one.rule}' expired on {one.until}"
        return Refusal(EXPIRED, message, "Satisfy the rule, or decide anew and give a later date.")
    if governance.max_days and (until - today).days > governance.max_days:
        days = (until - today).days
        message = (
            f"the suppression of '{one.rule}' lasts {days} days, allowed are {governance.max_days} "
            "(governance.max_days)"
        )
        return Refusal(FORBIDDEN, message, "Give an earlier 'until'.")
    return None


def finding_for(one: InlineSuppression, refusal: Refusal, *, idle: bool) -> Finding:
    """The finding for a refused suppression; ``idle`` when it would not silence anything any more."""
    gone = idle and refusal.rule == EXPIRED
    message = f"{refusal.message}; what it silenced is gone" if gone else refusal.message
    return _finding(one, refusal.rule, message, "Remove it." if gone else refusal.fix, Severity.ERROR)


def unused(one: InlineSuppression, *, known: bool) -> Finding:
    """The finding for a suppression that silenced nothing; ``known``: a rule of the run has its name."""
    where = f" in {', '.join(one.configurations)}" if one.configurations else ""
    why = "" if known else ": no rule of this run has that name"
    message = f"the suppression of '{one.rule}' silences nothing{where}{why}"
    fix = "Remove it, or correct its rule, place or configurations."
    return _finding(one, UNUSED, message, fix, Severity.WARNING)


def forbidden_part(one: InlineSuppression, rules: Iterable[str]) -> Finding:
    """The finding for a glob that would have silenced rules that nobody may suppress."""
    message = (
        f"the suppression of '{one.rule}' covers {', '.join(sorted(rules))}, which nobody may suppress here"
    )
    return _finding(one, FORBIDDEN, message, "Name the rules that are meant.", Severity.ERROR)


def _finding(one: InlineSuppression, rule: str, message: str, fix: str, severity: Severity) -> Finding:
    return Finding(
        rule=rule,
        message=message,
        location=one.location,
        severity=severity,
        source="verdict",
        logical_id=one.logical_id,
        evidence={"suppressed": one.rule},
        fix=fix,
    )

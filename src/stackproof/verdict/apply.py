"""Applying suppressions to merged findings, and telling which suppressions silence nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from stackproof.config import Config
from stackproof.model import Finding, Status, Suppression
from stackproof.verdict import governance
from stackproof.verdict.governance import Vetted
from stackproof.verdict.match import (
    is_glob,
    literal_prefix,
    matches,
    matches_any,
    matches_file,
    rule_selected,
)
from stackproof.verdict.merge import configurations_of, template_of
from stackproof.verdict.outcome import RunOutcome
from stackproof.verdict.suppress import InlineSuppression

_OTHER_PILLARS = {
    "prove": ("SP-PROVE-", "SP-DEPLOY-"),
    "inspect": ("SP-INSPECT-", "SP-HOST-"),
}
"""Rules of the other pillars: a suppression of one of them is used, or not, in their runs only."""


@dataclass(frozen=True, slots=True)
class Applied:
    """Findings with their status, the findings about suppressions, and the ungoverned ones that count."""

    findings: tuple[Finding, ...]
    about: tuple[Finding, ...]
    ungoverned: tuple[InlineSuppression, ...]


@dataclass(slots=True)
class _Tally:
    """What each written suppression did: which it silenced, which it may not."""

    used: set[int] = field(default_factory=set)
    forbidden: dict[int, set[str]] = field(default_factory=dict)


def apply(
    findings: Iterable[Finding],
    suppressions: Iterable[InlineSuppression],
    outcome: RunOutcome,
    config: Config,
    today: date,
) -> Applied:
    """Give each finding its status; split one that is suppressed in some configurations only."""
    vetted = governance.vet(suppressions, config.governance, today)
    known = configurations_of(outcome.judged)
    tally = _Tally()
    result = [part for one in findings for part in _divide(one, vetted, known, config, tally)]
    about = [*_about(vetted, tally), *_unused(vetted, tally, outcome, config, known)]
    ungoverned = (one.written for one in vetted if not one.written.governed and one.refusal is None)
    return Applied(tuple(result), tuple(about), tuple(ungoverned))


def _divide(
    finding: Finding,
    vetted: Sequence[Vetted],
    known: Mapping[str, tuple[str, ...]],
    config: Config,
    tally: _Tally,
) -> list[Finding]:
    if finding.rule.startswith(governance.PREFIX):
        return [finding]
    every = known.get(template_of(finding), ())
    left = list(finding.configurations or every or ("",))
    parts: list[Finding] = []
    for position, one in enumerate(vetted):
        match = next((copy for copy in one.copies if covers(copy, finding)), None)
        if match is None:
            continue
        names = match.configurations
        taken = [name for name in left if not names or matches_any(names, name)]
        if one.refusal is not None:
            tally.used.add(position)
        elif is_glob(match.rule) and matches_any(config.governance.forbid, finding.rule):
            tally.forbidden.setdefault(position, set()).add(finding.rule)
        elif taken:
            tally.used.add(position)
            left = [name for name in left if name not in taken]
            shown = _shown(taken, finding, every)
            parts.append(
                replace(finding, configurations=shown, status=Status.SUPPRESSED, suppression=_recorded(match))
            )
    if left:
        parts.insert(0, replace(finding, configurations=_shown(left, finding, every)))
    return parts


def _shown(names: Sequence[str], finding: Finding, every: Sequence[str]) -> tuple[str, ...]:
    """The configurations to show: none where all of them are meant."""
    whole = finding.configurations or every
    return finding.configurations if len(names) >= len(whole) else tuple(names)


def _recorded(one: InlineSuppression) -> Suppression:
    return Suppression(one.rule, one.reason, one.until, one.location, one.governed)


def covers(one: InlineSuppression, finding: Finding) -> bool:
    """Whether rule and place of a suppression fit a finding (configurations are not looked at)."""
    if one.origin == "cfn-lint" or not matches(one.rule, finding.rule):
        return False
    if one.origin == "config":
        template = template_of(finding)
        in_files = not one.templates or any(matches_file(glob, template) for glob in one.templates)
        return in_files and (not one.resources or matches_any(one.resources, finding.logical_id))
    if one.origin == "guard" and finding.source not in {"guard", ""}:
        return False
    if template_of(finding) != one.file:
        return False
    return not one.logical_id or one.logical_id == finding.logical_id or _within(one, finding)


def _within(one: InlineSuppression, finding: Finding) -> bool:
    """Whether the finding points into the suppression's resource, as those of generated resources do."""
    if one.span is None or finding.location.file != one.file:
        return False
    start, after = one.span
    return start <= (finding.location.line, finding.location.column) < after


def _about(vetted: Sequence[Vetted], tally: _Tally) -> list[Finding]:
    findings = []
    for position, one in enumerate(vetted):
        if one.refusal is not None:
            idle = position not in tally.used
            findings.append(governance.finding_for(one.written, one.refusal, idle=idle))
        elif position in tally.forbidden:
            findings.append(governance.forbidden_part(one.written, tally.forbidden[position]))
    return findings


def _unused(
    vetted: Sequence[Vetted],
    tally: _Tally,
    outcome: RunOutcome,
    config: Config,
    known: Mapping[str, tuple[str, ...]],
) -> list[Finding]:
    findings = []
    for position, one in enumerate(vetted):
        quiet = one.refusal is None and position not in tally.used and position not in tally.forbidden
        if (
            quiet
            and one.written.governed
            and all(_decidable(copy, outcome, config, known) for copy in one.copies)
        ):
            rule = one.written.rule
            named = not outcome.rules or any(matches(rule, info.id) for info in outcome.rules)
            findings.append(governance.unused(one.written, known=named))
    return findings


def _decidable(
    one: InlineSuppression, outcome: RunOutcome, config: Config, known: Mapping[str, tuple[str, ...]]
) -> bool:
    """Whether this run saw all that the suppression could have silenced."""
    if not _rule_ran(one.rule, outcome, config):
        return False
    if one.origin == "config":
        return outcome.complete and not outcome.cut_off
    if one.file not in known or one.file in outcome.cut_off:
        return False
    if outcome.complete or not one.configurations:
        return True
    return any(matches_any(one.configurations, name) for name in known[one.file])


def _rule_ran(rule: str, outcome: RunOutcome, config: Config) -> bool:
    select, ignore = (*config.select, *outcome.select), (*config.ignore, *outcome.ignore)
    if select or ignore:
        wide = is_glob(rule) and (bool(ignore) or "*" not in select)
        if wide or not rule_selected(rule, select, ignore):
            return False
    if outcome.problems and not any(matches(rule, info.id) for info in outcome.rules):
        return False
    return _of_pillar(rule, outcome.pillar)


def _of_pillar(rule: str, pillar: str) -> bool:
    """Whether all that the glob can match belongs to the pillar that ran."""
    start = literal_prefix(rule)
    for other, prefixes in _OTHER_PILLARS.items():
        for prefix in prefixes:
            if start.startswith(prefix):
                return other == pillar
            if is_glob(rule) and prefix.startswith(start):
                return False
    return pillar == "check"

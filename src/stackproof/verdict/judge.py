"""From what a pillar saw to its report: merge, fingerprint, suppress, hold against the baseline, decide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from stackproof import __version__
from stackproof.config import Config
from stackproof.model import Finding, Outcome, Report, Status, Verdict
from stackproof.verdict.apply import Applied, apply
from stackproof.verdict.baseline import Baseline, Entry
from stackproof.verdict.commit import commit_of
from stackproof.verdict.configured import configured
from stackproof.verdict.fingerprint import with_fingerprints
from stackproof.verdict.match import rule_selected
from stackproof.verdict.merge import configurations_of, merge, order, weigh_undecided
from stackproof.verdict.outcome import RunOutcome
from stackproof.verdict.sources import Sources
from stackproof.verdict.threshold import exit_code

__all__ = ["RunOutcome", "judge"]

_NAMED = 5


def judge(
    outcome: RunOutcome,
    config: Config,
    *,
    today: date,
    baseline: Baseline | None = None,
    root: Path,
) -> Report:
    """Decide. The report's findings are sorted by place; those that do not count keep their status.

    ``stats`` gains ``errors``, ``warnings``, ``infos`` (active ones), ``undecided``, ``suppressed``,
    ``baselined`` and ``ungoverned``.
    """
    sources = Sources(root)
    stated, broken = configured(config, root)
    weighed = (weigh_undecided(one, config.undecided) for one in (*outcome.findings, *broken))
    merged = merge(weighed, configurations_of(outcome.judged))
    marked = with_fingerprints(merged, sources.line_at)
    applied = apply(marked, (*outcome.suppressions, *stated), outcome, config, today)
    about = with_fingerprints(merge(applied.about, {}), sources.line_at)
    findings, vanished = _hold(
        sorted((*applied.findings, *about), key=order), outcome, config, baseline, root
    )
    notes = (*outcome.notes, *_ungoverned(applied), *vanished)
    return _report(outcome, config, root, findings, notes, sources, _counts(findings, applied))


def _report(
    outcome: RunOutcome,
    config: Config,
    root: Path,
    findings: tuple[Finding, ...],
    notes: tuple[str, ...],
    sources: Sources,
    counts: Mapping[str, float],
) -> Report:
    """The report of what was decided."""
    code = exit_code(findings, outcome.problems, config.fail_on)
    commit, dirty = commit_of(root, _inputs(outcome, config, root))
    return Report(
        pillar=outcome.pillar,
        verdict=Verdict.PASS if code == 0 else Verdict.FAIL,
        exit_code=code,
        findings=findings,
        problems=outcome.problems,
        notes=notes,
        judged=outcome.judged,
        rules=outcome.rules,
        complete=outcome.complete,
        partial_because=outcome.partial_because,
        commit=commit,
        dirty=dirty,
        tool_version=__version__,
        fail_on=config.fail_on,
        sources=sources.near(findings),
        graphs=outcome.graphs,
        timelines=outcome.timelines,
        stats={**outcome.stats, **counts},
    )


def _hold(
    findings: Sequence[Finding], outcome: RunOutcome, config: Config, baseline: Baseline | None, root: Path
) -> tuple[tuple[Finding, ...], list[str]]:
    """Mark what the baseline records; say which of its entries no longer occur."""
    if baseline is None:
        return tuple(findings), []
    judged = {one.file for one in outcome.judged} - outcome.cut_off
    known, left = baseline.match(findings, lambda file: file in judged or not (root / file).exists())
    held = tuple(
        replace(one, status=Status.BASELINED) if position in known else one
        for position, one in enumerate(findings)
    )
    return held, _vanished([one for one in left if _would_occur(one, outcome, config, judged, root)])


def _would_occur(entry: Entry, outcome: RunOutcome, config: Config, judged: set[str], root: Path) -> bool:
    """Whether this run would have shown the entry's finding if it were still there."""
    select, ignore = (*config.select, *outcome.select), (*config.ignore, *outcome.ignore)
    if not rule_selected(entry.rule, select, ignore) or outcome.problems:
        return False
    return entry.file in judged or (outcome.complete and entry.file not in outcome.cut_off)


def _vanished(entries: Sequence[Entry]) -> list[str]:
    if not entries:
        return []
    occur = "no longer occurs" if len(entries) == 1 else "no longer occur"
    return [
        f"the baseline holds {_number(len(entries), 'finding')} that {occur}: "
        f"{_some([f'{one.rule} in {one.file}' for one in entries])}; "
        "'stackproof baseline --prune' takes them out"
    ]


def _ungoverned(applied: Applied) -> list[str]:
    if not applied.ungoverned:
        return []
    named = [f"{one.rule} ({one.origin}) at {one.location}" for one in applied.ungoverned]
    return [f"{_number(len(named), 'ungoverned suppression')} without reason and date: {_some(named)}"]


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _counts(findings: Iterable[Finding], applied: Applied) -> dict[str, float]:
    tally: Counter[str] = Counter()
    for one in findings:
        if one.status is not Status.ACTIVE:
            tally[one.status.value] += 1
        elif one.outcome is not Outcome.NOTE:
            tally[f"{one.severity.value}s"] += 1
            tally["undecided"] += one.outcome is Outcome.UNDECIDED
    names = ("errors", "warnings", "infos", "undecided", "suppressed", "baselined")
    return {**{name: float(tally[name]) for name in names}, "ungoverned": float(len(applied.ungoverned))}


def _inputs(outcome: RunOutcome, config: Config, root: Path) -> set[str]:
    """Files whose being untracked means that the commit is not what was judged."""
    rules = {one.location.file for one in outcome.rules if one.location is not None}
    own = set()
    if config.file and Path(config.file).is_relative_to(root):
        own = {Path(config.file).relative_to(root).as_posix()}
    return {one.file for one in outcome.judged} | rules | own

"""One finding in several configurations is shown once, with the configurations that have it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from stackproof.model import Finding, Judged, Outcome, Severity

_MOST_RELATED = 12


def template_of(finding: Finding) -> str:
    """The template that a finding was found for: where it points, unless its evidence says otherwise."""
    return finding.evidence.get("template") or finding.location.file


def configurations_of(judged: Iterable[Judged]) -> dict[str, tuple[str, ...]]:
    """For each judged template the names of its configurations (none: it was judged by its defaults)."""
    known: dict[str, tuple[str, ...]] = {}
    for one in judged:
        named = (*known.get(one.file, ()), *(name for name in one.configurations if name))
        known[one.file] = tuple(dict.fromkeys(named))
    return known


def weigh_undecided(finding: Finding, undecided: str) -> Finding:
    """An undecided finding weighs what the configuration says, never more than the rule itself."""
    limit = Severity(undecided)
    if finding.outcome is not Outcome.UNDECIDED or limit.rank >= finding.severity.rank:
        return finding
    return replace(finding, severity=limit)


def merge(findings: Iterable[Finding], known: Mapping[str, Sequence[str]]) -> list[Finding]:
    """Merge what differs only in configuration; ``configurations`` is () where all of a template's have it.

    Sorted by file, line, column, rule and message.
    """
    groups: dict[Any, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(_key(finding), []).append(finding)
    return sorted((_join(group, known) for group in groups.values()), key=order)


def order(finding: Finding) -> Any:
    """The order in which findings are reported."""
    place = (finding.location.file, finding.location.line, finding.location.column)
    return (*place, finding.rule, finding.message, _path(finding), finding.outcome, finding.configurations)


def _key(finding: Finding) -> Any:
    return (
        finding.rule,
        finding.message,
        finding.location,
        _path(finding),
        finding.logical_id,
        finding.outcome,
        finding.severity,
        finding.source,
        template_of(finding),
    )


def _path(finding: Finding) -> tuple[str, ...]:
    return tuple(f"{key:09d}" if isinstance(key, int) else f"/{key}" for key in finding.path)


def _join(group: list[Finding], known: Mapping[str, Sequence[str]]) -> Finding:
    first = group[0]
    names = tuple(dict.fromkeys(name for one in group for name in one.configurations if name))
    in_all = any(not any(one.configurations) for one in group)
    every = tuple(known.get(template_of(first), ()))
    if in_all or (every and set(names) >= set(every)):
        names = ()
    else:
        names = tuple(
            sorted(names, key=lambda name: (every.index(name) if name in every else len(every), name))
        )
    if len(group) == 1:
        return replace(first, configurations=names)
    related = tuple(dict.fromkeys(entry for one in group for entry in one.related))[:_MOST_RELATED]
    fix = next((one.fix for one in group if one.fix), "")
    return replace(first, configurations=names, related=related, evidence=_evidence(group), fix=fix)


def _evidence(group: list[Finding]) -> dict[str, str]:
    """The facts of all, with the different values of one name side by side."""
    names = dict.fromkeys(name for one in group for name in one.evidence)
    return {
        name: " | ".join(dict.fromkeys(one.evidence[name] for one in group if name in one.evidence))
        for name in names
    }

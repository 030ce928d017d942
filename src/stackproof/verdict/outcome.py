"""What a pillar hands to the verdict room: everything it saw, nothing decided yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stackproof.model import Finding, Judged, Problem, RuleInfo
from stackproof.verdict.suppress import InlineSuppression


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """The raw result of one run.

    ``findings`` may hold one finding for each configuration that shows it. A finding that points into
    another file than the template it was found for (a parameter file, an include) carries the template
    in ``evidence["template"]``, so that the template's suppressions reach it.
    ``suppressions`` are those written in the judged templates; those from configuration are added later.
    ``select`` and ``ignore`` are the rule globs of this run beyond those of the configuration.
    ``cut_off`` are templates whose judging did not finish (time limit, crash): nothing is said
    about unused suppressions or vanished baseline entries there.
    """

    pillar: str
    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()
    judged: tuple[Judged, ...] = ()
    rules: tuple[RuleInfo, ...] = ()
    suppressions: tuple[InlineSuppression, ...] = ()
    notes: tuple[str, ...] = ()
    complete: bool = True
    partial_because: str = ""
    stats: Mapping[str, float] = field(default_factory=dict)
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    cut_off: frozenset[str] = frozenset()
    graphs: Mapping[str, str] = field(default_factory=dict)
    timelines: Mapping[str, str] = field(default_factory=dict)

"""One run of the gate: find, select, answer from the cache what is known, judge the rest, decide."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from stackproof.config import Config
from stackproof.errors import UsageError
from stackproof.gate.cache import Cache
from stackproof.gate.digests import Files
from stackproof.gate.keys import Keys
from stackproof.gate.known import refuse_unknown
from stackproof.gate.merging import without_echoes
from stackproof.gate.request import CheckRequest
from stackproof.gate.results import EstateResult
from stackproof.gate.rules import TIMEOUT
from stackproof.gate.scope import left_out, remarks
from stackproof.gate.selection import Selection, find, select
from stackproof.model import Finding, Report
from stackproof.verdict import baseline as baselines
from stackproof.verdict.baseline import Baseline
from stackproof.verdict.judge import judge
from stackproof.verdict.match import rule_selected
from stackproof.verdict.merge import template_of
from stackproof.verdict.outcome import RunOutcome

PILLAR = "check"

_LIMITS = {
    TIMEOUT: "judging was cut off by the time limit",
    "SP-CONFIG-BOUND": "not every combination of allowed values was judged",
    "SP-TRANSFORM-MACRO": "a macro could not be expanded",
    "SP-TRANSFORM-NOT-INCLUDED": "an include was no local file",
}


Step = Callable[[str], None]
"""Tells a progress display that the template of this name is done."""

Progress = Callable[[str, int], AbstractContextManager[Step]]
"""Opens a progress display with a label for a number of templates."""


def check(
    request: CheckRequest,
    config: Config,
    root: Path,
    *,
    today: datetime.date | None = None,
    progress: Progress | None = None,
) -> Report:
    """Judge the templates that the request names and give the one verdict.

    Raises ``NothingToJudge`` when there is no template, ``UsageError`` for a request that cannot be met
    and ``ConfigError`` or ``RuleError`` for a configuration that cannot be used at all.
    """
    outcome = run(request, config, root, progress=progress)
    return judge(
        outcome,
        config,
        today=today or datetime.date.today(),
        baseline=_baseline(request, config, root),
        root=root,
    )


def run(request: CheckRequest, config: Config, root: Path, *, progress: Progress | None = None) -> RunOutcome:
    """What ``check`` sees before anything is suppressed, held against a baseline or decided."""
    discovery = find(request, config, root)
    files = Files(root)
    keys = Keys(root, config, files, discovery.templates, as_written=request.as_written)
    selection = select(request, config, root, discovery, keys)
    cache = Cache(root / config.cache if request.use_cache and config.cache else None, files.digest)
    key = keys.run((template.file for template in selection.judged), _assemblies(selection))
    answer = cache.find(key, EstateResult)
    if answer is None:
        from stackproof.gate.fresh import Fresh

        answer = Fresh(root, config, keys, files, cache, as_written=request.as_written).judge(
            selection.judged, _assemblies(selection), key, progress or _no_progress
        )
        cache.tidy()
    return _outcome(request, config, root, selection, answer)


def _outcome(
    request: CheckRequest, config: Config, root: Path, selection: Selection, answer: EstateResult
) -> RunOutcome:
    if not answer.problems:
        refuse_unknown(request, config, answer.rules)
    chosen, ignored = (*config.select, *request.select), (*config.ignore, *request.ignore)
    because = left_out(request, config, root, selection, answer)
    remarked = remarks(request, config, answer, complete=not because)
    found = (*selection.discovery.findings, *answer.findings)

    def shown(rule: str) -> bool:
        return rule_selected(rule, chosen, ignored)

    said = without_echoes(found, shown, as_written=request.as_written)
    return RunOutcome(
        pillar=PILLAR,
        findings=tuple(finding for finding in said if shown(finding.rule)),
        problems=(*selection.discovery.problems, *answer.problems),
        judged=answer.judged,
        rules=answer.rules,
        suppressions=answer.suppressions,
        notes=(*remarked, *selection.notes, *answer.notes, *_limits(found)),
        complete=not because,
        partial_because=", ".join(because),
        stats={"templates": float(len(selection.judged))},
        select=request.select,
        ignore=request.ignore,
        cut_off=frozenset(answer.cut_off),
    )


def _limits(findings: Iterable[Finding]) -> list[str]:
    """What the run could not look at in full, in one line each."""
    templates: dict[str, set[str]] = {}
    for finding in findings:
        if finding.rule in _LIMITS:
            templates.setdefault(finding.rule, set()).add(template_of(finding))
    return [
        f"{_LIMITS[rule]} in {len(files)} {'template' if len(files) == 1 else 'templates'} ({rule})"
        for rule, files in sorted(templates.items())
    ]


def _assemblies(selection: Selection) -> Sequence[Path]:
    """The cloud assemblies of which something is judged; all of them when nothing was left out."""
    if not selection.partial_because:
        return selection.discovery.assemblies
    concerned = {template.path for template in selection.judged if template.assembly}
    return [
        folder
        for folder in selection.discovery.assemblies
        if any(path.is_relative_to(folder) for path in concerned)
    ]


def _baseline(request: CheckRequest, config: Config, root: Path) -> Baseline | None:
    if not request.use_baseline:
        return None
    if request.baseline is None:
        return baselines.load(root / config.baseline) if config.baseline else None
    found = baselines.load(request.baseline)
    if found is None:
        raise UsageError(f"there is no baseline '{request.baseline}'", hint="see 'stackproof baseline'")
    return found


def _no_progress(label: str, total: int) -> AbstractContextManager[Step]:
    return nullcontext(lambda name: None)


def with_overrides(config: Config, **settings: object) -> Config:
    """The configuration with the command line's settings; None leaves one as it is."""
    import msgspec

    given = {name: value for name, value in settings.items() if value is not None}
    return msgspec.structs.replace(config, **given) if given else config

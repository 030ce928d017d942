"""Judge what the cache cannot answer: load the engines, hand the templates to workers, gather."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stackproof.config import Config
from stackproof.errors import StackproofError
from stackproof.gate import rules
from stackproof.gate.cache import Cache
from stackproof.gate.digests import Files
from stackproof.gate.keeping import Keeper
from stackproof.gate.keys import Keys
from stackproof.gate.lanes import Lanes, Policies, Results, Told
from stackproof.gate.packing import unpack
from stackproof.gate.pool import Ended, Part, Pool, Prepared, Unfit
from stackproof.gate.results import OUTSIDE, RESOLVED, WRITTEN, EstateResult, StageResult
from stackproof.gate.sending import sound
from stackproof.model import Finding, Judged, Location, Problem, RuleInfo
from stackproof.template.discover import TemplateFile

if TYPE_CHECKING:
    from stackproof.gate.run import Progress

_NAMES = {RESOLVED: "Guard and the checks", WRITTEN: "cfn-lint", OUTSIDE: "cfn-lint on outside values"}


_FEW = 4
"""So few templates are not shared out: cfn-lint and Guard are loaded side by side instead."""


@dataclass(slots=True)
class _Gathered:
    """What is known of the templates so far: ``results[file][stage]``."""

    results: dict[str, dict[str, StageResult]]
    ended: dict[str, Ended] = field(default_factory=dict)
    told: Told = field(default_factory=Told)
    problems: list[Problem] = field(default_factory=list)


class Fresh:
    """A run whose whole answer is not in the cache; parts of it may be."""

    def __init__(
        self, root: Path, config: Config, keys: Keys, files: Files, cache: Cache, *, as_written: bool
    ) -> None:
        self._root = root
        self._config = config
        self._keys = keys
        self._files = files
        self._cache = cache
        self._as_written = as_written
        self._stages = (RESOLVED, WRITTEN) if as_written else (RESOLVED, WRITTEN, OUTSIDE)
        self._keeper = Keeper(root, cache, files)
        self._code: tuple[Path, ...] = ()

    def judge(
        self, templates: Sequence[TemplateFile], assemblies: Sequence[Path], key: str, progress: Progress
    ) -> EstateResult:
        """The answer for these templates; it is kept under ``key`` when nothing went wrong."""
        with _without_collections():
            return self._judge(templates, assemblies, key, progress)

    def _judge(
        self, templates: Sequence[TemplateFile], assemblies: Sequence[Path], key: str, progress: Progress
    ) -> EstateResult:
        lint_rules = self._cache.find(self._keys.lint_rules(), tuple[RuleInfo, ...])
        try:
            gathered, told, lint_rules = self._work(templates, lint_rules, progress)
        except Unfit:
            # cfn-lint or a rule set cannot be loaded: in this process the same happens, with a better word.
            gathered, told, lint_rules = self._work(templates, None, progress)
        answer = self._answer(templates, assemblies, gathered)
        answer = replace(
            answer,
            problems=(*told.problems, *answer.problems),
            rules=_shown((*told.rules, *rules.RULES.values()), lint_rules, answer),
        )
        if not gathered.ended and not gathered.problems:
            self._keep_whole(key, answer, gathered)
        self._keeper.flush()
        return answer

    def _work(
        self,
        templates: Sequence[TemplateFile],
        lint_rules: tuple[RuleInfo, ...] | None,
        progress: Progress,
    ) -> tuple[_Gathered, Told, tuple[RuleInfo, ...]]:
        """Judge what the cache does not know, with the rules that were there for it."""
        workers = self._config.workers or _processors()
        lanes = self._lanes(templates, self._kept)
        with Pool(self._config.time_limit) as pool:
            early = []
            if lint_rules is not None and workers > 1:
                early = [pool.open(lanes.linting), pool.open(lanes.deploying)]
            gathered = _Gathered({template.file: self._kept(template.file) for template in templates})
            missing = _missing(templates, gathered, len(self._stages))
            if early and lint_rules is not None and 0 < len(missing) <= _FEW:
                for lane in early:
                    pool.give(lane, missing)
                self._gather(pool, templates, len(early), gathered, progress)
                told = gathered.told if gathered.told.rules else lanes.policies().told
                return gathered, self._known_code(told), lint_rules
            pool.close(*early)
            policies = lanes.policies()
            self._known_code(policies.told)
            if missing or lint_rules is None:
                lint_rules = self._in_turn(pool, templates, missing, policies, gathered, progress)
        return gathered, policies.told, lint_rules

    def _in_turn(
        self,
        pool: Pool,
        templates: Sequence[TemplateFile],
        missing: Sequence[int],
        policies: Policies,
        gathered: _Gathered,
        progress: Progress,
    ) -> tuple[RuleInfo, ...]:
        """Load everything here, once, and share the templates out; gives cfn-lint's rules."""
        lanes = self._lanes(templates, dict(gathered.results).__getitem__)
        lint_rules: tuple[RuleInfo, ...] = ()
        files = [templates[job].file for job in missing]
        try:
            loaded = lanes.linter()
        except StackproofError as error:
            gathered.problems.append(_unusable(error, self._files))
            ready = lanes.together(None, policies, files)
        else:
            self._known_code(Told(code=loaded.code))
            lint_rules = tuple(loaded.engine.rules())
            self._keeper.keep(self._keys.lint_rules(), lint_rules, self._code)
            ready = lanes.together(loaded.engine, policies, files)
        workers = min(self._config.workers or _processors(), len(missing))
        pool.give(pool.open(lambda: ready, workers), missing)
        self._gather(pool, templates, 1, gathered, progress)
        return lint_rules

    def _lanes(self, templates: Sequence[TemplateFile], known: Callable[[str], Results]) -> Lanes:
        return Lanes(
            self._root,
            self._config,
            self._keys,
            templates,
            known,
            self._stages,
            as_written=self._as_written,
        )

    def _known_code(self, told: Told) -> Told:
        self._code = tuple(dict.fromkeys((*self._code, *map(Path, told.code))))
        return told

    def _gather(
        self,
        pool: Pool,
        templates: Sequence[TemplateFile],
        lanes: int,
        gathered: _Gathered,
        progress: Progress,
    ) -> None:
        """Take what the pool gives; a template is done when it has come to its end in every lane."""
        ends: Counter[str] = Counter()
        total = _missing(templates, gathered, len(self._stages))
        with closing(pool.events()) as events, progress("judging", len(total)) as step:
            for event in events:
                if isinstance(event, Prepared):
                    gathered.told = gathered.told.and_of(self._known_code(unpack(event.told, Told)))
                    continue
                file = templates[event.job].file
                if isinstance(event, Part):
                    self._take(file, event, gathered)
                    continue
                ends[file] += 1
                if ends[file] == lanes:
                    step(file)
                if event.failure:
                    gathered.ended[file] = event

    def _kept(self, file: str) -> dict[str, StageResult]:
        found = (
            (stage, self._cache.find(self._keys.stage(file, stage), StageResult)) for stage in self._stages
        )
        return {stage: result for stage, result in found if result is not None}

    def _take(self, file: str, part: Part, gathered: _Gathered) -> None:
        result = unpack(part.payload, StageResult)
        result = replace(result, reads=tuple(sorted({self._files.name(path) for path in result.reads})))
        gathered.results[file][result.stage] = result
        self._keeper.keep(self._keys.stage(file, result.stage), result, [*result.reads, *self._code])

    def _keep_whole(self, key: str, answer: EstateResult, gathered: _Gathered) -> None:
        names = {
            name for results in gathered.results.values() for one in results.values() for name in one.reads
        }
        if not any(problem.exit_code == 3 for problem in answer.problems):
            self._keeper.keep(key, answer, [*names, *self._code])

    def _answer(
        self, templates: Sequence[TemplateFile], assemblies: Sequence[Path], gathered: _Gathered
    ) -> EstateResult:
        findings: list[Finding] = []
        problems = list(gathered.problems)
        for file, ended in gathered.ended.items():
            if ended.overran:
                findings.append(rules.timeout(file, self._config.time_limit, _done(gathered.results[file])))
            else:
                problems.append(_crashed(file, ended))
        for folder in assemblies:
            findings += self._assembly(folder)
        every = [
            gathered.results[template.file][stage]
            for template in templates
            for stage in self._stages
            if stage in gathered.results[template.file]
        ]
        judged = {result.judged.file: result.judged for result in every if result.judged is not None}
        return EstateResult(
            findings=(*(finding for result in every for finding in result.findings), *findings),
            suppressions=tuple(one for result in every for one in result.suppressions),
            judged=tuple(judged.get(template.file, Judged(template.file)) for template in templates),
            problems=(*problems, *(problem for result in every for problem in result.problems)),
            notes=tuple(dict.fromkeys(note for result in every for note in result.notes)),
            cut_off=tuple(sorted(gathered.ended)),
        )

    def _assembly(self, folder: Path) -> tuple[Finding, ...]:
        key = self._keys.assembly(folder)
        known = self._cache.find(key, tuple[Finding, ...])
        if known is None:
            from stackproof.template.assembly import check_assembly

            known = sound(check_assembly(folder, self._root).findings, tuple[Finding, ...])
            self._keeper.keep(key, known)
        return known


@contextmanager
def _without_collections() -> Iterator[None]:
    """Rules and schemas live to the end of a run: to look through them for garbage only costs time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _done(results: Mapping[str, StageResult]) -> str:
    names = [_NAMES[stage] for stage in (RESOLVED, WRITTEN, OUTSIDE) if stage in results]
    return f"; {' and '.join(names)} came to their end before" if names else ""


def _unusable(error: StackproofError, files: Files) -> Problem:
    """cfn-lint cannot be loaded: what Guard and the checks find is told all the same."""
    place = Location(files.name(error.file), max(1, error.line), max(1, error.column)) if error.file else None
    return Problem(error.message, error.exit_code, place, error.hint or "the other rules still ran")


def _crashed(file: str, ended: Ended) -> Problem:
    return Problem(
        f"judging this template failed: {ended.failure}",
        exit_code=3,
        location=Location(file),
        hint=ended.details.strip() or "the other templates were judged; please report this with the template",
    )


def _shown(known: Iterable[RuleInfo], lint: Iterable[RuleInfo], answer: EstateResult) -> tuple[RuleInfo, ...]:
    """Every rule of ours and of Guard, and those of cfn-lint that are named by a finding."""
    named = {finding.rule for finding in answer.findings}
    every = {rule.id: rule for rule in (*(rule for rule in lint if rule.id in named), *known)}
    return tuple(every[name] for name in sorted(every))


def _missing(templates: Sequence[TemplateFile], gathered: _Gathered, stages: int) -> list[int]:
    """The numbers of the templates of which a stage is not known, the largest first."""
    jobs = [job for job, one in enumerate(templates) if len(gathered.results[one.file]) < stages]
    return sorted(jobs, key=lambda job: -_size(templates[job].path))


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0

"""Judge what the cache cannot answer: load the engines, hand the templates to workers, gather."""

from __future__ import annotations

import gc
import os
import stat
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stackproof.config import Config
from stackproof.gate import rules
from stackproof.gate.cache import Cache
from stackproof.gate.digests import EXISTS, Files
from stackproof.gate.keys import Keys
from stackproof.gate.packing import unpack
from stackproof.gate.pool import Ended, Part, Pool
from stackproof.gate.results import OUTSIDE, RESOLVED, WRITTEN, EstateResult, StageResult
from stackproof.gate.sending import message, sound
from stackproof.model import Finding, Judged, Location, Problem, RuleInfo
from stackproof.template.discover import TemplateFile

if TYPE_CHECKING:
    from stackproof.gate.judging import Engines
    from stackproof.gate.run import Progress

_NAMES = {RESOLVED: "Guard and the checks", WRITTEN: "cfn-lint", OUTSIDE: "cfn-lint on outside values"}


@dataclass(slots=True)
class _Gathered:
    """What is known of the templates so far: ``results[file][stage]``."""

    results: dict[str, dict[str, StageResult]]
    ended: dict[str, Ended] = field(default_factory=dict)


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
        self._started = time.time_ns()
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
        from stackproof.checks.base import load_checks
        from stackproof.checks.guard.engine import GuardEngine
        from stackproof.checks.guard.rulesets import load_rulesets

        gathered = _Gathered({template.file: self._kept(template.file) for template in templates})
        missing = [one for one in templates if len(gathered.results[one.file]) < len(self._stages)]
        rulesets, checks = load_rulesets(self._config, self._root), load_checks(self._config.checks)
        guard = GuardEngine(rulesets)
        self._code = tuple(_editable_code(checks.checks))
        lint_rules = self._cache.find(self._keys.lint_rules(), tuple[RuleInfo, ...])
        if missing or lint_rules is None:
            from stackproof.checks.lint.engine import LintEngine
            from stackproof.gate.judging import Engines

            lint = LintEngine(self._config, self._root)
            lint_rules = tuple(lint.rules())
            self._cache.keep(self._keys.lint_rules(), lint_rules, {})
            self._work(missing, Engines(lint, guard, checks), gathered, progress)
        answer = self._answer(templates, assemblies, gathered)
        known = (*guard.rules(), *checks.rules(), *rules.RULES.values())
        answer = replace(
            answer,
            problems=(*rulesets.problems, *checks.problems, *answer.problems),
            rules=_shown(known, lint_rules, answer),
        )
        if not gathered.ended:
            self._keep_whole(key, answer, gathered)
        return answer

    def _kept(self, file: str) -> dict[str, StageResult]:
        found = (
            (stage, self._cache.find(self._keys.stage(file, stage), StageResult)) for stage in self._stages
        )
        return {stage: result for stage, result in found if result is not None}

    def _work(
        self, missing: Sequence[TemplateFile], engines: Engines, gathered: _Gathered, progress: Progress
    ) -> None:
        from stackproof.gate.estates import Estates, groups
        from stackproof.gate.judging import Judge
        from stackproof.gate.reads import Recorder
        from stackproof.template.environments import FOLDER

        related = groups(self._keys.links, [template.file for template in missing])
        estates = Estates(self._root, self._config, self._keys.templates, related)
        folders = {template.path.parent for template in self._keys.templates.values()}
        recorder = Recorder(folders | {folder / FOLDER for folder in folders})
        judge = Judge(engines, estates, recorder, as_written=self._as_written)
        known = {file: dict(results) for file, results in gathered.results.items()}

        def work(job: int) -> Iterator[bytes]:
            template = missing[job]
            kept = known[template.file]
            wanted = frozenset(self._stages) - kept.keys()
            return map(message, judge.stages(template, wanted, kept.get(WRITTEN)))

        workers = self._config.workers or _processors()
        pool = Pool(work, workers, self._config.time_limit)
        order = sorted(range(len(missing)), key=lambda job: -_size(missing[job].path))
        with closing(pool.run(order)) as events, progress("judging", len(missing)) as step:
            for event in events:
                file = missing[event.job].file
                if isinstance(event, Part):
                    self._take(file, event, gathered)
                    continue
                step(file)
                if event.failure:
                    gathered.ended[file] = event

    def _take(self, file: str, part: Part, gathered: _Gathered) -> None:
        result = unpack(part.payload, StageResult)
        result = replace(result, reads=tuple(sorted({self._files.name(path) for path in result.reads})))
        gathered.results[file][result.stage] = result
        reads = self._settled([*result.reads, *self._code])
        if reads is not None:
            self._cache.keep(self._keys.stage(file, result.stage), result, reads)

    def _settled(self, names: Iterable[str | Path]) -> dict[str, str] | None:
        """The digests of the files, or None when one was written to while this run went on."""
        reads = self._files.reads(names)
        for name in reads:
            if not name.startswith(EXISTS) and _written(self._root / name) >= self._started:
                return None
        return reads

    def _keep_whole(self, key: str, answer: EstateResult, gathered: _Gathered) -> None:
        names = {
            name for results in gathered.results.values() for one in results.values() for name in one.reads
        }
        reads = self._settled([*names, *self._code])
        if reads is not None and not any(problem.exit_code == 3 for problem in answer.problems):
            self._cache.keep(key, answer, reads)

    def _answer(
        self, templates: Sequence[TemplateFile], assemblies: Sequence[Path], gathered: _Gathered
    ) -> EstateResult:
        findings: list[Finding] = []
        problems: list[Problem] = []
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
            self._cache.keep(key, known, {})
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


def _editable_code(checks: Iterable[object]) -> Iterator[Path]:
    """The files of checks that are not installed under a version: their content is an input."""
    for check in checks:
        module = sys.modules.get(type(check).__module__)
        file = getattr(module, "__file__", None)
        if file and "site-packages" not in Path(file).parts:
            yield Path(file)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _written(path: Path) -> int:
    """When a file was written to, in nanoseconds; 0 for one that is not there, and for a folder."""
    try:
        status = path.stat()
    except OSError:
        return 0
    return 0 if stat.S_ISDIR(status.st_mode) else status.st_mtime_ns


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0

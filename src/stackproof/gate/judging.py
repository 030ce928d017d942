"""What a worker does with one template: resolve it, judge it, run cfn-lint on it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stackproof.gate.estates import Estates, Instances
from stackproof.gate.reads import Recorder
from stackproof.gate.results import OUTSIDE, RESOLVED, WRITTEN, StageResult
from stackproof.gate.rules import lint_failed
from stackproof.model import Finding, Judged
from stackproof.template.discover import TemplateFile
from stackproof.template.load import Loaded
from stackproof.template.model import Document, Resolved
from stackproof.verdict.suppress import collect

if TYPE_CHECKING:
    from stackproof.checks.base import Checks
    from stackproof.checks.guard.engine import GuardEngine
    from stackproof.checks.lint.engine import LintEngine

_DANGEROUS = frozenset({"SP-LOAD-READ", "SP-LOAD-SIZE", "SP-LOAD-DEPTH"})
"""What keeps cfn-lint away from a file: it would take the time or the memory that the loader refused,
or (deeper than some 10,000 levels) the process."""
_AMPLIFIED = "SP-LOAD-ALIASES"


@dataclass(frozen=True, slots=True)
class _View:
    """One template, read and resolved. ``reads`` are the files that its instances hang on."""

    loaded: Loaded
    instances: Instances
    reads: frozenset[str]


class Views:
    """The templates as a worker sees them; what they read on the way is recorded."""

    def __init__(self, estates: Estates, recorder: Recorder, *, as_written: bool) -> None:
        self.as_written = as_written
        self._estates = estates
        self._recorder = recorder
        self._listening = False
        self._resolved: tuple[str, _View] | None = None

    def loaded(self, template: TemplateFile) -> Loaded:
        """The template, read."""
        self._listen()
        return self._estates.loaded(template.file)

    def resolved(self, template: TemplateFile) -> _View:
        """The template under each configuration; kept until another one is asked for."""
        if self._resolved is None or self._resolved[0] != template.file:
            self.reads()
            loaded = self.loaded(template)
            instances = Instances()
            if loaded.document is not None and not self.as_written:
                instances = self._estates.instances(template.file)
            view = _View(loaded, instances, instances.reads | self._recorder.take())
            self._resolved = (template.file, view)
        return self._resolved[1]

    def reads(self) -> set[str]:
        """What was read since the last call."""
        self._listen()
        return self._recorder.take()

    def _listen(self) -> None:
        """The hook cannot be taken back, so it is installed by the first job of a worker process."""
        if not self._listening:
            self._listening = True
            self._recorder.install()


class Deployed:
    """Judges templates as they will be deployed: Guard and the checks."""

    def __init__(self, guard: GuardEngine, checks: Checks, views: Views) -> None:
        self._guard = guard
        self._checks = checks
        self._views = views

    def stages(self, template: TemplateFile, wanted: Collection[str]) -> Iterator[StageResult]:
        """The stage of the deployed template, if it is wanted."""
        if RESOLVED in wanted:
            view = self._views.resolved(template)
            result = self._resolved(template, view.loaded, view.instances)
            yield replace(result, reads=tuple(sorted(view.reads | self._views.reads())))

    def _resolved(self, template: TemplateFile, loaded: Loaded, instances: Instances) -> StageResult:
        document = loaded.document
        if document is None:
            return StageResult(RESOLVED, loaded.findings, judged=Judged(template.file))
        suppressions, malformed = collect(document.tree, document.locate, document.file)
        found = [*loaded.findings, *malformed, *instances.findings]
        if self._views.as_written:
            found += self._guard.judge_written(document)
        for resolved in instances.resolved:
            found += _of_instance(resolved, resolved.expanded.findings)
            found += _of_instance(resolved, resolved.findings)
            found += _of_instance(resolved, self._guard.judge(resolved))
            found += _of_instance(resolved, self._checks.run(resolved))
        names = dict.fromkeys(one.configuration.name for one in instances.resolved)
        judged = Judged(template.file, tuple(name for name in names if name), _resources(document))
        return StageResult(RESOLVED, tuple(found), tuple(suppressions), judged)


class Linted:
    """Judges templates by cfn-lint: as written, and the values that come from outside."""

    def __init__(self, engine: LintEngine, views: Views) -> None:
        self._engine = engine
        self._views = views

    def stages(
        self, template: TemplateFile, wanted: Collection[str], written: StageResult | None
    ) -> Iterator[StageResult]:
        """The wanted ones of cfn-lint's stages. ``written`` is what the cache still has."""
        if written is None and not {WRITTEN, OUTSIDE}.isdisjoint(wanted):
            loaded = self._views.loaded(template)
            self._views.reads()
            written = self._written(template, loaded)
            yield replace(written, reads=tuple(sorted(self._views.reads())))
        if OUTSIDE in wanted and written is not None:
            view = self._views.resolved(template)
            result = self._outside(view.instances.resolved, written.findings)
            yield replace(result, reads=tuple(sorted(view.reads | self._views.reads())))

    def _written(self, template: TemplateFile, loaded: Loaded) -> StageResult:
        refused = {finding.rule for finding in loaded.findings}
        if refused & _DANGEROUS or (_AMPLIFIED in refused and not self._engine.bounds_aliases):
            return StageResult(WRITTEN)
        try:
            return StageResult(WRITTEN, tuple(self._engine.lint(template.path, template.file)))
        except Exception as error:  # noqa: BLE001 - part of the worker boundary: cfn-lint raises anything
            return StageResult(WRITTEN, (lint_failed(template.file, error),))

    def _outside(self, instances: Iterable[Resolved], shown: Collection[Finding]) -> StageResult:
        found: list[Finding] = []
        for resolved in instances:
            found += self._engine.lint_resolved(resolved, shown)
        return StageResult(OUTSIDE, tuple(found))


def _of_instance(resolved: Resolved, findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings with the configuration that they were found for, and their template."""
    name, file = resolved.configuration.name, resolved.expanded.document.file
    for finding in findings:
        marked = finding
        if name and not marked.configurations:
            marked = replace(marked, configurations=(name,))
        if marked.location.file != file and "template" not in marked.evidence:
            marked = replace(marked, evidence={**marked.evidence, "template": file})
        yield marked


def _resources(document: Document) -> int:
    resources = document.tree.get("Resources")
    return len(resources) if isinstance(resources, dict) else 0

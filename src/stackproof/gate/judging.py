"""What a worker does with one template: resolve it, judge it, run cfn-lint on it as written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from stackproof.checks.base import Checks
from stackproof.checks.guard.engine import GuardEngine
from stackproof.checks.lint.engine import LintEngine
from stackproof.gate.estates import Estates, Instances
from stackproof.gate.reads import Recorder
from stackproof.gate.results import OUTSIDE, RESOLVED, WRITTEN, StageResult
from stackproof.gate.rules import lint_failed
from stackproof.model import Finding, Judged
from stackproof.template.discover import TemplateFile
from stackproof.template.load import Loaded
from stackproof.template.model import Document, Resolved
from stackproof.verdict.suppress import collect

_DANGEROUS = frozenset({"SP-LOAD-READ", "SP-LOAD-SIZE", "SP-LOAD-DEPTH", "SP-LOAD-ALIASES"})
"""What keeps cfn-lint away from a file: it would take the time or the memory that the loader refused."""


@dataclass(frozen=True, slots=True)
class Engines:
    """Everything that judges, loaded once in the parent."""

    lint: LintEngine
    guard: GuardEngine
    checks: Checks


class Judge:
    """Judges templates one by one, in a worker process."""

    def __init__(self, engines: Engines, estates: Estates, recorder: Recorder, *, as_written: bool) -> None:
        self._engines = engines
        self._estates = estates
        self._as_written = as_written
        self._recorder = recorder
        self._listening = False

    def stages(
        self, template: TemplateFile, wanted: Collection[str], written: StageResult | None
    ) -> Iterator[StageResult]:
        """The wanted stages of one template, as they are done. ``written`` is what the cache still has."""
        recorder = self._listen()
        recorder.take()
        loaded = self._estates.loaded(template.file)
        instances = Instances()
        if loaded.document is not None and not self._as_written and set(wanted) != {WRITTEN}:
            instances = self._estates.instances(template.file)
        extra = instances.reads | recorder.take()
        if RESOLVED in wanted:
            result = self._resolved(template, loaded, instances)
            yield replace(result, reads=tuple(sorted(extra | recorder.take())))
        if written is None:
            written = self._written(template, loaded)
            yield replace(written, reads=tuple(sorted(recorder.take())))
        if OUTSIDE in wanted:
            result = self._outside(instances.resolved, written.findings)
            yield replace(result, reads=tuple(sorted(extra | recorder.take())))

    def _listen(self) -> Recorder:
        """The hook cannot be taken back, so it is installed by the first job of a worker process."""
        if not self._listening:
            self._listening = True
            self._recorder.install()
        return self._recorder

    def _resolved(self, template: TemplateFile, loaded: Loaded, instances: Instances) -> StageResult:
        document = loaded.document
        if document is None:
            return StageResult(RESOLVED, loaded.findings, judged=Judged(template.file))
        suppressions, malformed = collect(document.tree, document.locate, document.file)
        found = [*loaded.findings, *malformed, *instances.findings]
        if self._as_written:
            found += self._engines.guard.judge_written(document)
        for resolved in instances.resolved:
            found += _of_instance(resolved, resolved.expanded.findings)
            found += _of_instance(resolved, resolved.findings)
            found += _of_instance(resolved, self._engines.guard.judge(resolved))
            found += _of_instance(resolved, self._engines.checks.run(resolved))
        names = dict.fromkeys(one.configuration.name for one in instances.resolved)
        judged = Judged(template.file, tuple(name for name in names if name), _resources(document))
        return StageResult(RESOLVED, tuple(found), tuple(suppressions), judged)

    def _written(self, template: TemplateFile, loaded: Loaded) -> StageResult:
        if any(finding.rule in _DANGEROUS for finding in loaded.findings):
            return StageResult(WRITTEN)
        try:
            return StageResult(WRITTEN, tuple(self._engines.lint.lint(template.path, template.file)))
        except Exception as error:  # noqa: BLE001 - part of the worker boundary: cfn-lint raises anything
            return StageResult(WRITTEN, (lint_failed(template.file, error),))

    def _outside(self, instances: Iterable[Resolved], shown: Collection[Finding]) -> StageResult:
        found: list[Finding] = []
        for resolved in instances:
            found += self._engines.lint.lint_resolved(resolved, shown)
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

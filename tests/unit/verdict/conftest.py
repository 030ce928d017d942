"""A project in a temporary folder whose templates, findings and suppressions go through the judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from stackproof.config import Config
from stackproof.model import DocPath, Finding, Judged, Location, Report
from stackproof.verdict.baseline import Baseline
from stackproof.verdict.judge import RunOutcome, judge
from stackproof.verdict.suppress import InlineSuppression, collect

TODAY = date(2026, 6, 15)


class Source:
    """A YAML text with the position of each path, as the template room gives it."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.tree: dict[str, Any] = yaml.safe_load(text)
        self.places: dict[DocPath, Location] = {(): Location(file)}
        self._walk(yaml.compose(text), ())

    def _walk(self, node: Any, path: DocPath) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                self._mark((*path, key.value), key)
                self._walk(value, (*path, key.value))
        elif isinstance(node, yaml.SequenceNode):
            for position, value in enumerate(node.value):
                self._mark((*path, position), value)
                self._walk(value, (*path, position))

    def _mark(self, path: DocPath, node: Any) -> None:
        start, end = node.start_mark, node.end_mark
        self.places[path] = Location(
            self.file, start.line + 1, start.column + 1, end.line + 1, end.column + 1
        )

    def locate(self, path: DocPath) -> Location:
        while path not in self.places:
            path = path[:-1]
        return self.places[path]

    def suppressions(self) -> tuple[list[InlineSuppression], list[Finding]]:
        return collect(self.tree, self.locate, self.file)


@dataclass
class Project:
    """Templates on disk; ``judge`` runs the judge over them with all their suppressions."""

    root: Path
    outcome: RunOutcome = RunOutcome("check")  # noqa: RUF009 - frozen

    def write(self, file: str, text: str, *configurations: str) -> Source:
        """Add a template that is judged for the configurations."""
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        source = Source(text, file)
        suppressions, findings = source.suppressions()
        self.outcome = replace(
            self.outcome,
            suppressions=(*self.outcome.suppressions, *suppressions),
            findings=(*self.outcome.findings, *findings),
            judged=(*self.outcome.judged, Judged(file, configurations)),
        )
        return source

    def judge(
        self,
        findings: Sequence[Finding] = (),
        config: Config | None = None,
        baseline: Baseline | None = None,
        today: date = TODAY,
        **changes: Any,
    ) -> Report:
        outcome = replace(self.outcome, **changes)
        outcome = replace(outcome, findings=(*outcome.findings, *findings))
        return judge(outcome, config or Config(), today=today, baseline=baseline, root=self.root)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project without git."""
    return Project(tmp_path)


@pytest.fixture
def empty_project(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Makes projects, for tests that need several."""
    return lambda: Project(tmp_path_factory.mktemp("project"))

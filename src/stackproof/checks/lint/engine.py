"""cfn-lint's findings: all of them on the template as written, the E3 rules on the resolved one.

Importing this module is cheap; cfn-lint is imported when an engine is made.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from stackproof.checks.lint.resolved import Changes, changes, everything, judgeable, without_functions
from stackproof.checks.lint.surroundings import base_folder
from stackproof.config import Config
from stackproof.model import DocPath, Finding, Location, RuleInfo
from stackproof.template.model import Resolved

if TYPE_CHECKING:
    from stackproof.checks.lint.adapter import LintMatch

SOURCE = "cfn-lint"
_ANSWERS_KEPT = 64
_LOADING = 10.0
"""Seconds that appended rules may take to be imported, at least: ``time_limit`` is that of a template."""
_SET = re.compile(r"\{'[^'{}]*'(?:, '[^'{}]*')+\}")


class LintEngine:
    """cfn-lint for the templates of one project.

    The ``.cfnlintrc`` of the current folder counts, as for the command line, and that of the project's
    root when the current folder has none. Raises ``ConfigError`` for a broken ``.cfnlintrc`` and
    ``RuleError`` for appended rules that cannot be loaded.
    """

    def __init__(self, config: Config, root: Path) -> None:
        from stackproof.checks.lint.adapter import Linter

        self.config = config
        self.root = root
        self._linter = Linter(base_folder(root), max(config.time_limit, _LOADING))
        self._answers: dict[str, list[LintMatch]] = {}

    @property
    def bounds_aliases(self) -> bool:
        """Whether this cfn-lint refuses aliases that expand to too much, instead of expanding them."""
        return self._linter.bounds_aliases

    def lint(self, document_path: Path, file: str) -> list[Finding]:
        """Exactly the findings of the cfn-lint command line for this one file."""
        return _findings(self._linter.lint_file(document_path.absolute()), file)

    def lint_resolved(self, resolved: Resolved, shown: Collection[Finding] = ()) -> list[Finding]:
        """The E3 rules on a resolved template: what its outside values broke, beyond what ``shown`` says.

        Judged are the values which cfn-lint could not know from the written template, and, where the
        configuration's region is none that the template as written is judged for, what is wrong in that
        region only. ``shown`` are cfn-lint's findings on the template as written.
        """
        if self._linter.ignores(resolved.expanded.document.path.absolute()):
            return []
        region = resolved.configuration.region
        region = region if self._linter.knows(region) else ""
        matches = self._of_changes(resolved, region)
        if region and region not in self._linter.regions:
            matches += self._of_region(resolved, region)
        known = {(finding.rule, finding.location.line, finding.location.column) for finding in shown}
        found: dict[tuple[str, Location, str], Finding] = {}
        for match in matches:
            finding = _resolved_finding(match, resolved)
            place = finding.location
            if (finding.rule, place.line, place.column) not in known:
                found.setdefault((finding.rule, place, finding.message), finding)
        return list(found.values())

    def _of_changes(self, resolved: Resolved, region: str) -> list[LintMatch]:
        """What is wrong with values that come from outside."""
        changed = changes(resolved)
        if not changed:
            return []
        return [
            match
            for match in self._answer(judgeable(resolved, changed), region, changed)
            if changed.concern(match.path)
        ]

    def _of_region(self, resolved: Resolved, region: str) -> list[LintMatch]:
        """What is wrong only where this configuration is deployed, written values among it."""
        every = everything(resolved)
        if not every:
            return []
        tree = judgeable(resolved, every)
        there = [match for match in self._answer(tree, region) if every.concern(match.path)]
        if not there:
            return []
        elsewhere = {(match.rule, match.path) for match in self._answer(tree, "")}
        return [match for match in there if (match.rule, match.path) not in elsewhere]

    def rules(self) -> list[RuleInfo]:
        """Every cfn-lint rule that is loaded, those of ``append_rules`` among them."""
        return self._linter.rules()

    def _answer(
        self, tree: dict[str, object], region: str, changed: Changes | None = None
    ) -> list[LintMatch]:
        """Configurations that lead to the same document in the same region share one answer."""
        wanted = sorted(changed.paths, key=str) if changed else None
        key = json.dumps([region, tree, wanted], sort_keys=True, default=str)
        if key not in self._answers:
            if len(self._answers) >= _ANSWERS_KEPT:
                self._answers.clear()
            self._answers[key] = self._linter.lint_resolved(tree, region, wanted)
        return self._answers[key]


def _findings(matches: Iterable[LintMatch], file: str) -> list[Finding]:
    return [
        Finding(
            rule=match.rule,
            message=_steady(match.message),
            location=Location(file, match.line, match.column, match.end_line, match.end_column),
            severity=match.severity,
            source=SOURCE,
            path=match.path,
            logical_id=_logical_id(match.path),
        )
        for match in matches
    ]


def _resolved_finding(match: LintMatch, resolved: Resolved) -> Finding:
    path = without_functions(match.path)
    return Finding(
        rule=match.rule,
        message=_steady(match.message),
        location=resolved.locate(path),
        severity=match.severity,
        source=SOURCE,
        path=path,
        logical_id=_logical_id(path),
        configurations=(resolved.configuration.name,) if resolved.configuration.name else (),
        related=tuple(resolved.provenance(path)),
    )


def _logical_id(path: DocPath) -> str:
    return str(path[1]) if len(path) > 1 and path[0] == "Resources" else ""


def _steady(message: str) -> str:
    """The message with Python sets in one order: cfn-lint prints them as the hash seed has them."""
    return _SET.sub(lambda found: "{" + ", ".join(sorted(found[0][1:-1].split(", "))) + "}", message)

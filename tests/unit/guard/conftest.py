"""Rule sets and resolved templates out of a few lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stackproof.checks.guard.engine import GuardEngine
from stackproof.checks.guard.rulesets import RuleSets, load_rulesets
from stackproof.config import Config, RuleSet
from stackproof.model import Finding, Location
from stackproof.template.model import Configuration, Document, Expanded, Resolved


class Bench:
    """Judges trees by rules that stand in a temporary folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def load(self, *rulesets: RuleSet) -> RuleSets:
        return load_rulesets(Config(rulesets=rulesets or (RuleSet(path="rules"),)), self.root)

    def judge(self, rules: str, resources: dict[str, Any], **more: Any) -> list[Finding]:
        """The findings of one rule file over resources given as ``{logical id: (type, properties)}``."""
        self.write("rules/x.guard", rules)
        loaded = self.load(more.pop("ruleset", RuleSet(path="rules")))
        assert not loaded.problems, loaded.problems
        return GuardEngine(loaded).judge(self.resolved(self.template(resources), **more))

    def verdict(self, rules: str, resources: dict[str, Any], **more: Any) -> str:
        """``fail``, ``undecided`` or ``pass`` for a rule file with one rule: the worst of its findings."""
        outcomes = {finding.outcome.value for finding in self.judge(rules, resources, **more)}
        return "fail" if "fail" in outcomes else "undecided" if "undecided" in outcomes else "pass"

    def template(self, resources: dict[str, Any]) -> dict[str, Any]:
        return {
            "Resources": {
                name: {"Type": body[0], "Properties": body[1]} if isinstance(body, tuple) else body
                for name, body in resources.items()
            }
        }

    def resolved(self, tree: dict[str, Any], **more: Any) -> Resolved:
        written = more.pop("written", tree)
        lines: dict[Any, int] = {}

        def locate(path: tuple[str | int, ...]) -> Location:
            return Location("template.yaml", lines.setdefault(path, len(lines) + 1), 1)

        document = Document("template.yaml", self.root / "template.yaml", "", written, locate)
        expanded_tree = {**written, "Conditions": more.pop("definitions", {})}
        expanded = Expanded(document, expanded_tree, locate, lambda path: path)
        configuration = Configuration(more.pop("configuration", ""), environment=more.pop("environment", ""))
        return Resolved(expanded, configuration, tree, locate, lambda path: (), **more)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)

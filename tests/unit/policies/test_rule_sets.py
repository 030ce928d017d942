"""The shipped rule sets: their tests hold, they can be explained, and the README tells what they are."""

from __future__ import annotations

import importlib.util
import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

from stackproof.checks.guard.rulesets import load_rulesets
from stackproof.checks.guard.testing.run import run_tests
from stackproof.config import Config, RuleSet
from stackproof.model import RuleInfo

ROOT = Path(__file__).parents[3]
POLICIES = ROOT / "policies"
FILES = sorted(POLICIES.glob("*/*.guard"))
SETS = sorted({file.parent.name for file in FILES})


@pytest.fixture(scope="module")
def rules() -> list[RuleInfo]:
    sets = tuple(RuleSet(name=name, path=f"policies/{name}") for name in SETS)
    loaded = load_rulesets(Config(root=str(ROOT), rulesets=sets), ROOT)
    assert not loaded.problems
    return loaded.rules()


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_the_tests_of_a_rule_file_hold_and_notice_every_broken_property(file: Path) -> None:
    run = run_tests([file], ROOT)
    assert [str(problem) for problem in run.problems] == []
    assert [f"{finding.location}: {finding.message}" for finding in run.findings] == []


def test_the_sets_that_the_estate_needs_are_there() -> None:
    assert {"seed", "security", "messaging", "serverless", "network", "tagging", "pipeline"} <= set(SETS)


def test_there_are_many_rules_and_no_name_twice(rules: list[RuleInfo]) -> None:
    names = [rule.id for rule in rules]
    assert len(names) >= 75
    assert len(set(names)) == len(names)


def test_every_rule_says_what_why_and_how(rules: list[RuleInfo]) -> None:
    for rule in rules:
        for field in ("title", "why", "fix", "source"):
            assert getattr(rule, field), f"{rule.id} has no {field}"
        assert rule.source.startswith("https://"), rule.id


def test_every_rule_has_a_message_that_says_what_to_do(rules: list[RuleInfo]) -> None:
    for file in FILES:
        for name, body in re.findall(r"^rule (\w+)(.*?)^}", file.read_text(encoding="utf-8"), re.M | re.S):
            messages = re.findall(r"<<(.*?)>>", body, re.S)
            assert messages, name
            for message in messages:
                assert re.search(r"[:;] ?\S", message), f"{name}: {message}"
                assert message.endswith("."), f"{name}: {message}"


def test_supported_runtimes_are_not_deprecated() -> None:
    text = (POLICIES / "serverless" / "functions.guard").read_text(encoding="utf-8")
    found = re.search(r"Supported on (\S+):.*?let supported_runtimes = \[(.*?)\]", text, re.S)
    assert found
    day, listed = found[1], set(re.findall(r"'([^']+)'", found[2]))
    source = files("cfnlint.data.AdditionalSpecs") / "LmbdRuntimeLifecycle.json"
    lifecycle = json.loads(source.read_text(encoding="utf-8"))
    deprecated = {name for name, dates in lifecycle.items() if (dates["deprecated"] or "9999") <= day}
    assert listed & deprecated == set()
    assert listed


def test_the_readme_lists_every_rule() -> None:
    spec = importlib.util.spec_from_file_location("policies_table", POLICIES / "table.py")
    assert spec
    assert spec.loader
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    text = (POLICIES / "README.md").read_text(encoding="utf-8")
    assert table.readme(text) == text, "run: python policies/table.py"

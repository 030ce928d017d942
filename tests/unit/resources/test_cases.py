"""Every rule across resources against a template that marks the lines where it must speak.

``# expect: fail`` or ``# expect: undecided`` on a line names the outcomes of the findings there, in any
number; every other line of the file is right by this rule.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from stackproof.checks.resources import ResourceChecks
from stackproof.model import Finding, Outcome

CASES = Path(__file__).parent / "cases"
IDS = sorted(rule.id for rule in ResourceChecks().rules())


def _marks(text: str) -> Counter[tuple[int, str]]:
    found: Counter[tuple[int, str]] = Counter()
    for number, line in enumerate(text.splitlines(), start=1):
        mark = re.search(r"# expect: ([a-z ]+)$", line)
        found.update((number, outcome) for outcome in (mark[1].split() if mark else ()))
    return found


@pytest.mark.parametrize("rule", IDS)
def test_a_rule_speaks_on_the_marked_lines_and_nowhere_else(
    rule: str, judge: Callable[..., list[Finding]]
) -> None:
    name = rule.removeprefix("SP-RES-")
    text = (CASES / f"{name.lower()}.yaml").read_text(encoding="utf-8")
    expected = _marks(text)
    assert any(outcome == "fail" for _, outcome in expected)
    findings = judge(text, name)
    assert Counter((item.location.line, item.outcome.value) for item in findings) == expected
    for item in findings:
        assert item.message
        assert item.fix
        assert item.logical_id
        assert bool(item.evidence.get("unknown")) == (item.outcome is Outcome.UNDECIDED)


@pytest.mark.parametrize("rule", IDS)
def test_a_rule_stays_silent_where_its_resources_are_missing(
    rule: str, judge: Callable[..., list[Finding]]
) -> None:
    text = "Resources: {Topic: {Type: AWS::SNS::Topic}}"
    assert judge(text, rule.removeprefix("SP-RES-")) == []


def test_every_rule_says_why_how_to_fix_it_and_on_what_it_stands() -> None:
    for info in ResourceChecks().rules():
        assert info.id.startswith("SP-RES-")
        assert info.title
        assert info.why
        assert info.fix
        assert info.source.startswith("https://")
    assert len(set(IDS)) == len(IDS)

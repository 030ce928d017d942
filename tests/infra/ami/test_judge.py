"""OpenSCAP judges a copy of the hardened image: it agrees with the suite, or it is known why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from stackproof.hosts.benchmark import judge
from stackproof.hosts.benchmark.catalogue import load
from stackproof.hosts.benchmark.kinds import KINDS
from stackproof.hosts.benchmark.view import View
from stackproof.hosts.session import Session

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.hosts(state="hardened", form="image")
@pytest.mark.capability("image")
def test_the_judge_and_the_suite_agree_or_it_is_known_why_not(
    view: View, inspection: Session, suite: Path
) -> None:
    if "judged" not in inspection.inventory.images:
        pytest.skip(f"{inspection.inventory.file} has no image 'judged', which OpenSCAP could run in")
    known: dict[str, Any] = yaml.safe_load((suite / "judge.yml").read_text(encoding="utf-8"))
    reasons = {rule: one["reason"] for one in known["differs"] for rule in one["rules"]}
    rules = {one.id: one for one in load(suite / "cis.yml", ROOT).checked() if "image" in one.where}
    both = set(rules) & judge.known(judge.content(inspection))
    answers = judge.verdicts("judged", both, known["values"], inspection)
    own = {name: "fail" if KINDS[rules[name].kind](view, rules[name].settings) else "pass" for name in both}
    differs = {name: f"{own[name]} against {answers.get(name, 'no answer')}" for name in both}
    differs = {name: words for name, words in differs.items() if own[name] != answers.get(name)}
    assert len(both) - len(differs) >= 140, "the judge knows too few rules to mean anything"
    unexplained = {name: words for name, words in differs.items() if name not in reasons}
    assert unexplained == {}
    assert sorted(set(reasons) - set(differs)) == [], "these agree again"

"""Every finding that the verdict room can make is explained."""

from __future__ import annotations

import re
from pathlib import Path

import stackproof.verdict
from stackproof.verdict.rules import RULES


def test_every_rule_of_the_room_is_in_the_table() -> None:
    (folder,) = stackproof.verdict.__path__
    made = {
        rule
        for path in Path(folder).glob("*.py")
        for rule in re.findall(r'"(SP-SUPPRESS-[A-Z]+)"', path.read_text(encoding="utf-8"))
    }
    assert made == set(RULES)


def test_an_explanation_says_why_and_what_to_do() -> None:
    for rule in RULES.values():
        assert rule.title
        assert rule.why
        assert rule.fix

"""The cfn-lint rules of the policies, loaded as cfn-lint loads them."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent
RULES = Path(__file__).parents[3] / "policies" / "lint"
OURS = {"W9001", "W9002", "E9003"}


def _found(name: str) -> Counter[tuple[int, str]]:
    from cfnlint.api import lint
    from cfnlint.config import ManualArgs

    text = (HERE / "lint" / name).read_text(encoding="utf-8")
    matches = lint(text, config=ManualArgs(append_rules=[str(RULES)], regions=["us-east-1"]))
    return Counter((item.linenumber, item.rule.id) for item in matches if item.rule.id in OURS)


def _marked(name: str) -> Counter[tuple[int, str]]:
    lines = (HERE / "lint" / name).read_text(encoding="utf-8").splitlines()
    return Counter(
        (number, rule)
        for number, line in enumerate(lines, start=1)
        for rule in re.findall(r"# expect: (\w+)", line)
    )


@pytest.mark.parametrize("name", ["good.yaml", "bad.yaml"])
def test_the_rules_speak_on_the_marked_lines_and_nowhere_else(name: str) -> None:
    assert _found(name) == _marked(name)


def test_the_bad_template_shows_every_rule() -> None:
    assert {rule for _, rule in _marked("bad.yaml")} == OURS
    assert not _marked("good.yaml")


def test_a_credential_is_not_repeated_in_the_message() -> None:
    from cfnlint.api import lint
    from cfnlint.config import ManualArgs

    text = (HERE / "lint" / "bad.yaml").read_text(encoding="utf-8")
    matches = lint(text, config=ManualArgs(append_rules=[str(RULES)], regions=["us-east-1"]))
    (found,) = [item for item in matches if item.rule.id == "E9003"]
    assert "AKIA" not in found.message


@pytest.mark.parametrize(("name", "said"), [("template.yaml", 1), ("template.json", 0)])
def test_the_order_of_sections_matters_only_where_people_write(tmp_path: Path, name: str, said: int) -> None:
    from cfnlint.config import ConfigMixIn
    from cfnlint.runner import Runner

    file = tmp_path / name
    file.write_text(
        '{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}, "Description": "too late"}', encoding="utf-8"
    )
    runner = Runner(ConfigMixIn(["--append-rules", str(RULES), "--template", str(file)]))
    assert [match.rule.id for match in runner.run()].count("W9002") == said

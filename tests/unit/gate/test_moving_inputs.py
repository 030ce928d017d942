"""What is written to while the gate runs, and back again, leaves nothing in the cache."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stackproof.gate import lanes


def _switched(monkeypatch: pytest.MonkeyPatch, loader: str, file: str, old: str, new: str) -> None:
    """A branch is switched while the engines load, and switched back before the run ends."""
    original = getattr(lanes.Lanes, loader)
    path = Path(file)
    text = path.read_text(encoding="utf-8")
    assert old in text

    def load(self):
        path.write_text(text.replace(old, new), encoding="utf-8")
        try:
            return original(self)
        finally:
            path.write_text(text, encoding="utf-8")

    monkeypatch.setattr(lanes.Lanes, loader, load)


@pytest.mark.parametrize("few", [True, False])
@pytest.mark.parametrize(
    ("loader", "file", "old", "new"),
    [
        ("policies", "policies/queues.guard", "QUEUE_ENCRYPTED", "QUEUE_RENAMED"),
        ("linter", "lint/described.py", '"E9901"', '"E9902"  # of another length'),
    ],
)
def test_a_rule_that_was_another_for_a_moment(project, check, monkeypatch, few, loader, file, old, new):
    Path("lint").mkdir()
    Path("lint/described.py").write_text(RULE, encoding="utf-8")
    Path(".cfnlintrc.yaml").write_text("append_rules: [lint]\n", encoding="utf-8")
    if few:
        check()
        with Path("templates/app.yaml").open("a", encoding="utf-8") as template:
            template.write("# changed\n")
    with monkeypatch.context() as patch:
        _switched(patch, loader, file, old, new)
        assert new.partition("  ")[0].strip('"') in check().rules
    assert check().found == check("--no-cache").found


def test_what_a_rule_imports_is_an_input(project, check):
    for folder in ("lint", "helpers"):
        Path(folder).mkdir()
    Path("helpers/wanted_9.py").write_text("SECTION = 'Nowhere'\n", encoding="utf-8")
    helped = f"import sys\nsys.path.insert(0, {str(Path('helpers').absolute())!r})\nimport wanted_9\n" + RULE
    Path("lint/described.py").write_text(helped.replace("'Resources'", "wanted_9.SECTION"), encoding="utf-8")
    Path(".cfnlintrc.yaml").write_text("append_rules: [lint]\n", encoding="utf-8")
    assert "E9901" not in _fresh()
    Path("helpers/wanted_9.py").write_text("SECTION = 'Resources'\n", encoding="utf-8")
    assert "E9901" in _fresh()


def _fresh() -> set[str]:
    """The rules of the findings of a run in a process of its own: modules are imported anew."""
    program = "import sys; from stackproof.cli import main; sys.exit(main(['check', '--format', 'json']))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    return {finding["rule"] for finding in json.loads(done.stdout)["findings"]}


def test_a_broken_rule_of_cfn_lint_hides_nothing_that_guard_finds(project, check):
    guard = {one for one in check().found if one[0] == "QUEUE_ENCRYPTED"}
    Path("lint").mkdir()
    Path("lint/described.py").write_text("def (\n", encoding="utf-8")
    Path(".cfnlintrc.yaml").write_text("append_rules: [lint]\n", encoding="utf-8")
    broken = check()
    assert broken.exit_code == 2
    assert guard
    assert guard <= broken.found
    (problem,) = broken.report["problems"]
    assert problem["location"]["file"] == "lint/described.py"


RULE = """
from cfnlint.rules import CloudFormationLintRule, RuleMatch


class Described(CloudFormationLintRule):
    id = "E9901"
    shortdesc = "Resources are described"
    description = "For the test."
    source_url = ""
    tags = []

    def match(self, cfn):
        return [RuleMatch(["Resources"], "described")] if 'Resources' in cfn.template else []
"""

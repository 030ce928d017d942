"""What makes cfn-lint faster does not change an answer, and is off where cfn-lint is another version."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackproof.checks.lint import compat
from stackproof.checks.lint.compat import patching


@pytest.fixture
def restored():
    yield
    compat.slow_down()
    compat.speed_up()


def test_every_shortcut_knows_the_installed_version():
    assert compat.speed_up() == ()


def test_a_module_of_another_version_is_left_as_it_is(monkeypatch, restored):
    module = compat.modules()[0]
    original = module.Context.evolve
    compat.slow_down()
    assert module.Context.evolve is not original
    untouched = module.Context.evolve
    known = {name: digests for name, digests in patching.KNOWN.items() if name != module.__name__}
    monkeypatch.setattr(patching, "KNOWN", known)
    assert compat.speed_up() == (module.__name__,)
    assert module.Context.evolve is untouched


@pytest.mark.needs("corpus")
def test_the_findings_are_the_same_without_the_shortcuts(engine, corpus, restored):
    names = sorted(path for path in corpus.iterdir() if path.suffix in {".yaml", ".json"})[3::47]
    compat.slow_down()
    compat.speed_up()
    fast = {path.name: engine().lint(path, path.name) for path in names}
    compat.slow_down()
    made = engine()
    compat.slow_down()
    slow = {path.name: made.lint(path, path.name) for path in names}
    assert any(slow.values())
    assert fast == slow


def test_the_shortcuts_are_the_same_for_a_template_of_this_project(engine, root, restored):
    path = Path(root, "templates", "two-tier-web", "template.yaml")
    text = path.read_text(encoding="utf-8").replace("AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroups")
    Path("broken.yaml").write_text(text, encoding="utf-8")
    fast = engine().lint(Path("broken.yaml"), "broken.yaml")
    made = engine()
    compat.slow_down()
    assert made.lint(Path("broken.yaml"), "broken.yaml") == fast
    assert {finding.rule for finding in fast} >= {"E3006"}

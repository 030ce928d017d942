"""Checks are found through entry points; a broken one is a problem and hides no other."""

from __future__ import annotations

from importlib.metadata import EntryPoint

from stackproof.checks.base import GROUP, Check, load_checks
from stackproof.checks.resources import ResourceChecks


def _point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group=GROUP)


GOOD = _point("resources", "stackproof.checks.resources:ResourceChecks")


def test_the_rules_across_resources_are_installed() -> None:
    loaded = load_checks()
    assert not loaded.problems
    assert any(isinstance(check, ResourceChecks) for check in loaded.checks)
    assert "SP-RES-VISIBILITY" in {rule.id for rule in loaded.rules()}


def test_a_check_is_a_check_by_its_shape() -> None:
    assert isinstance(ResourceChecks(), Check)


def test_a_check_that_cannot_be_imported_is_a_problem_and_the_others_load() -> None:
    loaded = load_checks(points=[_point("gone", "stackproof.checks.no_such:Thing"), GOOD])
    assert len(loaded.checks) == 1
    (problem,) = loaded.problems
    assert "'gone'" in problem.message
    assert "no_such" in problem.message
    assert problem.exit_code == 2


def test_something_else_than_a_check_is_a_problem() -> None:
    loaded = load_checks(points=[_point("odd", "builtins:dict")])
    assert not loaded.checks
    assert "'rules' and 'run'" in loaded.problems[0].message


def test_an_attribute_that_is_missing_is_a_problem() -> None:
    loaded = load_checks(points=[_point("odd", "stackproof.checks.resources:Nothing")])
    assert "Nothing" in loaded.problems[0].message


def test_names_choose_checks_and_a_name_of_nothing_is_a_problem() -> None:
    other = _point("other", "stackproof.checks.resources:ResourceChecks")
    assert len(load_checks(["res*"], points=[GOOD, other]).checks) == 1
    loaded = load_checks(["typo"], points=[GOOD])
    assert not loaded.checks
    (problem,) = loaded.problems
    assert "'typo'" in problem.message
    assert "resources" in problem.hint

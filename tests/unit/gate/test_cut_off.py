"""Templates that cannot be judged to the end: cut off, crashed, refused by cfn-lint itself."""

from __future__ import annotations

import os
import time

import pytest

from stackproof.checks.lint.engine import LintEngine

APP = "templates/app.yaml"


@pytest.fixture
def lint_does(monkeypatch):
    """Have cfn-lint do something else on one template."""

    def install(action) -> None:
        original = LintEngine.lint

        def lint(self, path, file):
            return action() if file == APP else original(self, path, file)

        monkeypatch.setattr(LintEngine, "lint", lint)

    return install


def test_a_template_over_its_time_limit_is_a_finding_and_the_others_are_judged(project, check, lint_does):
    lint_does(lambda: time.sleep(600))
    answer = check("--time-limit", "6", expect=1)
    assert (("SP-GATE-TIMEOUT", APP, 1)) in answer.found
    assert ("QUEUE_ENCRYPTED", APP, 7) in answer.found  # what was done before is kept
    assert len(answer.files) == 5
    assert answer.report["problems"] == []


def test_what_was_cut_off_is_judged_again_by_the_next_run(project, check, lint_does, monkeypatch):
    lint_does(lambda: time.sleep(600))
    assert "SP-GATE-TIMEOUT" in check("--time-limit", "6").rules
    monkeypatch.undo()
    monkeypatch.chdir(project)
    rules = check().rules
    assert "SP-GATE-TIMEOUT" not in rules
    assert "E3002" in rules


def test_a_worker_that_crashes_is_an_internal_problem_with_the_file(project, check, lint_does):
    lint_does(lambda: os._exit(9))
    answer = check(expect=3)
    (problem,) = answer.report["problems"]
    assert problem["location"]["file"] == APP
    assert "code 9" in problem["message"]
    assert len(answer.files) == 5
    assert check(expect=3).report["problems"]  # not kept as an answer


@pytest.mark.parametrize("error", [TypeError("odd"), RecursionError("deep")])
def test_a_failure_of_cfn_lint_is_a_finding_at_the_template(project, check, lint_does, error):
    def fail() -> None:
        raise error

    lint_does(fail)
    answer = check(expect=1)
    assert ("SP-LINT-FAILED", APP, 1) in answer.found
    assert ("QUEUE_ENCRYPTED", APP, 7) in answer.found


def test_reports_in_the_project_do_not_spoil_the_cache(project, check, monkeypatch):
    from pathlib import Path

    from stackproof.gate import fresh

    Path("stackproof.toml").write_text('templates = ["."]\n')
    Path("root.yaml").write_text("Resources: {A: {Type: 'AWS::SNS::Topic'}}\n")
    before = check()
    Path("report.xml").write_text("<a/>")
    Path("reports").mkdir()
    Path("reports/r.json").write_text("{}")
    monkeypatch.delattr(fresh.Fresh, "judge")
    assert check().found == before.found

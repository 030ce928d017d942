"""What a run says of how much it proves: paths, thresholds, rule sets that lay idle, names of no rule."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from stackproof import cli
from stackproof.checks.lint.engine import LintEngine
from stackproof.errors import ConfigError, UsageError


@pytest.fixture
def strict(project):
    """The project, with an undecided rule weighing as much as an error."""
    text = Path("stackproof.toml").read_text(encoding="utf-8")
    Path("stackproof.toml").write_text('undecided = "error"\n' + text, encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        ([], ""),
        (["templates"], ""),
        (["templates/app.yaml"], "only some paths"),
        (["templates/nested", "templates/shared"], "only some paths"),
        (["--fail-on", "never"], "--fail-on never is weaker than the configured error"),
        (["--fail-on", "info"], ""),
        (["--undecided", "info"], "--undecided info is weaker than the configured error"),
        (["--undecided", "error"], ""),
        (["--as-written"], "only as written"),
        (["--shard", "1/2"], "shard 1/2"),
        (["--shard", "1/2", "templates"], "shard 1/2"),
        (["--shard", "1/2", "templates/app.yaml"], "shard 1/2, only some paths"),
    ],
)
def test_a_run_says_why_it_proves_less(strict, check, arguments, because):
    report = check(*arguments).report
    assert (report["complete"], report["partial_because"]) == (not because, because)


def test_a_template_that_killed_its_worker_leaves_the_run_incomplete(project, check, monkeypatch):
    original = LintEngine.lint

    def lint(self, path, file):
        return os._exit(9) if file == "templates/app.yaml" else original(self, path, file)

    monkeypatch.setattr(LintEngine, "lint", lint)
    report = check(expect=3).report
    assert report["complete"] is False
    assert "templates/app.yaml" in report["partial_because"]


def test_what_the_command_line_put_in_place_is_noted(project, check):
    Path("other.json").write_text('{"version": 1, "findings": []}', encoding="utf-8")
    notes = check("--config", "stackproof.toml", "--baseline", "other.json").report["notes"]
    assert "the configuration was given on the command line: stackproof.toml" in notes
    assert "the baseline was given on the command line: other.json" in notes


def test_a_rule_set_that_judged_nothing_is_noted(project, check):
    with Path("stackproof.toml").open("a", encoding="utf-8") as file:
        file.write(
            '[[rulesets]]\nname = "far"\npath = "policies"\ntemplates = ["zzz/**"]\n'
            '[[rulesets]]\nname = "odd"\npath = "policies"\nconfigurations = ["nope"]\n'
            '[[rulesets]]\nname = "near"\npath = "policies"\nconfigurations = ["pro*"]\n'
        )
    idle = [note for note in check().report["notes"] if "judged nothing" in note]
    assert idle == [
        "rule set far judged nothing: its templates match no file",
        "rule set odd judged nothing: its configurations match none",
    ]
    partial = check("templates/shared").report["notes"]
    assert not [note for note in partial if "judged nothing" in note]


@pytest.mark.parametrize("glob", ["TYPO*", "e3012", "E301", "E99999"])
def test_a_selection_that_means_no_rule_is_refused(project, check, glob):
    with pytest.raises(UsageError) as caught:
        check("--select", glob)
    assert glob in str(caught.value)


@pytest.mark.parametrize("glob", ["QUEUE_*", "E3*", "*", "SP-LOAD-*", "SP-SUPPRESS-UNUSED", "SP-RES-*"])
def test_a_selection_of_any_engine_is_known(project, check, glob):
    check("--select", glob)


def test_a_configured_selection_that_means_no_rule_is_refused(project, check):
    text = Path("stackproof.toml").read_text(encoding="utf-8")
    Path("stackproof.toml").write_text('select = ["TYPO*"]\n' + text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"TYPO\*"):
        check()


def test_the_project_of_the_paths_counts_where_nothing_is_configured(project, check, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    answer = check(str(project / "templates" / "app.yaml"), expect=1)
    assert ("QUEUE_ENCRYPTED", "templates/app.yaml", 7) in answer.found
    assert not list(elsewhere.iterdir())


def test_without_a_project_the_run_says_that_no_rule_set_judged(tmp_path, check, monkeypatch):
    Path(tmp_path, "t.yaml").write_text("Resources: {A: {Type: 'AWS::SNS::Topic'}}\n")
    monkeypatch.chdir(tmp_path)
    report = check("t.yaml", expect=0).report
    assert "no configuration found: no rule set judged" in report["notes"]
    assert report["complete"] is False
    assert [path.name for path in tmp_path.iterdir()] == ["t.yaml"]


def test_shards_as_the_gate_writes_them_are_joined_by_verdict(project):
    commit = "0123456789abcdef0123456789abcdef01234567"
    # Nothing is committed here, so CI's variable tells the commit; every finding of the project is recorded.
    environment = {"STACKPROOF_COMMIT": commit}
    runner = CliRunner()
    runner.invoke(cli.root, ["baseline"], env=environment, standalone_mode=False)
    for number in (1, 2):
        arguments = ["check", "--shard", f"{number}/2", "--format", f"json=r{number}.json"]
        runner.invoke(cli.root, arguments, env=environment, standalone_mode=False)
        assert json.loads(Path(f"r{number}.json").read_text(encoding="utf-8"))["exit_code"] == 0

    def verdict(*files: str) -> int:
        arguments = ["verdict", "--commit", commit, *files]
        return runner.invoke(cli.root, arguments, standalone_mode=False).return_value

    assert verdict("r1.json", "r2.json") == 0
    assert verdict("r1.json") == 1

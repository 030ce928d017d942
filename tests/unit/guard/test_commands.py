"""``stackproof test`` and ``stackproof explain`` from the command line."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stackproof.cli import main

RULE = """# title: Buckets have names
# why: Nobody finds them otherwise.
# fix: Set Name.
# source: https://example.org/names
rule NAMED when Resources exists { Resources.B.Name == 'x' }
"""
CASES = """- {name: a, input: {Resources: {B: {Name: x}}}, expectations: {rules: {NAMED: PASS}}}
- {name: b, input: {Resources: {B: {}}}, expectations: {rules: {NAMED: FAIL}}}
- {name: c, input: {}, expectations: {rules: {NAMED: SKIP}}}
"""


@pytest.fixture
def project(bench: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    bench.write("stackproof.toml", '[[rulesets]]\npath = "policies"\n')
    bench.write("policies/x.guard", RULE)
    bench.write("policies/x_tests.yaml", CASES)
    monkeypatch.chdir(bench.root)
    return bench


class TestTest:
    def test_clean(self, project: Any, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["test"]) == 0
        assert "PASS" in capsys.readouterr().out

    def test_the_folders_of_the_rule_sets_stand_in_for_policies(self, project: Any) -> None:
        project.write("stackproof.toml", '[[rulesets]]\npath = "rules"\n')
        (project.root / "policies").rename(project.root / "rules")
        assert main(["test"]) == 0

    def test_what_is_counted_are_rule_files(self, project: Any, capsys: pytest.CaptureFixture[str]) -> None:
        project.write("policies/x_tests.yaml", CASES.replace("NAMED: FAIL", "NAMED: PASS"))
        assert main(["test"]) == 1
        out = capsys.readouterr().out
        assert "in 1 rule file" in out
        assert "template" not in out

    def test_a_wrong_expectation_fails(self, project: Any, capsys: pytest.CaptureFixture[str]) -> None:
        project.write("policies/x_tests.yaml", CASES.replace("NAMED: FAIL", "NAMED: PASS"))
        assert main(["test", "--format", "json"]) == 1
        report = json.loads(capsys.readouterr().out)
        assert report["pillar"] == "test"
        assert "SP-TEST-EXPECTATION" in {finding["rule"] for finding in report["findings"]}

    def test_junit_goes_to_a_file(self, project: Any) -> None:
        assert main(["test", "policies/x.guard", "--format", "junit=out/tests.xml"]) == 0
        assert "<testsuite" in (project.root / "out/tests.xml").read_text()

    def test_a_broken_rule_is_a_usage_error(self, project: Any) -> None:
        project.write("policies/broken.guard", "rule {")
        assert main(["test"]) == 2

    @pytest.mark.parametrize("named", [[], ["policies"], ["policies/x.guard", "policies/lost.guard"]])
    def test_a_rule_file_that_leads_nowhere_is_named_and_the_others_run(
        self, project: Any, capsys: pytest.CaptureFixture[str], named: list[str]
    ) -> None:
        (project.root / "policies/lost.guard").symlink_to("gone.guard")
        assert main(["test", *named, "--format", "json"]) == 2
        report = json.loads(capsys.readouterr().out)
        (problem,) = report["problems"]
        assert problem["location"]["file"] == "policies/lost.guard"
        assert "leads nowhere" in problem["message"]
        assert report["stats"]["cases"] == 3

    def test_a_test_file_that_leads_nowhere_is_named(
        self, project: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (project.root / "policies/x_tests.yaml").rename(project.root / "policies/y_tests.yaml")
        (project.root / "policies/x_tests.yaml").symlink_to("gone.yaml")
        assert main(["test", "policies/x.guard", "--format", "json"]) == 2
        (problem,) = json.loads(capsys.readouterr().out)["problems"]
        assert problem["location"]["file"] == "policies/x_tests.yaml"

    @pytest.mark.parametrize("name", ["x.guard", "x_tests.yaml"])
    def test_a_file_that_may_not_be_read_is_named(
        self, project: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
    ) -> None:
        read = Path.read_text

        def refused(path: Path, *given: Any, **named: Any) -> str:
            if path.name == name:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return read(path, *given, **named)

        monkeypatch.setattr(Path, "read_text", refused)
        assert main(["test", "--format", "json"]) == 2
        (problem,) = json.loads(capsys.readouterr().out)["problems"]
        assert (problem["location"]["file"], "Permission denied" in problem["message"]) == (
            f"policies/{name}",
            True,
        )

    def test_nothing_to_test(self, project: Any, capsys: pytest.CaptureFixture[str]) -> None:
        (project.root / "empty").mkdir()
        assert main(["test", "empty"]) == 2
        assert "no rule" in capsys.readouterr().err

    def test_a_survivor_fails_only_where_warnings_do(self, project: Any) -> None:
        project.write("policies/x.guard", RULE.replace("== 'x'", "== 'x' or Resources.B exists"))
        project.write("policies/x_tests.yaml", CASES.replace("{Resources: {B: {}}}", "{Resources: {}}"))
        assert main(["test"]) == 0
        assert main(["test", "--fail-on", "warning"]) == 1
        assert main(["test", "--fail-on", "warning", "--no-mutation"]) == 0


class TestExplain:
    def test_a_guard_rule(self, project: Any, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["explain", "NAMED"]) == 0
        out = capsys.readouterr().out
        for part in (
            "Buckets have names",
            "Nobody finds them",
            "Set Name.",
            "example.org",
            "policies/x.guard:5:1",
        ):
            assert part in out

    def test_as_json(self, project: Any, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["explain", "named", "--format", "json"]) == 0
        (info,) = json.loads(capsys.readouterr().out)
        assert (info["id"], info["fix"], info["location"]["line"]) == ("NAMED", "Set Name.", 5)

    def test_our_own_rules_and_globs(self, project: Any, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["explain", "SP-TEST-*"]) == 0
        out = capsys.readouterr().out
        assert out.count("SP-TEST-") == 4

    def test_a_near_miss_is_suggested(self, project: Any, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["explain", "NAMD"]) == 2
        assert "NAMED" in capsys.readouterr().err

    @pytest.mark.parametrize("nothing", ["", " ", "\t\n"])
    def test_no_name_at_all_is_told_what_to_give(
        self, project: Any, capsys: pytest.CaptureFixture[str], nothing: str
    ) -> None:
        assert main(["explain", nothing]) == 2
        said = capsys.readouterr().err
        assert "no rule is named" in said
        assert "did you mean" not in said
        assert 'explain "*"' in said

    def test_blanks_around_a_name_do_not_count(self, project: Any) -> None:
        assert main(["explain", " NAMED "]) == 0

    def test_a_policy_folder_that_no_set_names_counts_too(
        self, project: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        project.write("stackproof.toml", 'policies = ["policies"]\n')
        assert main(["explain", "NAMED"]) == 0
        assert "policies/x.guard:5:1" in capsys.readouterr().out

    def test_cfn_lint_is_imported_for_its_own_ids_only(self, project: Any) -> None:
        script = (
            "import sys; from stackproof.cli import main; main(sys.argv[1:]); print('cfnlint' in sys.modules)"
        )
        for rule, expected in (("NAMED", "False"), ("E3012", "True")):
            done = subprocess.run(
                [sys.executable, "-c", script, "explain", rule], capture_output=True, text=True, check=True
            )
            assert rule in done.stdout
            assert done.stdout.split()[-1] == expected

"""``stackproof check`` from end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stackproof.errors import ConfigError, NothingToJudge, UsageError


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; from stackproof.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "check", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_engine_speaks_at_its_line(project, check):
    answer = check(expect=1)
    assert ("E3002", "templates/app.yaml", 9) in answer.found
    assert ("QUEUE_ENCRYPTED", "templates/app.yaml", 7) in answer.found
    assert answer.report["verdict"] == "FAIL"
    assert answer.report["complete"] is True
    assert answer.files == {
        "templates/app.yaml",
        "templates/shared/base.yaml",
        "templates/nested/parent.yaml",
        "templates/nested/child.yaml",
        "templates/included/template.yaml",
    }


def test_a_bad_value_of_a_configuration_is_found_by_cfn_lints_rules(project, check):
    Path("templates/config/prod.json").write_text('{"Parameters": {"Delay": "70000"}}', encoding="utf-8")
    answer = check(expect=1)
    (found,) = [one for one in answer.report["findings"] if one["rule"] == "E3034"]
    assert found["location"]["line"] == 8
    assert found["related"]


def test_one_bad_file_hides_nothing_of_the_others(project, check):
    Path("templates/tabs.yaml").write_text("Resources:\n\tQueue: {}\nAWSTemplateFormatVersion: 1\n")
    Path("templates/empty.yaml").write_text("")
    Path("templates/binary.yaml").write_bytes(b"AWSTemplateFormatVersion:\0\0\xff")
    Path("templates/deep.json").write_text('{"Resources": ' + "[" * 5000 + "]" * 5000 + "}")
    before = check(expect=1)
    named = check("templates", "templates/empty.yaml", "templates/deep.json", expect=1)
    assert ("E3002", "templates/app.yaml", 9) in before.found & named.found
    assert {"templates/tabs.yaml", "templates/binary.yaml"} <= {file for _, file, _ in before.found}
    assert {"templates/empty.yaml", "templates/deep.json"} <= {file for _, file, _ in named.found}
    assert named.report["problems"] == []


def test_what_cfn_lint_and_we_say_alike_is_said_once(project, check):
    Path("templates/twice.yaml").write_text(
        "Resources:\n  A:\n    Type: AWS::SNS::Topic\n    Properties:\n      DisplayName: !Ref Nobody\n"
    )
    rules = {rule for rule, file, line in check().found if file == "templates/twice.yaml" and line == 5}
    assert rules == {"E1020"}
    kept = check("--ignore", "E10*")
    assert {rule for rule, file, _ in kept.found if file == "templates/twice.yaml"} == {"SP-RESOLVE-REF"}


def test_as_written_judges_what_the_native_tools_see(project, check):
    answer = check("--as-written")
    assert "QUEUE_ENCRYPTED" in answer.rules
    assert all(not one["configurations"] for one in answer.report["findings"])
    assert not any(
        file == "templates/included/template.yaml" and rule == "QUEUE_ENCRYPTED"
        for rule, file, _ in answer.found
    )


def test_select_and_ignore_take_globs(project, check):
    assert check("--select", "E3*").rules == {"E3002"}
    assert "E3002" not in check("--ignore", "E3*").rules
    assert check("--select", "E3*").report["complete"] is False


@pytest.mark.parametrize(("threshold", "code"), [("error", 1), ("never", 0)])
def test_fail_on_sets_the_threshold(project, check, threshold, code):
    check("--fail-on", threshold, expect=code)


def test_shards_are_disjoint_stable_and_together_everything(project, check):
    everything = check()
    parts = [check("--shard", f"{number}/3") for number in (1, 2, 3)]
    assert sorted(file for part in parts for file in part.files) == sorted(everything.files)
    assert set().union(*(part.found for part in parts)) == everything.found
    assert not any(part.report["complete"] for part in parts)
    Path("templates/another.yaml").write_text("Resources: {A: {Type: 'AWS::SNS::Topic'}}\n")
    for number, part in enumerate(parts, start=1):
        assert check("--shard", f"{number}/3").files - {"templates/another.yaml"} == part.files


@pytest.mark.parametrize("shard", ["0/2", "3/2", "x", "1/0", "1"])
def test_a_shard_that_is_none_is_refused(project, check, shard):
    with pytest.raises(UsageError):
        check("--shard", shard)


def test_a_child_named_alone_is_judged_alone(project, check):
    answer = check("templates/nested/child.yaml")
    assert answer.files == {"templates/nested/child.yaml"}


def test_nothing_to_judge_is_a_usage_error(project, check, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(NothingToJudge):
        check(str(empty))
    done = _run(str(empty))
    assert done.returncode == 2
    assert "nothing to judge" in done.stderr


def test_a_broken_configuration_is_told_with_its_file(project, check):
    Path("stackproof.toml").write_text("colour = 'red'\n")
    with pytest.raises(ConfigError, match="colour"):
        check()


def test_a_broken_rule_file_is_a_problem_and_the_others_run(project, check):
    Path("policies/broken.guard").write_text("rule BROKEN {\n")
    answer = check(expect=2)
    assert answer.report["problems"][0]["location"]["file"] == "policies/broken.guard"
    assert "QUEUE_ENCRYPTED" in answer.rules


def test_several_reports_go_to_files_at_once(project):
    done = _run(
        "--format",
        "json=out/r.json",
        "--output",
        "sarif:out/r.sarif",
        "--format",
        "junit=out/r.xml",
        "--format",
        "github",
    )
    assert done.returncode == 1, done.stderr
    assert json.loads(Path("out/r.json").read_text())["pillar"] == "check"
    assert json.loads(Path("out/r.sarif").read_text())["version"] == "2.1.0"
    assert Path("out/r.xml").read_text().startswith("<?xml")
    assert "::error" in done.stdout


@pytest.mark.parametrize(
    "arguments", [("--format", "pdf"), ("--format", "json="), ("--format", "json", "--format", "sarif")]
)
def test_reports_that_cannot_be_are_refused_before_anything_is_judged(project, arguments):
    done = _run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_baseline_holds_the_findings_that_are_known(project, check):
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from stackproof.cli import main; sys.exit(main())", "baseline"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    check(expect=0)
    check("--no-baseline", expect=1)
    Path("stackproof-baseline.json").rename("elsewhere.json")
    check("--baseline", "elsewhere.json", expect=0)
    with pytest.raises(UsageError, match=r"missing\.json"):
        check("--baseline", "missing.json")


def test_a_path_outside_the_project_is_judged_under_its_own_name(project, check, tmp_path):
    outside = tmp_path / "outside.yaml"
    outside.write_text("Resources: {A: {Type: 'AWS::No::Such'}}\n")
    assert ("E3006", str(outside), 1) in check(str(outside)).found


def test_what_several_configurations_lack_alike_is_told_once(project, check):
    Path("templates/lone").mkdir()
    Path("templates/lone/config").mkdir()
    Path("templates/lone/a.yaml").write_text(
        "Parameters:\n  Size: {Type: String}\nResources:\n  T:\n    Type: AWS::SNS::Topic\n    Properties:\n"
        "      DisplayName: !Ref Size\n      TopicName: !ImportValue nobody-exports\n"
    )
    for name in ("one", "two", "three"):
        Path(f"templates/lone/config/{name}.json").write_text("[]")
    Path("templates/lone/config/given.json").write_text('["Size=s"]')
    findings = [
        one for one in check("templates/lone", expect=1).report["findings"] if one["rule"].startswith("SP-")
    ]
    assert [(one["rule"], sorted(one["configurations"])) for one in findings] == [
        ("SP-PARAM-MISSING", ["one", "three", "two"]),
        ("SP-RESOLVE-IMPORT", []),
    ]


def test_a_name_of_two_lines_is_shown_in_one(project, check):
    Path("templates/new\nline.yaml").write_text("Resources:\n\tQ: {}\nAWSTemplateFormatVersion: 1\n")
    assert "templates/new\\x0aline.yaml" in {file for _, file, _ in check(expect=1).found}
    assert "new\\x0aline.yaml" in _run().stdout


def test_an_interrupt_during_the_first_imports_is_an_interrupt(project):
    program = "import sys; sys.modules['click'] = None; import stackproof.__main__ as m; import builtins\n"
    program += "real = builtins.__import__\n"
    program += "def interrupted(name, *rest):\n    if name == 'click': raise KeyboardInterrupt\n"
    program += "    return real(name, *rest)\n"
    program += "builtins.__import__ = interrupted; sys.exit(m.main())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "stackproof: interrupted\n")


def test_the_terminal_is_left_alone_without_one(project):
    done = _run("--no-cache")
    assert done.stderr == ""
    assert "\x1b[" not in done.stdout


def test_a_bound_that_was_reached_is_said(project, check):
    values = ", ".join(f"v{number}" for number in range(40))
    Path("templates/wide.yaml").write_text(
        f"Parameters:\n  A: {{Type: String, AllowedValues: [{values}]}}\n"
        "Resources:\n  T: {Type: 'AWS::SNS::Topic', Properties: {TopicName: !Ref A}}\n"
    )
    Path("templates/config/prod.json").unlink()
    notes = check().report["notes"]
    assert any("combination" in note and "SP-CONFIG-BOUND" in note for note in notes)

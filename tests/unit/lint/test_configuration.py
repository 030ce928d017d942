"""A broken cfn-lint configuration is told with its file; a crash of cfn-lint ends nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stackproof.errors import ConfigError, RuleError, StackproofError


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no_such_key: 1\n", "no_such_key"),
        ("ignore_checks: yes\n", "ignore_checks"),
        ("regions: [mars-1]\n", "mars-1"),
        ("override_spec: missing.json\n", "cfn-lint stopped"),
        ("deployment_files: [missing.json]\n", "missing.json"),
    ],
)
def test_a_broken_configuration_is_an_error_at_its_file(engine, text, message):
    Path(".cfnlintrc").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        engine()
    assert caught.value.file.endswith(".cfnlintrc")


@pytest.mark.parametrize("rules", ["no.such.module", "broken"])
def test_appended_rules_that_cannot_be_loaded_are_an_error(engine, rules):
    Path("broken").mkdir()
    Path("broken/rule.py").write_text("import nothing_of_this_name\n", encoding="utf-8")
    Path(".cfnlintrc").write_text(f"append_rules: [{rules}]\n", encoding="utf-8")
    with pytest.raises(RuleError):
        engine()


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [(": : [\n", 1, 1), ("regions: [a\nb: 2\n", 2, 2), ("regions: []\nregions: []\n", 1, 1)],
)
def test_a_configuration_that_is_no_yaml_is_an_error_at_its_place(engine, text, line, column):
    Path(".cfnlintrc.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="is not valid YAML") as caught:
        engine()
    assert Path(caught.value.file).name == ".cfnlintrc.yaml"
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize(
    ("code", "message", "line"),
    [
        ("x = 1\ndef x(:\n", "is not valid Python: invalid syntax", 2),
        ("\nraise SystemExit(5)\n", "ends the program: SystemExit: 5", 2),
        ("raise ZeroDivisionError('odd')\n", "cannot be imported: ZeroDivisionError: odd", 1),
        ("raise ValueError('odd')\n", "cannot be imported: ValueError: odd", 1),
        ("import os\nos._exit(0)\n", "ends the program: SystemExit: 0", 2),
    ],
)
def test_an_appended_rule_file_that_cannot_be_imported_is_told_at_its_line(engine, code, message, line):
    Path("own").mkdir()
    Path("own/rule.py").write_text(code, encoding="utf-8")
    Path(".cfnlintrc").write_text("append_rules: [own]\n", encoding="utf-8")
    with pytest.raises(RuleError, match=message) as caught:
        engine()
    assert (Path(caught.value.file).name, caught.value.line) == ("rule.py", line)
    assert caught.value.column > 0


def test_the_roots_configuration_counts_below_it(engine, monkeypatch):
    from stackproof.checks.lint.engine import LintEngine
    from stackproof.config import Config

    root = Path.cwd()
    Path(".cfnlintrc").write_text("ignore_checks: [E3002]\n", encoding="utf-8")
    Path("below").mkdir()
    template = root / "below" / "t.yaml"
    template.write_text(
        "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Properties: {Colour: red, DelaySeconds: x}\n",
        encoding="utf-8",
    )
    monkeypatch.chdir("below")
    assert [finding.rule for finding in LintEngine(Config(), root).lint(template, "below/t.yaml")] == [
        "E3012"
    ]


@pytest.mark.parametrize("metadata", ["text", "[1]", "{cfn-lint: text}", "{cfn-lint: {config: [1]}}"])
def test_metadata_of_a_wrong_type_hides_nothing(engine, metadata):
    Path("t.yaml").write_text(
        f"Metadata: {metadata}\nResources:\n  Q: {{Type: 'AWS::SQS::Queue', Properties: {{Colour: red}}}}\n",
        encoding="utf-8",
    )
    assert "E3002" in {finding.rule for finding in engine().lint(Path("t.yaml"), "t.yaml")}


def test_a_set_in_a_message_has_one_order(engine):
    Path("t.yaml").write_text(
        "Resources:\n"
        + "".join(
            f"  {name}:\n    Type: AWS::S3::Bucket\n    Properties: {{BucketName: same-name}}\n"
            for name in ("Zebra", "Ape", "Mouse")
        ),
        encoding="utf-8",
    )
    messages = {f.message for f in engine().lint(Path("t.yaml"), "t.yaml") if f.rule == "E3019"}
    assert messages
    assert all("{'Ape', 'Mouse', 'Zebra'}" in message for message in messages)


@pytest.mark.parametrize("text", ["a: [\n", "regions: 3\n", "nonsense: 1\n", "append_rules: [nowhere]\n"])
def test_a_broken_configuration_at_home_is_named_as_that(engine, text):
    (Path.home() / ".cfnlintrc").write_text(text, encoding="utf-8")
    with pytest.raises(StackproofError) as caught:
        engine()
    assert Path(caught.value.file) == Path.home() / ".cfnlintrc"


def test_of_two_configurations_the_refused_one_is_named(engine):
    (Path.home() / ".cfnlintrc").write_text("regions: 3\n", encoding="utf-8")
    Path(".cfnlintrc").write_text("regions: [us-west-2]\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        engine()
    assert Path(caught.value.file) == Path.home() / ".cfnlintrc"
    (Path.home() / ".cfnlintrc").write_text("regions: [us-west-2]\n", encoding="utf-8")
    Path(".cfnlintrc").write_text("regions: 3\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        engine()
    assert Path(caught.value.file) == Path.cwd() / ".cfnlintrc"


@pytest.mark.parametrize("line", ["import nowhere_at_all", "from os import nothing_such"])
def test_a_rule_that_imports_what_is_not_there_is_named_with_its_line(engine, line):
    Path("own").mkdir()
    Path("own/rule.py").write_text(f"import os\n{line}\n", encoding="utf-8")
    Path(".cfnlintrc").write_text("append_rules: [own]\n", encoding="utf-8")
    with pytest.raises(RuleError) as caught:
        engine()
    assert (Path(caught.value.file).name, caught.value.line) == ("rule.py", 2)


def test_a_rule_file_that_never_ends_is_cut_off_at_its_line(tmp_path):
    Path(tmp_path, "rules").mkdir()
    Path(tmp_path, "rules", "endless.py").write_text("while True:\n    pass\n", encoding="utf-8")
    Path(tmp_path, ".cfnlintrc").write_text("append_rules: [rules]\n", encoding="utf-8")
    # A signal ends it, and only the main thread gets signals: hence a process of its own.
    code = (
        "from pathlib import Path; from stackproof.checks.lint.adapter import Linter; Linter(Path.cwd(), 1.0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    last = done.stderr.splitlines()[-1]
    assert "rules/endless.py:1:1: this cfn-lint rule file cannot be imported: TimeoutError" in last

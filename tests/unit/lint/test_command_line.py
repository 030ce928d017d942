"""On the template as written, the engine finds exactly what the cfn-lint command line finds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

TEMPLATES = {
    "plain.yaml": """
Parameters:
  Unused: {Type: String}
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: soon, Colour: red}
  Bad:
    Type: AWS::No::Such
""",
    "conditions.json": """{
  "Parameters": {"Name": {"Type": "String", "Default": "x"}},
  "Conditions": {"Named": {"Fn::Equals": [{"Ref": "Name"}, "x"]}},
  "Resources": {
    "Bucket": {"Type": "AWS::S3::Bucket", "Condition": "Missing",
      "Properties": {"BucketName": {"Fn::If": ["Named", {"Ref": "Nothing"}, {"Ref": "AWS::NoValue"}]}}}
  }
}""",
    "sam.yaml": """
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: python1.0, Timeout: 1000000}
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties: {Handler: app.main, CodeUri: src/}
""",
    "loop.yaml": """
Transform: AWS::LanguageExtensions
Resources:
  Fn::ForEach::Topics:
    - Name
    - [A, B]
    - Topic${Name}:
        Type: AWS::SNS::Topic
        Properties: {FifoTopic: perhaps}
""",
    "metadata.yaml": """
Metadata:
  cfn-lint: {config: {ignore_checks: [E3012], include_checks: [I]}}
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: soon, Colour: red}
  Topic:
    Type: AWS::SNS::Topic
    Metadata: {cfn-lint: {config: {ignore_checks: [E3002]}}}
    Properties: {Colour: red}
""",
    "duplicate.yaml": "Resources: {}\nResources: {}\n",
    "tabs.yaml": "Resources:\n\tQueue: 1\n",
    "empty.yaml": "",
    "list.yaml": "- 1\n- 2\n",
    "alias.yaml": """
Resources:
  A: &queue
    Type: AWS::SQS::Queue
    Properties: {DelaySeconds: -1}
  B: *queue
""",
    "parent.yaml": """
Resources:
  Child:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: ./plain.yaml, Parameters: {Other: 1}}
""",
}


@pytest.fixture
def templates(engine):
    """The templates in the current folder; their names."""
    for name, text in TEMPLATES.items():
        Path(name).write_text(text, encoding="utf-8")
    return sorted(TEMPLATES)


def _ours(engine, places, names):
    made = engine()
    return places(finding for name in names for finding in made.lint(Path(name), name))


def test_findings_are_those_of_the_command_line(engine, places, command_line, templates):
    ours, theirs = _ours(engine, places, templates), command_line(templates)
    assert {name for name, *_ in theirs} >= set(templates) - {"list.yaml"}
    assert ours == theirs


def test_the_configuration_file_of_the_current_folder_counts(engine, places, command_line, templates):
    Path(".cfnlintrc.yaml").write_text(
        "ignore_checks: [E3002, W]\ninclude_checks: [I]\nmandatory_checks: [W2001]\n"
        "ignore_templates: [sam.yaml]\nregions: [eu-west-1]\n",
        encoding="utf-8",
    )
    ours, theirs = _ours(engine, places, templates), command_line(templates)
    assert not any(name == "sam.yaml" for name, *_ in theirs)
    assert not any(name == "plain.yaml" and rule == "E3002" for name, rule, *_ in theirs)
    assert ours == theirs


def test_the_home_folder_is_merged_with_the_project(engine, places, command_line, templates):
    (Path.home() / ".cfnlintrc").write_text("ignore_checks: [E3012]\n", encoding="utf-8")
    Path(".cfnlintrc").write_text("regions: [us-west-2]\n", encoding="utf-8")
    ours = _ours(engine, places, templates)
    assert not any(rule == "E3012" for _, rule, *_ in ours)
    assert ours == command_line(templates)


def test_rules_of_a_project_run_and_are_described(engine, places, command_line, templates):
    Path("own").mkdir()
    Path("own/naming.py").write_text(
        """
from cfnlint.rules import CloudFormationLintRule, RuleMatch

class Naming(CloudFormationLintRule):
    id = "E9901"
    shortdesc = "A queue is called what it is for"
    description = "Names matter"
    tags = ["naming"]

    def match(self, cfn):
        return [
            RuleMatch(["Resources", name], f"{name} is no name")
            for name in cfn.get_resources(["AWS::SQS::Queue"])
        ]
""",
        encoding="utf-8",
    )
    Path("custom.txt").write_text(
        "AWS::SQS::Queue Colour == blue ERROR 'red is no colour'\n", encoding="utf-8"
    )
    Path(".cfnlintrc").write_text("append_rules: [own]\ncustom_rules: custom.txt\n", encoding="utf-8")
    ours = _ours(engine, places, templates)
    assert {"E9901", "E9001"} <= {rule for _, rule, *_ in ours}
    assert ours == command_line(templates)
    described = {rule.id: rule for rule in engine().rules()}
    assert described["E9901"].title == "A queue is called what it is for"
    assert described["E9901"].location is not None
    assert described["E9901"].location.file.endswith("own/naming.py")
    assert described["E3012"].location is None


def test_a_schema_override_and_a_registry_schema_count(engine, places, command_line, templates):
    Path("override.json").write_text('{"ExcludeResourceTypes": ["AWS::SNS::*"]}', encoding="utf-8")
    Path("registry").mkdir()
    Path("registry/such.json").write_text(
        '{"typeName": "AWS::No::Such", "properties": {"Size": {"type": "integer"}}, "required": ["Size"],'
        ' "additionalProperties": false, "primaryIdentifier": ["/properties/Size"]}',
        encoding="utf-8",
    )
    Path(".cfnlintrc").write_text(
        "override_spec: override.json\nregistry_schemas: [registry]\n", encoding="utf-8"
    )
    theirs = command_line(templates)
    program = (
        "import sys, json; from pathlib import Path; from stackproof.config import Config;"
        "from stackproof.checks.lint.engine import LintEngine; e = LintEngine(Config(), Path.cwd());"
        "print(json.dumps([[f.location.file, f.rule, f.location.line, f.location.column]"
        " for n in sys.argv[1:] for f in e.lint(Path(n), n)]))"
    )
    # In a process of its own: cfn-lint changes its schemas for good.
    done = subprocess.run(
        [sys.executable, "-c", program, *templates], capture_output=True, text=True, check=True
    )
    assert Counter(tuple(one) for one in json.loads(done.stdout)) == theirs
    assert ("metadata.yaml", "E3006", 9, 5) in theirs


def test_the_answer_for_a_template_does_not_hang_on_what_was_judged_before(engine, places, templates):
    made = engine()
    first = [made.lint(Path(name), name) for name in templates]
    again = [made.lint(Path(name), name) for name in reversed(templates)]
    assert first == again[::-1]


@pytest.mark.needs("corpus")
def test_foreign_templates_give_the_findings_of_the_command_line(
    engine, places, command_line, corpus, monkeypatch
):
    monkeypatch.chdir(corpus)
    names = sorted(path.name for path in corpus.iterdir() if path.suffix != ".md" and path.suffix != ".tsv")[
        ::40
    ]
    assert len(names) > 5
    assert _ours(engine, places, names) == command_line(names)

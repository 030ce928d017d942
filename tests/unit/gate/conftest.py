"""A small project with everything that a verdict can hang on, and the command line to judge it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stackproof.cli import root as cli

FILES = {
    "stackproof.toml": """
[[rulesets]]
path = "policies"

[environments.prod]
region = "eu-west-1"
""",
    "policies/queues.guard": """
# title: Queues are encrypted
rule QUEUE_ENCRYPTED when Resources.*[ Type == 'AWS::SQS::Queue' ] !empty {
    Resources.*[ Type == 'AWS::SQS::Queue' ] {
        Properties.SqsManagedSseEnabled == true <<switch encryption on>>
    }
}

# title: Topics have a plain name
rule TOPIC_PLAIN when Resources.*[ Type == 'AWS::SNS::Topic' ] !empty {
    Resources.*[ Properties.TopicName exists ].Properties.TopicName == 'plain' <<call it plain>>
}
""",
    "templates/app.yaml": """
Parameters:
  Delay: {Type: Number, Default: 5}
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      DelaySeconds: !Ref Delay
      Colour: red
  Reader:
    Type: AWS::SNS::Topic
    Properties:
      TopicName: !ImportValue shared-name
""",
    "templates/config/prod.json": '{"Parameters": {"Delay": "7"}}',
    "templates/shared/base.yaml": """
Resources:
  Topic: {Type: 'AWS::SNS::Topic'}
Outputs:
  Name:
    Value: plain
    Export: {Name: shared-name}
""",
    "templates/shared/config/prod.json": "{}",
    "templates/nested/parent.yaml": """
Resources:
  Child:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: child.yaml
      Parameters: {Wait: '9'}
""",
    "templates/nested/child.yaml": """
Parameters:
  Wait: {Type: Number}
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: {DelaySeconds: !Ref Wait, SqsManagedSseEnabled: true}
""",
    "templates/included/template.yaml": """
Resources:
  Fn::Transform: {Name: 'AWS::Include', Parameters: {Location: part.yaml}}
""",
    "templates/included/part.yaml": """
Part:
  Type: AWS::SQS::Queue
  Properties: {SqsManagedSseEnabled: true}
""",
    "templates/notes.yaml": "just: data\n",
}


@dataclass(frozen=True)
class Answer:
    """What one run of the command line gave."""

    exit_code: int
    output: str
    report: dict[str, Any]

    @property
    def found(self) -> set[tuple[str, str, int]]:
        """The rule, file and line of each finding that is no note."""
        return {
            (one["rule"], one["location"]["file"], one["location"]["line"])
            for one in self.report["findings"]
            if one["outcome"] != "note"
        }

    @property
    def rules(self) -> set[str]:
        return {rule for rule, _, _ in self.found}

    @property
    def files(self) -> set[str]:
        return {one["file"] for one in self.report["judged"]}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project, with an empty home beside it; it is the current folder."""
    root = tmp_path / "project"
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CACHE_HOME", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def check() -> Callable[..., Answer]:
    """Run ``stackproof check`` with the given arguments in the current folder, two workers at most."""

    def run(*arguments: str, expect: int | None = None) -> Answer:
        result = CliRunner().invoke(
            cli, ["check", "--workers", "2", "--format", "json", *arguments], standalone_mode=False
        )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        code = result.return_value
        assert expect is None or code == expect, result.output
        return Answer(code, result.stdout, json.loads(result.stdout))

    return run

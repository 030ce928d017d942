"""What makes cfn-lint faster does not change an answer, and is off where cfn-lint is another version."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stackproof.checks.lint import compat
from stackproof.checks.lint.compat import patching
from stackproof.config import Config
from stackproof.template.discover import TemplateFile
from stackproof.template.estate import Estate


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


OUTSIDE = """
Parameters:
  Word: {Type: String}
  Size: {Type: Number}
  Words: {Type: CommaDelimitedList}
Conditions:
  Wide: !Equals [!Ref 'AWS::AccountId', '123456789012']
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: '2012-10-17'
        Statement:
          - {Effect: !Ref Word, Action: sts:AssumeRole, Principal: {Service: lambda.amazonaws.com}}
          - {Effect: Perhaps, Action: sts:AssumeRole, Principal: {Service: lambda.amazonaws.com}}
      MaxSessionDuration: !Ref Size
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      FifoQueue: !Ref Word
      DelaySeconds: !If [Wide, !Ref Size, 5]
      RedrivePolicy: {maxReceiveCount: !Ref Size}
      VisibilityTimeout: many
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: !Sub 'for ${Word}\\t'
      SecurityGroupIngress:
        - {IpProtocol: !Ref Word, CidrIp: 10.0.0.0/8}
        - {IpProtocol: tcp, FromPort: !Ref Size, ToPort: 80, CidrIp: !Ref Word}
        - {IpProtocol: tcp, Port: 80}
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: AWS/SQS
      MetricName: !Ref Word
      ComparisonOperator: !Ref Word
      Period: !Ref Size
      Dimensions: [{Name: QueueName, Value: !Ref Word}, {Name: 5}]
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: !Ref Word
      KeySchema: [{AttributeName: id, KeyType: !Ref Word}]
      AttributeDefinitions: [{AttributeName: other, AttributeType: S}]
  Api:
    Type: AWS::ApiGateway::RestApi
    Properties: {Name: api, EndpointConfiguration: {Types: !Ref Words}}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      NetworkMode: !Ref Word
      RequiresCompatibilities: [EC2]
      ContainerDefinitions: [{Name: one, Image: one}]
"""


def test_walking_only_to_outside_values_gives_what_walking_everywhere_gives(engine, restored):
    root = Path.cwd()
    (root / "t.yaml").write_text(OUTSIDE, encoding="utf-8")
    (root / "config").mkdir()
    given = {"small": ("tcp", "1"), "odd": ("Maybe so/x", "77777"), "fifo": ("true", "-1")}
    for name, (word, size) in given.items():
        text = json.dumps({"Parameters": {"Word": word, "Size": size, "Words": f"EDGE,{word}"}})
        (root / "config" / f"{name}.json").write_text(text, encoding="utf-8")
    estate = Estate(root, Config(), [TemplateFile("t.yaml", root / "t.yaml")])
    instances = estate.instances("t.yaml")
    fast = [engine().lint_resolved(resolved) for resolved in instances]
    made = engine()
    compat.slow_down()
    assert [made.lint_resolved(resolved) for resolved in instances] == fast
    lines = {found.location.line for findings in fast for found in findings}
    assert len({found.rule for findings in fast for found in findings}) >= 7
    assert lines.isdisjoint({_line("Effect: Perhaps"), _line("VisibilityTimeout"), _line("Port: 80}")})
    assert lines >= {
        _line("Effect: !Ref"),
        _line("KeyType: !Ref"),
        _line("!If [Wide"),
        _line("{Name: 5}") - 2,
    }


def _line(text: str) -> int:
    return OUTSIDE[: OUTSIDE.index(text)].count("\n") + 1

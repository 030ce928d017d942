"""The E3 rules on values that come from outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stackproof.config import Config, Environment
from stackproof.template.discover import TemplateFile
from stackproof.template.estate import Estate

TEMPLATE = """
Parameters:
  Type: {Type: String}
  Delay: {Type: Number, Default: 5, AllowedValues: [5, 10]}
  Name: {Type: String, Default: ok}
Conditions:
  Long: !Equals [!Ref Name, long]
Resources:
  Host:
    Type: AWS::EC2::Instance
    Properties:
      ImageId: !Ref Image
      InstanceType: !Ref Type
  Image:
    Type: AWS::SNS::Topic
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      DelaySeconds: !Ref Delay
      Colour: red
      VisibilityTimeout: !If [Long, 5, !Ref Type]
"""


@pytest.fixture
def judge(engine):
    """Resolve a template with parameter values and give the engine's findings beyond the written ones."""

    def run(text: str, config: Config | None = None, **configurations: dict[str, str]):
        Path("t.yaml").write_text(text, encoding="utf-8")
        Path("config").mkdir(exist_ok=True)
        for name, values in configurations.items():
            Path(f"config/{name}.json").write_text(json.dumps({"Parameters": values}), encoding="utf-8")
        root = Path.cwd()
        estate = Estate(root, config or Config(), [TemplateFile("t.yaml", root / "t.yaml")])
        made = engine()
        written = made.lint(root / "t.yaml", "t.yaml")
        return [
            one for resolved in estate.instances("t.yaml") for one in made.lint_resolved(resolved, written)
        ]

    return run


def test_a_bad_value_from_a_parameter_file_is_found_where_it_is_used(judge):
    found = judge(TEMPLATE, prod={"Type": "t9.gigantic"})
    host = [one for one in found if one.logical_id == "Host"]
    assert [(one.rule, one.location.line) for one in host] == [("E3628", 13)]
    assert host[0].configurations == ("prod",)
    assert any(related.location.file == "config/prod.json" for related in host[0].related)


def test_a_good_value_gives_nothing_that_the_written_template_did_not_show(judge):
    assert judge(TEMPLATE.replace("!If [Long, 5, !Ref Type]", "5"), prod={"Type": "t3.micro"}) == []


def test_what_the_written_template_shows_is_not_repeated(judge):
    found = judge(TEMPLATE, prod={"Type": "t9.gigantic"})
    assert "E3002" not in {one.rule for one in found}


def test_a_default_that_cfn_lint_tries_by_itself_is_not_judged_again(judge):
    text = TEMPLATE.replace("{Type: String}\n  Delay", "{Type: String, Default: t9.gigantic}\n  Delay")
    assert judge(text, prod={"Type": "t9.gigantic"}) == []


def test_each_configuration_speaks_for_itself(judge):
    found = judge(
        TEMPLATE, good={"Type": "t3.micro", "Name": "long"}, bad={"Type": "t9.gigantic", "Name": "long"}
    )
    assert {one.configurations for one in found} == {("bad",)}


def test_unknown_values_cause_nothing(judge):
    text = """
Parameters:
  Size: {Type: Number}
  Vpc: {Type: 'AWS::EC2::VPC::Id'}
Conditions:
  Here: !Equals [!Ref 'AWS::AccountId', '123456789012']
Resources:
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: !Sub 'for ${AWS::StackName} of ${Size}'
      VpcId: !Ref Vpc
  Queue:
    Type: AWS::SQS::Queue
    Condition: Here
    Properties:
      DelaySeconds: !If [Here, !Ref Size, !Ref 'AWS::NoValue']
      QueueName: !GetAtt Group.GroupId
"""
    assert judge(text, prod={"Size": "7"}) == []
    assert {one.rule for one in judge(text, prod={"Size": "70000"})} == {"E3034"}


def test_a_suppression_in_the_template_is_kept(judge):
    text = TEMPLATE.replace(
        "    Type: AWS::EC2::Instance\n",
        "    Type: AWS::EC2::Instance\n    Metadata: {cfn-lint: {config: {ignore_checks: [E3628]}}}\n",
    )
    found = judge(text, prod={"Type": "t9.gigantic", "Name": "long"})
    assert not [one for one in found if one.logical_id == "Host"]


PLACED = """
Parameters:
  Type: {Type: String}
Resources:
  Given:
    Type: AWS::EC2::Instance
    Properties: {ImageId: ami-12345678, InstanceType: !Ref Type}
  Written:
    Type: AWS::EC2::Instance
    Properties: {ImageId: ami-12345678, InstanceType: m4.large}
  Wrong:
    Type: AWS::SQS::Queue
    Properties: {Colour: red}
"""


def test_a_configuration_is_judged_for_its_own_region(judge):
    environments = {"far": Environment(region="ap-east-2"), "near": Environment(region="us-east-1")}
    given = {"Type": "m4.large"}
    found = judge(PLACED, Config(environments=environments), far=given, near=given)
    assert {(one.rule, one.logical_id, one.configurations) for one in found} == {
        ("E3628", "Given", ("far",)),
        ("E3628", "Written", ("far",)),
    }
    assert all("ap-east-2" in one.message for one in found)


def test_a_region_that_cfn_lint_does_not_know_is_judged_as_the_written_template(judge):
    found = judge(PLACED, Config(environments={"far": Environment(region="mars-1")}), far={"Type": "t9.huge"})
    assert [(one.rule, one.logical_id) for one in found] == [("E3628", "Given")]

"""Where resolved values come from, the resource graph, and the provider schemas behind them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from stackproof import schemas
from stackproof.template.graph import graph

TEXT = """
Parameters:
  Size: {Type: String, Default: small}
Mappings:
  Sizes:
    eu-west-1:
      small: t3.small
Conditions:
  Small: !Equals [!Ref Size, small]
Resources:
  Host:
    Type: AWS::EC2::Instance
    Properties:
      InstanceType: !FindInMap [Sizes, eu-west-1, !Ref Size]
      Tags: !If
        - Small
        - - Key: a
            Value: !Ref Size
        - - Key: b
            Value: c
  Topic:
    Type: AWS::SNS::Topic
    DependsOn: Host
    Properties:
      DisplayName: !Sub "${Host.PrivateIp} ${Size}"
      TopicName: !If [Small, !Ref Host, !Ref Other]
  Other:
    Type: AWS::SNS::Topic
"""


def test_a_value_in_a_branch_is_found_at_its_line(resolved: Any) -> None:
    result = resolved(TEXT)
    tags = ("Resources", "Host", "Properties", "Tags")
    assert result.tree["Resources"]["Host"]["Properties"]["Tags"] == [{"Key": "a", "Value": "small"}]
    assert result.locate((*tags, 0, "Value")).line == 18
    assert result.locate(("Resources", "Host", "Properties", "InstanceType")).line == 14


def test_the_other_branch_of_a_choice_is_found_too(resolved: Any) -> None:
    text = TEXT.replace("Default: small", "MinLength: 1").replace("Key: b", "Other: b")
    result = resolved(text)
    tags = ("Resources", "Host", "Properties", "Tags", 0)
    assert result.locate((*tags, "Key")).line == 17
    assert result.locate((*tags, "Other")).line == 19


def test_outside_values_are_named_with_their_lines(resolved: Any) -> None:
    result = resolved(TEXT, {"Size": "small"})
    used = result.provenance(("Resources", "Host", "Properties", "InstanceType"))
    assert {(item.location.file, item.location.line) for item in used} == {
        ("config/test.json", 3),
        ("template.yaml", 7),
    }
    inside = result.provenance(("Resources", "Host", "Properties", "Tags", 0, "Key"))
    assert [item.location.file for item in inside] == ["config/test.json"]
    assert result.provenance(("Resources", "Other", "Type")) == ()


def test_the_graph_holds_what_is_really_needed(resolved: Any) -> None:
    found = graph(resolved(TEXT))
    assert set(found.edges) == {("Topic", "Host")}
    assert found.edges["Topic", "Host"]["kinds"] == {"ref", "getatt", "dependson"}
    assert found.edges["Topic", "Host"]["attributes"] == {"PrivateIp"}
    assert found.nodes["Host"]["type"] == "AWS::EC2::Instance"
    other = graph(resolved(TEXT, {"Size": "large"}))
    assert ("Topic", "Other") in other.edges


def test_schemas_answer_without_cfn_lint() -> None:
    code = (
        "import sys; from stackproof import schemas;"
        "assert 'Arn' in schemas.read_only('AWS::SQS::Queue');"
        "assert 'QueueName' in schemas.create_only('AWS::SQS::Queue');"
        "assert schemas.primary_identifier('AWS::SQS::Queue') == ('QueueUrl',);"
        "assert schemas.kind(schemas.attribute('AWS::RDS::DBInstance', 'Endpoint.Address')) == 'string';"
        "assert schemas.schema('Custom::Thing') is None;"
        "assert 'cfnlint' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_region_has_its_own_types() -> None:
    assert "AWS::SQS::Queue" in schemas.types("eu-west-1")
    assert schemas.types("nowhere-1") == {}

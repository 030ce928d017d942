"""Nested stacks: local templates, parameters and outputs, updates and rollback through the parent."""

from __future__ import annotations

import pytest

from stackproof.errors import DeploymentFailed

CHILD = """
Parameters:
  Delay: {Type: Number}
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: {DelaySeconds: !Ref Delay}
Outputs:
  Arn: {Value: !GetAtt Queue.Arn}
"""
PARENT = """
Parameters:
  Delay: {Type: Number, Default: 3}
Resources:
  Child:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: child.yaml
      Parameters: {Delay: !Ref Delay}
  Arn:
    Type: AWS::SSM::Parameter
    Properties: {Name: /arn, Type: String, Value: !GetAtt Child.Outputs.Arn}
"""


@pytest.fixture
def family(tmp_path):
    (tmp_path / "child.yaml").write_text(CHILD)
    (tmp_path / "template.yaml").write_text(PARENT)
    return tmp_path


def delay(aws, made):
    url = made.nested("Child").queue("Queue")
    found = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])
    return found["Attributes"]["DelaySeconds"]


def test_a_child_is_deployed_and_its_outputs_are_the_parents(stack, aws, family):
    made = stack(family, require="emulated")
    child = made.nested("Child")
    assert delay(aws, made) == "3"
    assert aws.ssm.get_parameter(Name="/arn")["Parameter"]["Value"] == child["Queue"].arn
    assert [one.logical_id for _, one in made.walk()] == ["Child", "Queue", "Arn"]
    made.delete()
    assert "QueueUrls" not in aws.sqs.list_queues()
    assert child.status == "DELETE_COMPLETE"


def test_an_update_of_the_parent_reaches_the_child(stack, aws, family):
    made = stack(family)
    made.update(parameters={"Delay": 9})
    assert delay(aws, made) == "9"
    assert made.nested("Child").status == "UPDATE_COMPLETE"


def test_what_a_child_refuses_rolls_the_family_back(stack, aws, family):
    made = stack(family)
    with pytest.raises(DeploymentFailed, match=r"Child: Embedded stack was not successful.*DelaySeconds"):
        made.update(parameters={"Delay": 5000})
    assert delay(aws, made) == "3"
    assert made.status == "UPDATE_ROLLBACK_COMPLETE"
    assert made.nested("Child").resources


def test_a_child_that_is_missing_is_told(stack, tmp_path):
    (tmp_path / "template.yaml").write_text(PARENT)
    with pytest.raises(DeploymentFailed, match=r"Child: the child template is missing: 'child.yaml'"):
        stack(tmp_path)


def test_a_family_in_a_circle_is_refused(stack, family):
    (family / "child.yaml").write_text(PARENT.replace("child.yaml", "template.yaml"))
    with pytest.raises(DeploymentFailed, match="the stacks contain each other"):
        stack(family)


def test_what_a_child_lacks_shows_in_the_parent(stack, family):
    text = CHILD.replace(
        "Outputs:", "  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}\nOutputs:"
    )
    (family / "child.yaml").write_text(text)
    made = stack(family)
    assert str(made["Child"].verdict.level) == "partial"
    assert made["Child"].verdict.left_out == ("Vpc",)
    assert [one.logical_id for _, one in made.missing()] == ["Child", "Vpc"]


def test_an_application_of_the_repository_is_not_emulated_and_the_rest_runs(stack, aws):
    """Powertools was published like this: an application whose output is its layer."""
    made = stack("""
Transform: AWS::Serverless-2016-10-31
Resources:
  Powertools:
    Type: AWS::Serverless::Application
    Properties:
      Location:
        ApplicationId: arn:aws:serverlessrepo:eu-west-1:057560766410:applications/powertools-layer
        SemanticVersion: 2.0.0
  It:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      Layers: [!GetAtt Powertools.Outputs.LayerVersionArn]
      Environment: {Variables: {OTHER: !GetAtt Powertools.Outputs.Other}}
      InlineCode: |
        import os
        from aws_lambda_powertools import Logger
        def handler(event, context):
            return os.environ["OTHER"]
""")  # fmt: skip
    verdict = made["Powertools"].verdict
    assert str(verdict.level) == "not emulated"
    assert "Serverless Application Repository" in str(verdict)
    assert made["It"].properties["Layers"] == ["arn:aws:lambda:us-east-1:057560766410:layer:Powertools:1"]
    answer = aws("lambda").invoke(FunctionName=made["It"].physical_id)
    assert answer["Payload"].read() == b'"powertools-other"'
    made.delete()

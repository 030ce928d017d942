"""Properties that a type has not, and those that it must have."""

from __future__ import annotations

import pytest

from stackproof.deploy.validity import fault
from stackproof.errors import DeploymentFailed, UsageError


@pytest.mark.parametrize(
    ("kind", "properties", "told"),
    [
        ("AWS::SQS::Queue", {"VisibilityTimeout": 9}, ""),
        ("AWS::SQS::Queue", {"VisibilityTimout": 9}, "#: extraneous key [VisibilityTimout] is not permitted"),
        ("AWS::Events::Archive", {"ArchiveName": "a"}, "#: required key [SourceArn] not found"),
        ("AWS::Events::Archive", {"ArchiveName": "a", "SourceArn": None}, "required key [SourceArn]"),
        ("Custom::Anything", {"What": 1, "Ever": 2}, ""),
    ],
)
def test_names_of_properties_are_held_against_the_type(kind, properties, told):
    found = fault("It", kind, properties, ())
    assert (told in found) if told else not found


ENVIRONMENT = {"Handler": "i.h", "Role": "r", "Code": {"ZipFile": ""}}


@pytest.mark.parametrize(
    ("kind", "properties", "told"),
    [
        (
            "AWS::Lambda::Function",
            {**ENVIRONMENT, "Environment": {"Variabels": {"A": 1}}},
            ["#/Environment: extraneous key [Variabels] is not permitted"],
        ),
        ("AWS::Lambda::Function", {**ENVIRONMENT, "Environment": {"Variables": {"Any": 1, "Name": 2}}}, []),
        (
            "AWS::Lambda::Function",
            {**ENVIRONMENT, "Code": {"ZipFiel": "x"}, "Tags": [{"Key": "a", "Valeu": "b"}]},
            ["#/Code: extraneous key [ZipFiel] is not permitted", "#/Tags/0: extraneous key [Valeu]"],
        ),
        (
            "AWS::Lambda::EventSourceMapping",
            {
                "FunctionName": "f",
                "FilterCriteria": {"Filters": [{"Pattern": "{}"}, {"Patern": "{}"}]},
            },
            ["#/FilterCriteria/Filters/1: extraneous key [Patern] is not permitted"],
        ),
        (
            "AWS::DynamoDB::Table",
            {"KeySchema": [{"AttributeName": "id"}]},
            ["#/KeySchema/0: required key [KeyType] not found"],
        ),
        (
            "AWS::Lambda::Function",
            {**ENVIRONMENT, "Architectures": ["x86_64", "mips"], "TracingConfig": {"Mode": "Activ"}},
            [
                "#/Architectures/1: failed validation constraint for keyword [enum]",
                "#/TracingConfig/Mode: failed validation constraint for keyword [enum]",
            ],
        ),
        ("AWS::Lambda::Function", {**ENVIRONMENT, "Runtime": "python3.99"}, []),
        ("AWS::Logs::LogGroup", {"RetentionInDays": 2}, ["#/RetentionInDays: failed validation constraint"]),
        ("AWS::Logs::LogGroup", {"RetentionInDays": "7"}, []),
        # Free JSON at any depth: a policy document, a redrive policy.
        ("AWS::SQS::Queue", {"RedrivePolicy": {"deadLetterTargetArm": "x", "maxReceiveCount": 1}}, []),
        (
            "AWS::IAM::Role",
            {
                "AssumeRolePolicyDocument": {"Statment": []},
                "Policies": [{"PolicyName": "p", "PolicyDocument": {"A": 1}}],
            },
            [],
        ),
        # A choice between forms: a name that one of them has is good, one that none has is not.
        (
            "AWS::Events::Rule",
            {
                "Targets": [
                    {"Arn": "a", "Id": "1", "InputTransformer": {"InputTemplate": "x", "InputPathMap": {}}}
                ]
            },
            ["#/Targets/0/InputTransformer: extraneous key [InputPathMap] is not permitted"],
        ),
    ],
)  # fmt: skip
def test_names_below_a_property_are_held_against_the_type_too(kind, properties, told):
    found = fault("It", kind, properties, properties)
    assert bool(found) == bool(told), found
    assert all(one in found for one in told), found


def test_a_choice_between_forms_takes_the_names_of_each(monkeypatch):
    forms = [
        {"type": "object", "properties": {"A": {}}, "additionalProperties": False},
        {"type": "object", "properties": {"B": {"properties": {"C": {}}, "additionalProperties": False}},
         "additionalProperties": False},
    ]  # fmt: skip
    schema = {
        "additionalProperties": False,
        "properties": {"Choice": {"oneOf": [{"$ref": "#/definitions/First"}, forms[1]]},
                       "Map": {"patternProperties": {"^k": {}, r"\p{L}x": {}},
                               "additionalProperties": False}},
        "definitions": {"First": forms[0]},
    }  # fmt: skip
    monkeypatch.setattr("stackproof.schemas.schema", lambda kind, region="": schema)
    assert fault("It", "A::B::C", {"Choice": {"A": 1}}, ()) == ""
    assert fault("It", "A::B::C", {"Choice": {"B": {"C": 1}}}, ()) == ""
    assert "#/Choice: extraneous key [D]" in fault("It", "A::B::C", {"Choice": {"D": 1}}, ())
    assert "#/Choice/B: extraneous key [D]" in fault("It", "A::B::C", {"Choice": {"B": {"D": 1}}}, ())
    assert fault("It", "A::B::C", {"Map": {"k1": 1, "other": 1}}, ()) == ""


def test_values_that_are_known_in_any_case_are_taken_in_any_case():
    assert fault("It", "AWS::EC2::EIP", {"Domain": "VPC"}, ()) == ""
    assert "#/Domain: failed validation constraint" in fault("It", "AWS::EC2::EIP", {"Domain": "here"}, ())


def test_a_snapshot_is_what_is_restored(fabric):
    with pytest.raises(UsageError, match="'x', which is no snapshot"):
        fabric.restore("x")


def test_what_a_handler_covers_is_a_property():
    assert fault("It", "AWS::SQS::Queue", {"New": 9}, {"New"}) == ""


def test_a_misspelt_property_fails_the_deployment_and_leaves_nothing(stack, aws):
    first = {"Type": "AWS::SQS::Queue"}
    second = {"Type": "AWS::SQS::Queue", "Properties": {"QueueNam": "q"}}
    with pytest.raises(DeploymentFailed, match=r"extraneous key \[QueueNam\]"):
        stack({"Resources": {"First": first, "Second": second}})
    assert aws.sqs.list_queues().get("QueueUrls", []) == []


def test_a_misspelt_name_below_a_property_fails_the_deployment(stack):
    text = """
Transform: AWS::Serverless-2016-10-31
Resources:
  It:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: i.h
      InlineCode: "x = 1"
      Environment: {Variabels: {A: b}}
"""
    with pytest.raises(
        DeploymentFailed, match=r"#/Environment: extraneous key \[Variabels\] is not permitted"
    ):
        stack(text)

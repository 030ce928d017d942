"""Properties that a type has not, and those that it must have."""

from __future__ import annotations

import pytest

from stackproof.deploy.validity import fault
from stackproof.errors import DeploymentFailed


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


def test_what_a_handler_covers_is_a_property():
    assert fault("It", "AWS::SQS::Queue", {"New": 9}, {"New"}) == ""


def test_a_misspelt_property_fails_the_deployment_and_leaves_nothing(stack, aws):
    first = {"Type": "AWS::SQS::Queue"}
    second = {"Type": "AWS::SQS::Queue", "Properties": {"QueueNam": "q"}}
    with pytest.raises(DeploymentFailed, match=r"extraneous key \[QueueNam\]"):
        stack({"Resources": {"First": first, "Second": second}})
    assert aws.sqs.list_queues().get("QueueUrls", []) == []

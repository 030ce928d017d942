"""Physical names, and what an update does to a resource."""

from __future__ import annotations

import re

import pytest

from stackproof.deploy.changes import custom_name, differences, replacing
from stackproof.deploy.handlers import TYPES, emulated, handler
from stackproof.deploy.handlers.s3_lifecycle import lifecycle
from stackproof.deploy.handlers.s3_notifications import notifications
from stackproof.deploy.handlers.secrets import password
from stackproof.deploy.names import physical_name

STACK = ("a-stack-with-a-name-that-is-far-too-long-to-be-kept-whole-anywhere", "arn:aws:stack/1")


@pytest.mark.parametrize(
    ("kind", "limit", "pattern"),
    [
        ("AWS::S3::Bucket", 63, r"[a-z0-9][a-z0-9.-]+"),
        ("AWS::SQS::Queue", 80, r"[A-Za-z0-9_-]+"),
        ("AWS::Lambda::Function", 64, r"[A-Za-z0-9_-]+"),
        ("AWS::IAM::Role", 64, r"[\w+=,.@-]+"),
        ("AWS::SNS::Topic", 256, r"[A-Za-z0-9_-]+"),
    ],
)
@pytest.mark.parametrize(
    "logical_id", ["Q", "AnotherResourceWithAVeryLongLogicalIdThatNobodyWouldWriteButTools"]
)
def test_a_generated_name_fits_its_service(kind, limit, pattern, logical_id):
    name = physical_name(kind, *STACK, logical_id, 0)
    assert len(name) <= limit
    assert re.fullmatch(pattern, name)
    assert name != physical_name(kind, *STACK, logical_id, 1)
    assert name == physical_name(kind, *STACK, logical_id, 0)


def test_a_generated_fifo_name_ends_as_it_must_within_the_limit():
    name = physical_name("AWS::SQS::Queue", *STACK, "Queue", 0, ".fifo")
    assert name.endswith(".fifo")
    assert len(name) <= 80


def test_differences_go_into_objects_and_take_lists_whole():
    before = {"a": {"b": 1, "c": 2}, "d": [1], "e": 1}
    after = {"a": {"b": 1, "c": 3}, "d": [1, 2], "f": 1}
    assert differences(before, after) == ("a.c", "d", "e", "f")
    assert differences(before, before) == ()


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        ("AWS::SQS::Queue", "QueueName", True),
        ("AWS::SQS::Queue", "DelaySeconds", False),
        ("AWS::DynamoDB::Table", "KeySchema", True),
        ("AWS::Lambda::LayerVersion", "Content.S3Key", True),
        ("AWS::Lambda::Function", "Code.ZipFile", False),
    ],
)
def test_create_only_properties_replace(kind, path, expected):
    assert bool(replacing(handler(kind), kind, (path,))) is expected


def test_only_an_unchanged_own_name_stands_in_the_way():
    kind = "AWS::DynamoDB::Table"
    assert custom_name(kind, {"TableName": "t"}, {"TableName": "t"}) == "t"
    assert custom_name(kind, {"TableName": "t"}, {"TableName": "u"}) == ""
    assert custom_name(kind, {}, {}) == ""


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_every_handler_can_be_loaded_and_covers_properties_that_there_are(kind):
    from stackproof import schemas

    found = handler(kind)
    assert found.type == kind
    schema = schemas.schema(kind)
    if schema is not None:
        assert found.covers | found.inert.keys() | found.in_place <= set(schema["properties"])


def test_a_type_without_a_handler_is_not_emulated():
    assert not emulated("AWS::EC2::VPC")
    assert handler("AWS::EC2::VPC").type == "*"


def test_a_password_has_one_of_each_type_unless_told_otherwise():
    import random

    made = password({"PasswordLength": 4}, random.Random(1))
    kinds = [str.islower, str.isupper, str.isdigit]
    assert all(any(kind(letter) for letter in made) for kind in kinds)
    assert any(not letter.isalnum() for letter in made)
    digits = {
        "ExcludeLowercase": True,
        "ExcludeUppercase": True,
        "ExcludePunctuation": True,
        "PasswordLength": 50,
    }
    assert password(digits, random.Random(1)).isdigit()


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"Prefix": "a/"}, {"Filter": {"Prefix": "a/"}}),
        ({"TagFilters": [{"Key": "k", "Value": "v"}]}, {"Filter": {"Tag": {"Key": "k", "Value": "v"}}}),
        (
            {"Prefix": "a/", "TagFilters": [{"Key": "k", "Value": "v"}]},
            {"Filter": {"And": {"Prefix": "a/", "Tags": [{"Key": "k", "Value": "v"}]}}},
        ),
        (
            {"NoncurrentVersionExpirationInDays": 3},
            {"Filter": {"Prefix": ""}, "NoncurrentVersionExpiration": {"NoncurrentDays": 3}},
        ),
        (
            {"Transition": {"StorageClass": "GLACIER", "TransitionInDays": 1}},
            {"Filter": {"Prefix": ""}, "Transitions": [{"StorageClass": "GLACIER", "Days": 1}]},
        ),
    ],
)
def test_a_lifecycle_rule_in_the_apis_shape(rule, expected):
    assert lifecycle({"Status": "Enabled", **rule}) == {"Status": "Enabled", **expected}


def test_notifications_in_the_apis_shape():
    given = {
        "QueueConfigurations": [{"Event": "s3:ObjectCreated:*", "Queue": "arn:q"}],
        "EventBridgeConfiguration": {"EventBridgeEnabled": "true"},
    }
    assert notifications(given) == {
        "QueueConfigurations": [{"QueueArn": "arn:q", "Events": ["s3:ObjectCreated:*"]}],
        "EventBridgeConfiguration": {},
    }
    assert notifications({"EventBridgeConfiguration": {"EventBridgeEnabled": False}}) == {}

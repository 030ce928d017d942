"""Values of a template in the shape of an API operation, by botocore's own models."""

from __future__ import annotations

import botocore.session
import pytest

from stackproof.deploy.fit import fit, tags_of, text


@pytest.fixture(scope="module")
def shape():
    session = botocore.session.Session()

    def find(service, operation):
        return session.get_service_model(service).operation_model(operation).input_shape

    return find


def fitted(shape, value):
    dropped = []
    return fit(shape, value, "", dropped), dropped


def test_texts_become_what_the_api_wants_and_the_other_way_round(shape):
    value = {
        "TableName": 7,
        "DeletionProtectionEnabled": "true",
        "ProvisionedThroughput": {"ReadCapacityUnits": "5"},
    }
    assert fitted(shape("dynamodb", "CreateTable"), value) == (
        {
            "TableName": "7",
            "DeletionProtectionEnabled": True,
            "ProvisionedThroughput": {"ReadCapacityUnits": 5},
        },
        [],
    )


def test_members_are_found_in_another_case(shape):
    value = {"RestApiId": "a", "TlsConfig": {"InsecureSkipVerification": "false"}}
    found, dropped = fitted(shape("apigateway", "PutIntegration"), value)
    assert found == {"restApiId": "a", "tlsConfig": {"insecureSkipVerification": False}}
    assert dropped == []


def test_what_the_api_has_no_member_for_is_named_with_its_path(shape):
    value = {
        "TableName": "t",
        "GlobalSecondaryIndexes": [{"IndexName": "i", "ContributorInsights": {"Enabled": True}}],
    }
    found, dropped = fitted(shape("dynamodb", "CreateTable"), value)
    assert found["GlobalSecondaryIndexes"] == [{"IndexName": "i"}]
    assert dropped == ["GlobalSecondaryIndexes.ContributorInsights"]


def test_what_cannot_be_converted_is_left_for_the_api_to_refuse(shape):
    found, _ = fitted(shape("lambda", "CreateFunction"), {"Timeout": "soon", "Publish": "perhaps"})
    assert found == {"Timeout": "soon", "Publish": "perhaps"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, "true"), (30, "30"), (1.5, "1.5"), ({"a": [1]}, '{"a": [1]}'), ("x", "x"), (None, None)],
)
def test_texts_are_written_as_cloudformation_writes_them(value, expected):
    assert text(value) == expected


def test_tags_come_in_two_forms_and_own_ones_win():
    assert tags_of([{"Key": "a", "Value": 1}], {"a": "stack", "b": "stack"}) == {"a": "1", "b": "stack"}
    assert tags_of({"a": True}) == {"a": "true"}
    assert tags_of(None) == {}

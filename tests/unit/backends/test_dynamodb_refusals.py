"""What DynamoDB refuses in expressions and numbers is refused with its error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from stackproof.backends.embedded import EmbeddedBackend

KEY = {"pk": {"S": "a"}}
ONE = {":x": {"N": "1"}}


@pytest.fixture
def table() -> Iterator[Any]:
    with EmbeddedBackend(seed=1) as backend:
        client = backend.client("dynamodb")
        client.create_table(
            TableName="t",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


def refusal(call: Any, **params: Any) -> str:
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError) as caught:
        call(**params)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    return str(caught.value.response["Error"]["Message"])


@pytest.mark.parametrize("text", ["size = :x", "a = = :x", "(a = :x", "foo(:x)"])
def test_a_malformed_condition_is_a_validation_error(table: Any, text: str) -> None:
    given = {"ConditionExpression": text, "ExpressionAttributeValues": ONE}
    assert "ConditionExpression" in refusal(table.put_item, TableName="t", Item=KEY, **given)
    put = {"TableName": "t", "Item": KEY, **given}
    assert "ConditionExpression" in refusal(table.transact_write_items, TransactItems=[{"Put": put}])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"ExpressionAttributeValues": {**ONE, ":unused": {"S": "1"}}},
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:unused}",
        ),
        (
            {"ExpressionAttributeValues": ONE, "ExpressionAttributeNames": {"#u": "u"}},
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#u}",
        ),
        (
            {},
            "Invalid ConditionExpression: An expression attribute value used in expression is not defined; "
            "attribute value: :x",
        ),
    ],
)
def test_every_placeholder_is_defined_and_used(table: Any, given: dict[str, Any], message: str) -> None:
    condition = {"ConditionExpression": "n = :x", **given}
    assert refusal(table.put_item, TableName="t", Item=KEY, **condition) == message


@pytest.mark.parametrize("number", ["1" * 39, "0." + "1" * 39, f"-{'1' * 39}e5"])
def test_numbers_have_38_significant_digits(table: Any, number: str) -> None:
    nested = {**KEY, "m": {"M": {"l": {"L": [{"N": number}]}}}}
    for item in ({**KEY, "n": {"N": number}}, nested):
        assert "more than 38 significant digits" in refusal(table.put_item, TableName="t", Item=item)


@pytest.mark.parametrize("number", ["1" * 38, "1" + "0" * 50, "0." + "0" * 40 + "1"])
def test_zeros_at_either_end_are_not_significant(table: Any, number: str) -> None:
    table.put_item(TableName="t", Item={**KEY, "n": {"N": number}})


def test_capacity_is_told_when_asked_for(table: Any) -> None:
    update = {
        "TableName": "t", "Key": KEY, "UpdateExpression": "SET n = :x", "ExpressionAttributeValues": ONE,
    }  # fmt: skip
    assert "ConsumedCapacity" not in table.update_item(**update)
    assert "ConsumedCapacity" in table.update_item(**update, ReturnConsumedCapacity="TOTAL")
    assert "ConsumedCapacity" not in table.batch_get_item(RequestItems={"t": {"Keys": [KEY]}})

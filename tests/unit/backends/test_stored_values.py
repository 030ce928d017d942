"""What is stored is nobody's object: a caller that goes on with its own lists changes no item."""

from __future__ import annotations

from typing import Any

import pytest

from stackproof.backends.embedded import EmbeddedBackend

KEY = {"id": {"S": "1"}}
WRITES = {
    "put": lambda client, item: client.put_item(TableName="t", Item=item),
    "batch": lambda client, item: client.batch_write_item(
        RequestItems={"t": [{"PutRequest": {"Item": item}}]}
    ),
    "transaction": lambda client, item: client.transact_write_items(
        TransactItems=[{"Put": {"TableName": "t", "Item": item}}]
    ),
    "update": lambda client, item: client.update_item(
        TableName="t", Key=KEY, UpdateExpression="SET a = :a", ExpressionAttributeValues={":a": item["a"]}
    ),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("kind", ["NS", "SS"])
def test_sets_are_copied(write: str, kind: str) -> None:
    members = ["1", "2"]
    with EmbeddedBackend() as backend:
        client: Any = backend.client("dynamodb")
        client.create_table(
            TableName="t",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        WRITES[write](client, {**KEY, "a": {kind: members}})
        members.append("3")
        assert sorted(client.get_item(TableName="t", Key=KEY)["Item"]["a"][kind]) == ["1", "2"]
        gone = {":g": {kind: ["1", "2"]}}
        client.update_item(
            TableName="t", Key=KEY, UpdateExpression="DELETE a :g", ExpressionAttributeValues=gone
        )
        assert client.get_item(TableName="t", Key=KEY)["Item"] == KEY
        assert members == ["1", "2", "3"]

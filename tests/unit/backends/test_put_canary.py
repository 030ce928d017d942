"""The short way of a put stores what moto's own put stores."""

from __future__ import annotations

from typing import Any

import pytest

from stackproof.backends.compat import moto
from stackproof.backends.embedded import EmbeddedBackend

ITEMS: list[dict[str, Any]] = [
    {"id": {"S": "a"}, "at": {"N": "1"}, "body": {"S": "text"}, "done": {"BOOL": True}},
    {"id": {"S": "a"}, "at": {"N": "-20"}, "umlaut": {"S": "ä€"}},
    {"id": {"S": "a"}, "at": {"N": "1.5"}},
    {"id": {"S": "b"}, "at": {"N": "1"}, "long": {"S": "x" * 1000}},
]


def _tables(backend: EmbeddedBackend) -> tuple[Any, Any]:
    from moto.dynamodb.models import dynamodb_backends

    client = backend.client("dynamodb")
    for name in ("short", "long"):
        client.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "id", "AttributeType": "S"},
                {"AttributeName": "at", "AttributeType": "N"},
            ],
            KeySchema=[
                {"AttributeName": "id", "KeyType": "HASH"},
                {"AttributeName": "at", "KeyType": "RANGE"},
            ],
        )
    tables = dynamodb_backends[backend.account][backend.region].tables
    return tables["short"], tables["long"]


def test_the_short_way_stores_what_the_long_way_stores() -> None:
    with EmbeddedBackend() as backend:
        short, long = _tables(backend)
        taken = [moto._put_simple(short, item) for item in ITEMS]
        for item, done in zip(ITEMS, taken, strict=True):
            long.put_item(item, overwrite=True)
            if not done:
                short.put_item(item, overwrite=True)
        assert taken == [True, True, False, False]
        assert short.items == long.items
        assert [vars(i).keys() for i in short.all_items()] == [vars(i).keys() for i in long.all_items()]
        values = [[vars(v) for i in table.all_items() for v in i.attrs.values()] for table in (short, long)]
        assert values[0] == values[1]
        client = backend.client("dynamodb")
        assert client.scan(TableName="short")["Items"] == client.scan(TableName="long")["Items"]


@pytest.mark.parametrize(
    "item",
    [
        {"id": {"S": "a"}},
        {"id": {"N": "1"}, "at": {"N": "1"}},
        {"id": {"S": "a"}, "at": {"N": "1"}, "count": {"N": "many"}},
        {"id": {"S": "a"}, "at": {"N": "1"}, "count": {"N": "1" * 39}},
        {"id": {"S": "a"}, "at": {"N": "1"}, "empty": {"S": ""}},
        {"id": {"S": "a"}, "at": {"N": "1"}, "two": {"S": "a", "N": "1"}},
        {"id": {"S": "a"}, "at": {"N": "1"}, "none": {}},
        {"id": {"S": "a"}, "at": {"N": "1"}, "binary": {"B": b"1"}},
        {"id": {"S": "a"}, "at": {"N": "1"}, "long": {"S": "x" * 257}},
    ],
)
def test_what_moto_may_refuse_takes_the_long_way(item: dict[str, Any]) -> None:
    with EmbeddedBackend() as backend:
        short, _ = _tables(backend)
        assert not moto._put_simple(short, item)
        assert not short.items

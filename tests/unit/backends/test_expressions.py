"""moto's update expressions give the same with our quicker walks and without them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackproof.backends.compat import expressions
from stackproof.backends.embedded import EmbeddedBackend

NUMBER = st.integers(-9, 9).map(lambda number: {"N": str(number)})
TEXT = st.sampled_from(["", "a", "b"]).map(lambda text: {"S": text})
LIST = st.lists(NUMBER, max_size=3).map(lambda some: {"L": some})
SET = st.sets(st.integers(0, 3), min_size=1).map(lambda some: {"NS": sorted(map(str, some))})
VALUE = NUMBER | TEXT | LIST | SET | st.dictionaries(st.sampled_from("xy"), NUMBER).map(lambda m: {"M": m})
PATH = st.sampled_from(["a", "b", "#n", "m.x", "m.y", "l[0]", "l[2]", "#n.x", "id", "gone", "m.z.q"])
OPERAND = st.sampled_from([":v", ":w", ":nope"]) | PATH
TERM = st.one_of(
    OPERAND,
    st.builds("if_not_exists({}, {})".format, PATH, OPERAND),
    st.builds("list_append({}, {})".format, OPERAND, OPERAND),
)
ASSIGNED = st.builds("{} = {}{}".format, PATH, TERM, st.just("") | st.builds(" + {}".format, TERM))
ASSIGNED = ASSIGNED | st.builds("{} = {} - {}".format, PATH, TERM, TERM)


def _clause(word: str, part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(part, min_size=1, max_size=3).map(lambda parts: f"{word} {', '.join(parts)}")


EXPRESSION = st.lists(
    st.one_of(
        _clause("SET", ASSIGNED),
        _clause("REMOVE", PATH),
        _clause("ADD", st.builds("{} :v".format, PATH)),
        _clause("DELETE", st.builds("{} :w".format, PATH)),
    ),
    min_size=1,
    max_size=3,
).map(" ".join)


@pytest.fixture(scope="module")
def table() -> Iterator[Any]:
    with EmbeddedBackend() as backend:
        client = backend.client("dynamodb")
        client.create_table(
            TableName="items",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        yield client


def _updated(client: Any, item: dict[str, Any], expression: str, values: dict[str, Any]) -> object:
    try:
        client.put_item(TableName="items", Item={**item, "id": {"S": "1"}})
        answer = client.update_item(
            TableName="items",
            Key={"id": {"S": "1"}},
            UpdateExpression=expression,
            ReturnValues="ALL_NEW",
            **({"ExpressionAttributeNames": {"#n": "n"}} if "#n" in expression else {}),
            **({"ExpressionAttributeValues": values} if values else {}),
        )
    except ClientError as error:
        return error.response["Error"]
    except Exception as error:  # noqa: BLE001 - a defect of moto's must stay the same defect
        return type(error), str(error)
    return answer["Attributes"]


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    item=st.dictionaries(st.sampled_from(["a", "b", "n", "m", "l"]), VALUE),
    expression=EXPRESSION,
    values=st.fixed_dictionaries({":v": VALUE, ":w": VALUE}),
)
def test_an_update_is_the_same_with_and_without(
    table: Any, item: dict[str, Any], expression: str, values: dict[str, Any]
) -> None:
    used = {name: value for name, value in values.items() if name in expression}
    quick = _updated(table, item, expression, used)
    expressions.uninstall()
    try:
        assert _updated(table, item, expression, used) == quick
    finally:
        expressions.install()


def test_the_places_are_there_to_be_filled() -> None:
    from moto.dynamodb.parsing import ast_nodes, validators

    expressions.uninstall()
    try:
        assert {"process", "nodes_to_be_processed", "traverse", "pre_processing_of_child"} <= vars(
            ast_nodes.DepthFirstTraverser
        ).keys()
        assert not [
            walker
            for walker in ast_nodes.DepthFirstTraverser.__subclasses__()
            if {"process", "nodes_to_be_processed", "traverse", "traverse_node_recursively"}
            & vars(walker).keys()
        ]
        assert validators.deepcopy.__module__ == "copy"
    finally:
        expressions.install()

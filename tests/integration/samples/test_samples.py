"""Three applications as their authors would publish them, deployed unmodified and driven from outside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def rows(aws: Any) -> Any:
    """``rows(table)``: its items, plain."""
    from boto3.dynamodb.types import TypeDeserializer

    read = TypeDeserializer().deserialize

    def scan(table: str) -> list[dict[str, Any]]:
        found = aws("dynamodb").scan(TableName=table)["Items"]
        return [{name: read(value) for name, value in item.items()} for item in found]

    return scan


@pytest.fixture
def taken(aws: Any) -> Any:
    """``taken(queue)``: the bodies in a queue."""

    def receive(queue: str) -> list[Any]:
        found = aws("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in found]

    return receive


ORDER = {"customer": "pat", "items": [{"price": 2.5, "quantity": 2}, {"price": 1}]}


def test_an_order_goes_by_url_and_queue_into_the_table(stack: Any, fabric: Any, rows: Any) -> None:
    made = stack(HERE / "queue-orders", require="emulated")
    answer = fabric.request("POST", made.outputs["IntakeUrl"], json=ORDER)
    assert answer.status == 202
    fabric.run_until_idle()
    (row,) = rows(made.outputs["TableName"])
    assert (row["orderId"], row["customer"], row["total"]) == (answer.json()["orderId"], "pat", "6.0")


def test_an_order_that_comes_twice_is_kept_once_and_a_bad_one_ends_in_the_dead_letters(
    stack: Any, fabric: Any, aws: Any, rows: Any, taken: Any
) -> None:
    made = stack(HERE / "queue-orders")
    url = made.outputs["IntakeUrl"]
    for _ in range(2):
        fabric.request("POST", url, json={**ORDER, "orderId": "one"})
    assert fabric.request("POST", url, body="no order").status == 400
    aws("sqs").send_message(QueueUrl=made.queue("OrderQueue"), MessageBody='{"orderId": "two"}')
    fabric.run_until_idle()
    assert [row["orderId"] for row in rows(made.outputs["TableName"])] == ["one"]
    assert taken(made.queue("OrderDLQ")) == [{"orderId": "two"}]


@pytest.mark.parametrize(
    ("key", "audited", "told"),
    [
        ("incoming/cat photo.png", True, True),
        ("incoming/notes.txt", True, False),
        ("elsewhere/cat.png", False, False),
    ],
)
def test_an_upload_is_announced_and_written_down(
    key: str, audited: bool, told: bool, stack: Any, fabric: Any, aws: Any, rows: Any, taken: Any
) -> None:
    made = stack(HERE / "upload-events", parameters={"Stage": "beta"})
    aws("s3").put_object(Bucket=made["UploadBucket"].physical_id, Key=key, Body=b"12345")
    fabric.run_until_idle()
    found = rows(made["AuditTable"].physical_id)
    assert [(row["key"], row["size"], row["stage"]) for row in found] == [(key, 5, "beta")] * audited
    messages = [json.loads(one["Message"]) for one in taken(made.queue("SubscriberQueue"))]
    assert [one["kind"] for one in messages] == (["image"] if told else [])


def test_an_empty_upload_is_announced_and_not_written_down(
    stack: Any, fabric: Any, aws: Any, rows: Any, taken: Any
) -> None:
    made = stack(HERE / "upload-events")
    aws("s3").put_object(Bucket=made["UploadBucket"].physical_id, Key="incoming/a.png", Body=b"")
    fabric.run_until_idle()
    assert rows(made["AuditTable"].physical_id) == []
    assert len(taken(made.queue("SubscriberQueue"))) == 1


def test_notes_live_and_their_history_stays(stack: Any, fabric: Any, rows: Any) -> None:
    made = stack(HERE / "notes-api")
    base = made.outputs["ApiUrl"]
    note = fabric.request("POST", f"{base}/notes", json={"text": "milk"}).json()
    place = f"{base}/notes/{note['id']}"
    assert fabric.request("PUT", place, json={"text": "bread"}).json()["text"] == "bread"
    assert [one["id"] for one in fabric.request("GET", f"{base}/notes").json()] == [note["id"]]
    assert fabric.request("DELETE", place).status == 204
    assert fabric.request("GET", place).status == 404
    fabric.run_until_idle()
    history = sorted(rows(made["HistoryTable"].physical_id), key=lambda row: int(row["sequence"]))
    assert [row["kind"] for row in history] == ["INSERT", "MODIFY", "REMOVE"]
    assert [(row["before"].get("text"), row["after"].get("text")) for row in history] == [
        (None, "milk"),
        ("milk", "bread"),
        ("bread", None),
    ]


@pytest.mark.parametrize("name", ["queue-orders", "upload-events", "notes-api"])
def test_each_deploys_updates_and_goes(name: str, stack: Any) -> None:
    made = stack(HERE / name)
    made.update()
    made.delete()
    assert made.status == "DELETE_COMPLETE"

"""Events as Lambda gets them from queues, topics and streams, and the same with something wrong."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from stackproof.fabric import arns
from stackproof.fabric.clock import EPOCH_MS, iso
from stackproof.fabric.kinesis.sequence import number as sequence_number
from stackproof.fabric.kinesis.sequence import shard_id
from stackproof.fabric.sqs.message import attributes_md5, md5
from stackproof.proofs.leaves import Strategy, scalars, texts

Events = st.SearchStrategy[dict[str, Any]]


def of_queue(messages: Strategy, source: str, size: int) -> Events:
    """SQS events of up to ``size`` records from messages that were to be sent."""
    return st.lists(st.tuples(messages, st.uuids()), min_size=1, max_size=size).map(
        lambda batch: {"Records": [_from_queue(message, str(uuid), source) for message, uuid in batch]}
    )


def _from_queue(message: dict[str, Any], identifier: str, source: str) -> dict[str, Any]:
    attributes = message.get("MessageAttributes") or {}
    system = {
        "ApproximateReceiveCount": "1",
        "SentTimestamp": str(EPOCH_MS),
        "SenderId": "AIDAIENQZJOLO23YVJ4VO",
        "ApproximateFirstReceiveTimestamp": str(EPOCH_MS),
    }
    if "MessageGroupId" in message:
        system["MessageGroupId"] = message["MessageGroupId"]
        system["SequenceNumber"] = "18849496460467696128"
        system["MessageDeduplicationId"] = message.get("MessageDeduplicationId", md5(identifier.encode()))
    record = {
        "messageId": identifier,
        "receiptHandle": f"handle-{identifier}",
        "body": message["MessageBody"],
        "attributes": system,
        "messageAttributes": {name: _attribute(value) for name, value in attributes.items()},
        "md5OfBody": md5(message["MessageBody"].encode()),
        "eventSource": "aws:sqs",
        "eventSourceARN": source,
        "awsRegion": _region(source),
    }
    if attributes:
        record["md5OfMessageAttributes"] = attributes_md5(attributes)
    return record


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    found = {"stringValue": value["StringValue"], "stringListValues": [], "binaryListValues": []}
    return {**found, "dataType": value["DataType"]}


def of_topic(publications: Strategy, topic: str, subscription: str) -> Events:
    """SNS events of one record."""
    return st.tuples(publications, st.uuids()).map(
        lambda pair: {"Records": [_from_topic(pair[0], str(pair[1]), topic, subscription)]}
    )


def _from_topic(
    publication: dict[str, Any], identifier: str, topic: str, subscription: str
) -> dict[str, Any]:
    attributes = publication.get("MessageAttributes") or {}
    base = f"https://sns.{_region(topic)}.amazonaws.com/"
    return {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription,
        "Sns": {
            "Type": "Notification",
            "MessageId": identifier,
            "TopicArn": topic,
            "Subject": publication.get("Subject"),
            "Message": publication["Message"],
            "Timestamp": iso(EPOCH_MS),
            "SignatureVersion": "1",
            "Signature": "EXAMPLE",
            "SigningCertUrl": f"{base}SimpleNotificationService.pem",
            "UnsubscribeUrl": f"{base}?Action=Unsubscribe&SubscriptionArn={subscription}",
            "MessageAttributes": {
                name: {"Type": value["DataType"], "Value": value["StringValue"]}
                for name, value in attributes.items()
            },
        },
    }


def of_stream(records: Strategy, source: str, role: str) -> Events:
    """Kinesis events of records that were to be put; ``role`` is the function's."""
    return st.lists(records, min_size=1, max_size=10).map(
        lambda batch: {
            "Records": [
                _from_stream(record, number, source, role) for number, record in enumerate(batch, start=1)
            ]
        }
    )


def _from_stream(record: dict[str, Any], number: int, source: str, role: str) -> dict[str, Any]:
    shard, sequence = shard_id(0), sequence_number(0, EPOCH_MS, number, EPOCH_MS)
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": sequence,
            "data": base64.b64encode(record["Data"]).decode(),
            "approximateArrivalTimestamp": EPOCH_MS / 1000,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": role,
        "awsRegion": _region(source),
        "eventSourceARN": source,
    }


def of_table(items: Strategy, keys: Sequence[str], stream: str, view: str) -> Events:
    """Stream events of inserted, changed and removed items."""
    change = st.tuples(st.sampled_from(["INSERT", "MODIFY", "REMOVE"]), items, items)
    return st.lists(change, min_size=1, max_size=10).map(
        lambda batch: {
            "Records": [
                _from_table(name, old["Item"], new["Item"], number, keys, stream, view)
                for number, (name, old, new) in enumerate(batch, start=1)
            ]
        }
    )


def _from_table(
    name: str,
    old: dict[str, Any],
    new: dict[str, Any],
    number: int,
    keys: Sequence[str],
    stream: str,
    view: str,
) -> dict[str, Any]:
    old = {**old, **{key: new[key] for key in keys}}
    data: dict[str, Any] = {
        "ApproximateCreationDateTime": float(EPOCH_MS // 1000),
        "Keys": {key: new[key] for key in keys},
        "SequenceNumber": f"{number:021d}",
        "SizeBytes": len(json.dumps(new, default=str)),
        "StreamViewType": view,
    }
    if name != "REMOVE" and view in {"NEW_IMAGE", "NEW_AND_OLD_IMAGES"}:
        data["NewImage"] = new
    if name != "INSERT" and view in {"OLD_IMAGE", "NEW_AND_OLD_IMAGES"}:
        data["OldImage"] = old
    return {
        "eventID": f"{number:032x}",
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": _region(stream),
        "dynamodb": data,
        "eventSourceARN": stream,
    }


def nearly(valid: Events) -> Events:
    """A valid event with one thing wrong: no records, a record twice, a field gone or of another kind."""
    return valid.flatmap(
        lambda event: (
            st.one_of(
                st.just({**event, "Records": []}),
                st.just({**event, "Records": event["Records"] * 2}),
                _in_a_record(event),
            )
            if isinstance(event, dict) and "Records" in event
            else damaged(st.just(event))
        )
    )


def _in_a_record(event: dict[str, Any]) -> Events:
    def broken(index: int) -> Events:
        records = event["Records"]
        return damaged(st.just(records[index])).map(
            lambda record: {**event, "Records": [*records[:index], record, *records[index + 1 :]]}
        )

    return st.integers(0, len(event["Records"]) - 1).flatmap(broken)


def damaged(valid: Strategy) -> Strategy:
    """Objects with one field taken away, null, of another kind or new; what is no object is replaced."""
    return valid.flatmap(_damaged)


def _damaged(value: Any) -> Strategy:
    if not isinstance(value, dict) or not value:
        return scalars.filter(lambda other: other != value)
    fields = st.sampled_from(sorted(value))
    return st.one_of(
        fields.map(lambda name: {key: item for key, item in value.items() if key != name}),
        st.tuples(fields, scalars | st.just([]) | st.just({})).map(lambda pair: {**value, pair[0]: pair[1]}),
        st.tuples(texts, scalars).map(lambda pair: {**value, pair[0]: pair[1]}),
    ).filter(lambda other: other != value)


def _region(arn: str) -> str:
    parsed = arns.parse(arn)
    return parsed.region if parsed else ""

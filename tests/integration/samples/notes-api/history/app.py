import os

import boto3
from boto3.dynamodb.types import TypeDeserializer

deserializer = TypeDeserializer()
history = boto3.resource("dynamodb").Table(os.environ["HISTORY_TABLE"])


def plain(image):
    return {name: deserializer.deserialize(value) for name, value in (image or {}).items()}


def handler(event, context):
    with history.batch_writer() as batch:
        for record in event["Records"]:
            change = record["dynamodb"]
            batch.put_item(
                Item={
                    "id": change["Keys"]["id"]["S"],
                    "sequence": change["SequenceNumber"],
                    "kind": record["eventName"],
                    "before": plain(change.get("OldImage")),
                    "after": plain(change.get("NewImage")),
                }
            )
    return len(event["Records"])

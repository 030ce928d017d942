"""Write updates to the list: for each child the newest one stays, in whatever order they come."""

from __future__ import annotations

import json
import os
from datetime import datetime
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

# The longest partition key of DynamoDB, in bytes.
LONGEST_KEY = 2048

logger = Logger()
dynamodb = boto3.client("dynamodb")
sqs = boto3.client("sqs")
processor = BatchProcessor(event_type=EventType.SQS)


def read(body: str) -> dict[str, dict[str, str]]:
    """The item that an update asks for. Raises ``ValueError``, ``KeyError`` or ``TypeError`` if it is none.

    The time is kept in milliseconds, so that two ways to write one moment compare as equal.
    """
    update = json.loads(body)
    if update["behaviour"] not in ("naughty", "nice"):
        raise ValueError(f"a child is naughty or nice, not {update['behaviour']!r}")
    at = datetime.fromisoformat(update["at"])
    if at.tzinfo is None:
        raise ValueError(f"{update['at']} names no time zone")
    if not isinstance(update["child_id"], str) or not isinstance(update["location"], str):
        raise TypeError("child_id and location are strings")
    if not 0 < len(update["child_id"].encode()) <= LONGEST_KEY:
        raise ValueError(f"a child_id has 1 to {LONGEST_KEY} bytes")
    return {
        "child_id": {"S": update["child_id"]},
        "behaviour": {"S": update["behaviour"]},
        "location": {"S": update["location"]},
        "at": {"N": str(round(at.timestamp() * 1000))},
    }


def write(record: SQSRecord) -> None:
    """Write one update, unless the list holds this one or a newer one of the child."""
    try:
        item = read(record.body)
    except (ValueError, KeyError, TypeError) as error:
        set_aside(record, error)
        return
    try:
        dynamodb.put_item(
            TableName=os.environ["TABLE_NAME"],
            Item=item,
            ConditionExpression="attribute_not_exists(child_id) OR #at < :at",
            ExpressionAttributeNames={"#at": "at"},
            ExpressionAttributeValues={":at": item["at"]},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        logger.debug("older than what the list holds", extra={"child_id": item["child_id"]["S"]})


def set_aside(record: SQSRecord, error: Exception) -> None:
    """Move what no attempt can write to the queue of failed updates, with the reason."""
    logger.warning("no update", extra={"message_id": record.message_id, "reason": repr(error)})
    sqs.send_message(
        QueueUrl=os.environ["FAILED_QUEUE_URL"],
        MessageBody=record.body,
        MessageAttributes={"reason": {"DataType": "String", "StringValue": repr(error)[:1000]}},
    )


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with the ids of the messages that failed, so that only these are delivered again."""
    return process_partial_response(event=event, record_handler=write, processor=processor, context=context)

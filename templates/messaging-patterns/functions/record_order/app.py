"""Record each order or payment that the queue holds, once however often it is delivered."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

logger = Logger()
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
processor = BatchProcessor(event_type=EventType.SQS)


def store(record: SQSRecord) -> None:
    """Store one message under the id that its publisher gave it; a second delivery changes nothing.

    Raises ``ValueError`` or ``KeyError`` for a message that is no JSON object with an id: it ends in the
    dead-letter queue, and the others of its batch do not suffer.
    """
    order = json.loads(record.body)
    kind = record.message_attributes["type"].string_value
    try:
        table.put_item(
            Item={"id": str(order["id"]), "type": kind, "body": record.body},
            ConditionExpression="attribute_not_exists(id)",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        logger.info("delivered again", extra={"order_id": order["id"]})


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with the ids of the messages that failed, so that only these are delivered again."""
    return process_partial_response(event=event, record_handler=store, processor=processor, context=context)

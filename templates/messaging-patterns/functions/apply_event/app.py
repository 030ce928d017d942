"""Apply each event that the microservice's queue holds, once however often it is delivered."""

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


def apply(record: SQSRecord) -> None:
    """Store the detail of one event under its id; a second delivery changes nothing."""
    event = json.loads(record.body)
    try:
        table.put_item(
            Item={"id": event["id"], "type": event["detail-type"], "body": json.dumps(event["detail"])},
            ConditionExpression="attribute_not_exists(id)",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        logger.info("delivered again", extra={"event_id": event["id"]})


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with the ids of the messages that failed, so that only these are delivered again."""
    return process_partial_response(event=event, record_handler=apply, processor=processor, context=context)

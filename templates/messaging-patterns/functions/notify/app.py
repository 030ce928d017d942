"""Record each event that the topic fans out, once however often it is delivered."""

from __future__ import annotations

import json
import os

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes import SNSEvent, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

logger = Logger()
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


@event_source(data_class=SNSEvent)
def handler(event: SNSEvent, context: LambdaContext) -> None:
    """Store the event under the id that EventBridge gave it.

    An error is raised to Lambda, which tries twice more and then parks the notification
    in the dead-letter queue.
    """
    for record in event.records:
        message = json.loads(record.sns.message)
        try:
            table.put_item(
                Item={
                    "id": message["id"],
                    "type": message["detail-type"],
                    "body": json.dumps(message["detail"]),
                },
                ConditionExpression="attribute_not_exists(id)",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            logger.info("delivered again", extra={"event_id": message["id"]})

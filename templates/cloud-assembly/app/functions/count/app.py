"""Count the visits of a page."""

from __future__ import annotations

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger(service="count")
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Add one visit to ``event["page"]`` and answer with the new number.

    One update expression does both, so that two visits at the same time are both counted.
    """
    answer = table.update_item(
        Key={"page": event["page"]},
        UpdateExpression="ADD visits :one",
        ExpressionAttributeValues={":one": 1},
        ReturnValues="UPDATED_NEW",
    )
    return {"page": event["page"], "visits": int(answer["Attributes"]["visits"])}

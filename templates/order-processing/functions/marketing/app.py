"""Keep each order where the data warehouse loads it."""

from __future__ import annotations

import json
import os

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes import SNSEvent, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
s3 = boto3.client("s3")


@event_source(data_class=SNSEvent)
def handler(event: SNSEvent, context: LambdaContext) -> None:
    """Write one object for what happened to an order, under its name: a second delivery writes it again."""
    for record in event.records:
        order = json.loads(record.sns.message)
        what = record.sns.message_attributes["event"].value
        s3.put_object(
            Bucket=os.environ["BUCKET_NAME"],
            Key=f"orders/{order['order_id']}/{what}.json",
            Body=json.dumps({**order, "event": what}).encode(),
            ContentType="application/json",
        )
        logger.info("kept", extra={"order_id": order["order_id"], "what": what})

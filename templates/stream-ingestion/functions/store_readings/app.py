"""Store the readings that sensors put on a stream."""

from __future__ import annotations

import os
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes import KinesisStreamEvent, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
dynamodb = boto3.client("dynamodb")


def reading(text: str) -> tuple[str, str]:
    """Value and time of ``15.4|2020-08-22T01:16:36+00:00``; raises ValueError."""
    value, bar, moment = text.partition("|")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"'{value}' is no number") from None
    if not bar or not number.is_finite():
        raise ValueError(f"'{text}' is no reading")
    datetime.fromisoformat(moment)
    return value, moment


@logger.inject_lambda_context
@event_source(data_class=KinesisStreamEvent)
def handler(event: KinesisStreamEvent, context: LambdaContext) -> None:
    """Put each reading under its sensor (the partition key) and its time.

    A reading that comes again says the same again. One that is no reading fails the batch, which the mapping
    halves until it stands alone.
    """
    for record in event.records:
        try:
            value, moment = reading(record.kinesis.data_as_text())
        except ValueError:
            logger.error("no reading", extra={"sequence_number": record.kinesis.sequence_number})
            raise
        item: dict[str, Any] = {
            "partitionKey": {"S": record.kinesis.partition_key},
            "timestamp": {"S": moment},
            "value": {"N": value},
        }
        dynamodb.put_item(TableName=os.environ["DDB_TABLE_NAME"], Item=item)

"""Send each order to the queue that its value calls for."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

PRIORITY_ABOVE = Decimal(5000)
"""Dollars. An order of exactly this much is a standard one."""

logger = Logger()
sqs = boto3.client("sqs")
processor = BatchProcessor(event_type=EventType.SQS)
dispatched = DynamoDBPersistenceLayer(
    table_name=os.environ["DISPATCHED_TABLE"], key_attr="id", expiry_attr="expires"
)
# The same order with another total is an error that somebody must look at, and no second delivery.
config = IdempotencyConfig(
    event_key_jmespath="order_id",
    payload_validation_jmespath="total",
    raise_on_no_idempotency_key=True,
    expires_after_seconds=14 * 24 * 3600,
)


@idempotent_function(data_keyword_argument="order", persistence_store=dispatched, config=config)
def route(order: dict[str, Any], body: str) -> str:
    """Forward the order as it came; returns the name of the way it took."""
    way = "priority" if Decimal(order["total"]) > PRIORITY_ABOVE else "standard"
    queue = os.environ["PRIORITY_QUEUE_URL" if way == "priority" else "STANDARD_QUEUE_URL"]
    sqs.send_message(QueueUrl=queue, MessageBody=body)
    logger.info("dispatched", extra={"order_id": order["order_id"], "way": way})
    return way


def dispatch(record: SQSRecord) -> None:
    """Route one message. Raises ``ValueError`` or ``KeyError`` for what is no order."""
    order = json.loads(record.body, parse_float=Decimal)
    total = order["total"]
    if isinstance(total, bool) or not isinstance(total, int | Decimal) or total <= 0:
        raise ValueError(f"the total of an order is a positive number of dollars, not {total!r}")
    # Keys and totals are compared as text: 12 and 12.0 are one total, and the number 7 is the order "7".
    known = {"order_id": str(order["order_id"]), "total": str(Decimal(total).normalize())}
    route(order=known, body=record.body)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with the ids of the messages that failed, so that only these are delivered again."""
    config.register_lambda_context(context)
    return process_partial_response(
        event=event, record_handler=dispatch, processor=processor, context=context
    )

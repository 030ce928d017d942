"""Keep which jobs there are."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
jobs = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
# After a failure the rest of the same job waits; other jobs do not.
processor = SqsFifoPartialProcessor(skip_group_on_error=True)


def apply(record: SQSRecord) -> None:
    """Add a created job, remove a deleted one. Doing either twice, or both again in order, ends the same.

    Raises ``ValueError`` or ``KeyError`` for what is no such event.
    """
    event = json.loads(record.body)
    job = str(event["job_id"])
    match event["event_type"]:
        case "JobCreated":
            jobs.put_item(Item={"job_id": job, "created_at": event["at"]})
        case "JobDeleted":
            jobs.delete_item(Key={"job_id": job})
        case other:
            raise ValueError(f"{other} is not for the inventory: the filter of its subscription is wrong")


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with the ids of the messages that failed and of those that must stay behind them."""
    return process_partial_response(event=event, record_handler=apply, processor=processor, context=context)

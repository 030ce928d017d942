"""Keep every event of every job in the bucket, in the order of its job."""

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
s3 = boto3.client("s3")
# After a failure the rest of the same job waits; other jobs do not.
processor = SqsFifoPartialProcessor(skip_group_on_error=True)


def keep(record: SQSRecord) -> None:
    """Write one event. The queue numbers its messages, so the keys of a job sort as its events happened,
    and a second delivery writes the same object again.

    Raises ``ValueError`` or ``KeyError`` for what is no event.
    """
    event = json.loads(record.body)
    number = record.attributes.sequence_number
    s3.put_object(
        Bucket=os.environ["BUCKET_NAME"],
        Key=f"events/{event['job_id']}/{number}-{event['event_type']}.json",
        Body=record.body.encode(),
        ContentType="application/json",
    )


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with the ids of the messages that failed and of those that must stay behind them."""
    return process_partial_response(event=event, record_handler=keep, processor=processor, context=context)

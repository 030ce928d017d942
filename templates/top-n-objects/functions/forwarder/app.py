"""Forward each change of the table as a line of JSON, and lose none when the delivery stream is busy.

A batch that is put may be taken in part: what was refused is put again, with growing pauses. What is refused
to the end is reported by the first change that it holds, and the stream gives the rest again from there.
"""

from __future__ import annotations

import json
import os
import random
import time
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from botocore.exceptions import ClientError

# Of one PutRecordBatch.
MOST_RECORDS = 500
ATTEMPTS = 6

logger = Logger()
firehose = boto3.client("firehose", config=Config(retries={"mode": "standard", "max_attempts": 3}))


def line(change: dict[str, Any]) -> bytes:
    """The line for a change. Raises ``KeyError`` if it is none of a table of tweets."""
    keys, seconds = change["dynamodb"]["Keys"], change["dynamodb"]["ApproximateCreationDateTime"]
    found = {
        "table_name": change["eventSourceARN"].split("/")[1],
        "user_id": keys["user_id"]["S"],
        "tweet_id": int(keys["tweet_id"]["N"]),
        "approx_post_time": datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M:%S.000"),
    }
    return json.dumps(found, ensure_ascii=False).encode() + b"\n"


def put(records: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Put records once. Answers those that were refused."""
    try:
        answer = firehose.put_record_batch(
            DeliveryStreamName=os.environ["DELIVERY_STREAM"],
            Records=[{"Data": data} for _, data in records],
        )
    except ClientError as error:
        logger.warning("refused", extra={"records": len(records), "code": error.response["Error"]["Code"]})
        return records
    results = answer["RequestResponses"]
    return [record for record, result in zip(records, results, strict=True) if "ErrorCode" in result]


def forward(records: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Put records until all are taken. Answers those that were refused every time."""
    for attempt in range(ATTEMPTS):
        if attempt:
            # A pause of its own for each caller, so that they do not come back at once.
            time.sleep(random.uniform(0.5, 1) * 0.2 * 2**attempt)
        records = put(records)
        if not records:
            break
    return records


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with the first change that was refused, so that the stream begins there again."""
    order = [change["dynamodb"]["SequenceNumber"] for change in event["Records"]]
    records = [(change["dynamodb"]["SequenceNumber"], line(change)) for change in event["Records"]]
    refused: set[str] = set()
    for start in range(0, len(records), MOST_RECORDS):
        refused |= {number for number, _ in forward(records[start : start + MOST_RECORDS])}
    first = next((number for number in order if number in refused), None)
    logger.info("forwarded", extra={"records": len(records), "refused": len(refused)})
    return {"batchItemFailures": [] if first is None else [{"itemIdentifier": first}]}

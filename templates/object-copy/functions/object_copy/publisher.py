"""Publish the name of every object, ten in a message batch, several batches at once."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from objects import Item, listed

BATCH = 10
THREADS = 10

logger = Logger()
sns = boto3.client("sns")


def publish(items: list[Item]) -> None:
    """Publish one batch. Raises ``RuntimeError`` when part of it was refused: the whole run is made again."""
    entries = [{"Id": str(index), "Message": json.dumps(item.told())} for index, item in enumerate(items)]
    answer = sns.publish_batch(TopicArn=os.environ["TOPIC_ARN"], PublishBatchRequestEntries=entries)
    if answer["Failed"]:
        raise RuntimeError(f"{len(answer['Failed'])} names were not published: {answer['Failed'][0]['Code']}")


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Answer how many names were published."""
    items = listed(os.environ["SOURCE_BUCKET"])
    batches = list(iter(lambda: list(islice(items, BATCH)), []))
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(publish, batches))
    published = sum(map(len, batches))
    logger.info("published", extra={"names": published})
    return {"published": published}

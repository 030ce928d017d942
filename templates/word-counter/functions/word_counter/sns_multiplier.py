"""Add ten to each word of a published message, once however often the topic delivers it."""

from __future__ import annotations

import json

import counting
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes import SNSEvent, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
AMOUNT = 10


@logger.inject_lambda_context
@event_source(data_class=SNSEvent)
def handler(event: SNSEvent, context: LambdaContext) -> None:
    """Count for each record; an error goes to Lambda, which tries twice more and then parks the event."""
    for record in event.records:
        message = json.loads(record.sns.message)
        counting.add("sns-multiplier", message["id"], counting.words(message["text"]), AMOUNT)

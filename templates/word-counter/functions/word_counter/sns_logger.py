"""Log each published message."""

from __future__ import annotations

import json

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes import SNSEvent, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


@logger.inject_lambda_context
@event_source(data_class=SNSEvent)
def handler(event: SNSEvent, context: LambdaContext) -> None:
    """Write one line for each record; one that is no message of ours ends in the dead-letter queue."""
    for record in event.records:
        message = json.loads(record.sns.message)
        logger.info("message", extra={"message_key": message["id"], "text": message["text"]})

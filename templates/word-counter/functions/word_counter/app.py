"""Count the words of a message that Slack hands over, and answer with the counts."""

from __future__ import annotations

import hmac
import json
import os
from typing import Any
from urllib.parse import parse_qs

import boto3
import counting
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
sns = boto3.client("sns")


def answer(status: int, text: str) -> dict[str, Any]:
    """An answer that Slack shows in the channel."""
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps({"text": text}),
    }


def publish(message: str, text: str) -> None:
    """Tell the other functions of a message, where a topic is set up."""
    topic = os.environ.get("SNS_TOPIC_ARN")
    if topic:
        sns.publish(TopicArn=topic, Message=json.dumps({"id": message, "text": text}))


@logger.inject_lambda_context
@event_source(data_class=APIGatewayProxyEventV2)
def handler(event: APIGatewayProxyEventV2, context: LambdaContext) -> dict[str, Any]:
    """Count, publish, answer.

    Channel and time name a message: when Slack sends it again after an error it is not counted again, but
    published again, since nobody knows whether the first attempt came that far. The counts are read before
    the topic hears of the message, so that they do not hold what its listeners add.
    """
    form = {name: values[0] for name, values in parse_qs(event.decoded_body or "").items()}
    token = parameters.get_secret(os.environ["SLACK_TOKEN_ARN"], max_age=300)
    if not hmac.compare_digest(form.get("token", "").encode(), str(token).encode()):
        logger.warning("a call without the token of the webhook")
        return answer(403, "This is not the token of the webhook.")
    if not form.get("channel_id") or not form.get("timestamp"):
        return answer(400, "A message has a channel_id and a timestamp.")
    text = form.get("text", "")
    message = f"{form['channel_id']} {form['timestamp']}"
    try:
        found = counting.words(text)
    except ValueError as error:
        return answer(400, str(error))
    if not found:
        return answer(200, "There is no word to count.")
    counting.add("word-counter", message, found, 1)
    counts = counting.read(found)
    publish(message, text)
    return answer(200, ", ".join(f"{word}: {count}" for word, count in counts.items()))

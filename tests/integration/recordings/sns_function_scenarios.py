"""What was asked of topics and functions together."""

from __future__ import annotations

import functions
from stage import ACCOUNT, Stage, scenario

RAISE_WHEN_TOLD = """
import json

def handler(event, context):
    for record in event["Records"]:
        if "raise_error" in json.loads(record["Sns"]["Message"]):
            raise Exception("Test exception (this is intentional)")
"""


def _subscribed(s: Stage, topic: str, name: str) -> None:
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"
    s.backend.client("lambda").add_permission(
        FunctionName=name, StatementId="topic", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com",
        SourceArn=topic,
    )  # fmt: skip
    s.sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)


@scenario("sns", "test_python_lambda_subscribe_sns_topic")
def a_function_hears_of_a_topic(s: Stage) -> None:
    name = functions.create(s, functions.ECHO)["FunctionName"]
    topic = s.topic()
    _subscribed(s, topic, name)
    s.sns.publish(TopicArn=topic, Subject="[Subject] Test subject", Message="Hello world.")
    (event,) = functions.printed(s, name)
    s.match("notification", event["Records"][0]["Sns"])


@scenario("sns", "test_sns_topic_as_lambda_dead_letter_queue")
def a_topic_for_events_that_failed(s: Stage) -> None:
    dead, url = s.topic(), s.queue()
    s.subscribe(dead, url)
    source = s.topic()
    made = functions.create(s, RAISE_WHEN_TOLD, DeadLetterConfig={"TargetArn": dead})
    s.match("lambda-response-dlq-config", made["DeadLetterConfig"])
    name = made["FunctionName"]
    s.backend.client("lambda").put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    _subscribed(s, source, name)
    s.sns.publish(TopicArn=source, Message='{"raise_error": 1}')
    s.match("messages", s.receive(url, MessageAttributeNames=["All"], VisibilityTimeout=0))

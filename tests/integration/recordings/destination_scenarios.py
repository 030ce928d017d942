"""What was asked of the destinations and dead-letter queues of asynchronous invocations."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import functions
from stage import Stage, scenario

SOURCE = "lambda-destinations"
FAILING = json.dumps({"raise_error": 1}).encode()


def _destinations(s: Stage, **settings: Any) -> tuple[str, str]:
    """A function whose results go to a queue: its name and the queue."""
    client = s.backend.client("lambda")
    url = s.queue()
    name = functions.create(s, functions.RAISE)["FunctionName"]
    target = {"Destination": s.arn(url)}
    answer = client.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnSuccess": target, "OnFailure": target}, **settings
    )
    s.match("put_function_event_invoke_config", answer)
    return name, url


@scenario(SOURCE, "test_assess_lambda_destination_invocation[payload1]")
def a_failure_without_retries(s: Stage) -> None:
    name, url = _destinations(s, MaximumRetryAttempts=0)
    s.backend.client("lambda").invoke(FunctionName=name, Payload=FAILING, InvocationType="Event")
    s.match("receive_message_result", s.receive(url, MessageAttributeNames=["All"]))


@scenario(SOURCE, "test_lambda_destination_default_retries")
def a_failure_after_two_retries(s: Stage) -> None:
    name, url = _destinations(s)
    s.backend.client("lambda").invoke(FunctionName=name, Payload=FAILING, InvocationType="Event")
    s.match("receive_message_result", s.receive(url, MessageAttributeNames=["All"]))


@scenario(SOURCE, "test_dead_letter_queue")
def a_dead_letter_queue(s: Stage) -> None:
    client = s.backend.client("lambda")
    url = s.queue()
    made = functions.create(s, functions.RAISE, DeadLetterConfig={"TargetArn": s.arn(url)})
    answers = {"CreateEventSourceMappingResponse": None, "CreateFunctionResponse": made}
    s.match("create_lambda_with_dlq", answers)
    name = made["FunctionName"]
    client.invoke(FunctionName=name, Payload=FAILING, InvocationType="Event")
    s.match("receive_result", s.receive(url, MessageAttributeNames=["All"]))
    s.match("delete_dlq", client.update_function_configuration(FunctionName=name, DeadLetterConfig={}))
    result = client.invoke(FunctionName=name, Payload=FAILING, LogType="Tail")
    result["Payload"] = result["Payload"].read().decode()
    s.match("invoke_result", result)
    lines = base64.b64decode(result["LogResult"]).decode().splitlines()
    kept = [re.sub(r"\t20[0-9T:.Z-]+\t", "\tdate\t", line) for line in lines if not line.startswith("REPORT")]
    s.match("log_result", {"result": kept})

"""What scenarios of streams share: functions, and what waits at the end of a destination."""

from __future__ import annotations

import json
from typing import Any

import functions
from stage import Stage

ANSWERS: dict[str, Any] = {
    "empty_string_item_identifier_failure": {"batchItemFailures": [{"itemIdentifier": ""}]},
    "null_item_identifier_failure": {"batchItemFailures": [{"itemIdentifier": None}]},
    "invalid_key_foo_failure": {"batchItemFailures": [{"foo": 123}]},
    "invalid_key_foo_null_value_failure": {"batchItemFailures": [{"foo": None}]},
    "unhandled_exception_in_function": ZeroDivisionError,
    "empty_list_success": [],
    "null_success": None,
    "null_batch_item_failure_success": {"batchItemFailures": None},
}
"""What the function answers in each case of the recordings about partial failures."""

SLOW = """
import json, time

def handler(event, context):
    print(json.dumps({"event": event, "executionStart": time.time()}))
    time.sleep(5)
"""

RAISE_ON_RECORD = """
def handler(event, context):
    print("a record that asks for an error")
    raise Exception("as it was asked")
"""

FAIL_MARKED = """
import base64, json

def handler(event, context):
    print(json.dumps(event))
    failed = []
    for record in event["Records"]:
        if "kinesis" in record:
            marked = json.loads(base64.b64decode(record["kinesis"]["data"]))["should_fail"]
            number = record["kinesis"]["sequenceNumber"]
        else:
            marked = record["dynamodb"]["NewImage"]["should_fail"]["BOOL"]
            number = record["dynamodb"]["SequenceNumber"]
        if marked:
            failed.append({"itemIdentifier": number})
    return {"batchItemFailures": failed}
"""


def answering(answer: Any) -> str:
    """A function that prints its event and answers what is given, or divides by zero."""
    last = "1 / 0" if answer is ZeroDivisionError else f"json.loads({json.dumps(answer)!r})"
    return f"import json\n\ndef handler(event, context):\n    print(json.dumps(event))\n    return {last}\n"


def events(s: Stage, name: str) -> list[Any]:
    """The events that a function printed."""
    return [event for event in functions.printed(s, name) if "Records" in event]


def failed_at(s: Stage, url: str) -> Any:
    """The first message of a destination."""
    s.settle()
    return s.json.receive_message(QueueUrl=url)

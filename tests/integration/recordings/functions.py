"""Functions for scenarios: their code, and how they are made."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from stage import ACCOUNT, Stage

ROLE = f"arn:aws:iam::{ACCOUNT}:role/runs-functions"

ECHO = """
import json

def handler(event, context):
    print(json.dumps(event))
    return event
"""

ECHO_WITH_VERSION = """
import json, os

def handler(event, context):
    shown = {"event": event, "function_version": context.function_version}
    print(json.dumps({**shown, "CUSTOM_VAR": os.environ["CUSTOM_VAR"]}))
"""

FORWARD_RECORDS = """
import json, os
import boto3

def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event["Records"]))
"""

FAIL_AT_FIRST = """
import json
import boto3

def handler(event, context):
    assert len(event["Records"]) == 1
    record = event["Records"][0]
    order = json.loads(record["body"])
    failing = order["fail_attempts"] >= int(record["attributes"]["ApproximateReceiveCount"])
    answer = {"error": "failed attempt" if failing else None, "event": event}
    boto3.client("sqs").send_message(QueueUrl=order["destination"], MessageBody=json.dumps(answer))
    if failing:
        raise RuntimeError("not yet")
"""

BATCH_FAILURES = """
import json, os
import boto3

def handler(event, context):
    failed = [
        {"itemIdentifier": record["messageId"]}
        for record in event["Records"]
        if json.loads(record["body"])["fail_attempts"] >= int(record["attributes"]["ApproximateReceiveCount"])
    ]
    result = json.loads(os.environ.get("RESULT", "null")) or {"batchItemFailures": failed}
    body = json.dumps({"event": event, "result": result})
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=body)
    return result
"""

SLEEP = """
import time

def handler(event, context):
    time.sleep(5)
"""

RAISE = (
    "import logging\nlogging.getLogger().setLevel(logging.INFO)\n\n"
    "def handler(event, context):\n"
    "    print('Lambda log message - print function')\n"
    "    logging.info('Lambda log message - logging module')\n"
    + "\n"
    * 47
    + "    if 'raise_error' in event:\n"
    '        raise Exception("Test exception (this is intentional)")\n'
)
"""The line that raises is the 55th, as it was where this was recorded."""


def archive(code: str) -> bytes:
    """A zip file with the code as ``handler.py``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("handler.py", code)
    return buffer.getvalue()


def create(s: Stage, code: str, **settings: Any) -> Any:
    """CreateFunction's answer for a new function, with the settings of whoever recorded."""
    variables = settings.pop("variables", {})
    given = {
        "Runtime": "python3.12",
        "Handler": "handler.handler",
        "Role": ROLE,
        "Code": {"ZipFile": archive(code)},
        "Timeout": 30,
        "Environment": {"Variables": variables},
    }
    return s.backend.client("lambda").create_function(FunctionName=s.fresh("function"), **(given | settings))


def printed(s: Stage, name: str) -> list[Any]:
    """What a function's invocations printed as JSON, in order."""
    s.settle()
    events = s.backend.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    return [json.loads(event["message"]) for event in events if event["message"].startswith("{")]

"""Index what garbage collectors logged: one document for each collection, under the id of its log event."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes import CloudWatchLogsEvent, event_source
from aws_lambda_powertools.utilities.data_classes.cloud_watch_logs_event import CloudWatchLogsDecodedData
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from collector import parse

ATTEMPTS = 4
LATER = (429, 500, 502, 503, 504)

logger = Logger()
session = boto3.Session()
Documents = dict[str, tuple[str, dict[str, str]]]


class NotIndexed(Exception):
    """Documents are left that the domain may take later."""


def documents(data: CloudWatchLogsDecodedData) -> Documents:
    """The documents of a batch by the id of their event, with the index of their day."""
    found: Documents = {}
    for event in data.log_events:
        document = parse(event.message)
        if document is not None:
            day = document["@timestamp"][:10].replace("-", ".")
            where = {
                "@owner": data.owner, "@log_group": data.log_group, "@log_stream": data.log_stream,
            }  # fmt: skip
            found[event.get_id] = (f"gc-logs-{day}", {**document, **where})
    return found


def bulk(wanted: Documents) -> dict[str, int]:
    """One bulk request; answers the status of each document."""
    lines = []
    for name, (index, document) in wanted.items():
        lines += [json.dumps({"index": {"_index": index, "_id": name}}), json.dumps(document)]
    body = ("\n".join(lines) + "\n").encode()
    url = os.environ["SEARCH_URL"] + "/_bulk"
    signed = AWSRequest("POST", url, data=body, headers={"Content-Type": "application/x-ndjson"})
    SigV4Auth(session.get_credentials(), "es", os.environ["AWS_REGION"]).add_auth(signed)
    request = urllib.request.Request(url, body, dict(signed.headers), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            items: list[dict[str, Any]] = json.loads(answer.read())["items"]
    except urllib.error.HTTPError as error:
        if error.code not in LATER:
            raise
        return dict.fromkeys(wanted, error.code)
    return {item["index"]["_id"]: item["index"]["status"] for item in items}


def index(wanted: Documents) -> None:
    """Index all; what the domain is too busy for is tried again, what it refuses is logged and left.

    Raises ``NotIndexed`` after the last attempt: Lambda then delivers the batch again, and the ids keep
    documents from being there twice.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(2**attempt)
        states = bulk(wanted)
        refused = {name: state for name, state in states.items() if state >= 300 and state not in LATER}
        if refused:
            logger.error("refused", extra={"documents": refused})
        wanted = {name: wanted[name] for name, state in states.items() if state in LATER}
        if not wanted:
            return
    raise NotIndexed(f"{len(wanted)} documents")


@event_source(data_class=CloudWatchLogsEvent)
def handler(event: CloudWatchLogsEvent, context: LambdaContext) -> None:
    """Take one batch of a subscription."""
    wanted = documents(event.parse_logs_data())
    if wanted:
        index(wanted)
    logger.info("indexed", extra={"documents": len(wanted)})

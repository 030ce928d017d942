"""A log group, and functions that listen to it."""

from __future__ import annotations

import base64
import gzip
import io
import json
import zipfile
from typing import Any

import pytest

ACCOUNT = "123456789012"
GROUP = "/app"
GROUP_ARN = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{GROUP}:*"
QUIET = "heard = []\n\ndef handler(event, context):\n    heard.append(event)\n"


def archive(code: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("app.py", code)
    return buffer.getvalue()


class Group:
    """A group ``/app`` with a stream ``one``."""

    def __init__(self, backend: Any) -> None:
        self.backend, self.world = backend, backend.world
        self.logs, self.functions = backend.client("logs"), backend.client("lambda")
        self.logs.create_log_group(logGroupName=GROUP)
        self.logs.create_log_stream(logGroupName=GROUP, logStreamName="one")
        self.payloads: list[Any] = []
        self.world.service("lambda").observers.append(
            lambda one: self.payloads.append(json.loads(one.payload))
        )

    def function(self, name: str = "f", code: str = QUIET, principal: str = "logs.amazonaws.com") -> str:
        arn = self.functions.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Handler="app.handler",
            Role=f"arn:aws:iam::{ACCOUNT}:role/r",
            Code={"ZipFile": archive(code)},
        )["FunctionArn"]
        if principal:
            self.functions.add_permission(
                FunctionName=name, StatementId="1", Action="lambda:InvokeFunction", Principal=principal,
                SourceArn=GROUP_ARN, SourceAccount=ACCOUNT,
            )  # fmt: skip
        return str(arn)

    def subscribe(self, arn: str, pattern: str = "", name: str = "s", **more: Any) -> None:
        self.logs.put_subscription_filter(
            logGroupName=GROUP, filterName=name, filterPattern=pattern, destinationArn=arn, **more
        )

    def put(self, *messages: str, ago: float = 0, stream: str = "one") -> Any:
        at = self.world.clock.ms - int(ago * 1000)
        events = [{"timestamp": at, "message": message} for message in messages]
        return self.logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)

    def heard(self) -> list[Any]:
        """What functions got, decoded."""
        self.world.run_until_idle()
        return [
            json.loads(gzip.decompress(base64.b64decode(one["awslogs"]["data"]))) for one in self.payloads
        ]

    def messages(self) -> list[str]:
        """The messages that functions got."""
        return [event["message"] for one in self.heard() for event in one["logEvents"]]

    def found(self, pattern: str = "", **more: Any) -> list[str]:
        answer = self.logs.filter_log_events(logGroupName=GROUP, filterPattern=pattern, **more)
        return [one["message"] for one in answer["events"]]


@pytest.fixture
def group(backend: Any) -> Group:
    return Group(backend)


@pytest.fixture
def refused(group: Group) -> Any:
    """``refused(call, **params)``: the code and the message of the error."""

    def of(call: Any, **params: Any) -> tuple[str, str]:
        with pytest.raises(group.logs.exceptions.ClientError) as caught:
            call(**params)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    return of

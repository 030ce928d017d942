"""A world with queues, rules and events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stackproof.backends.embedded import EmbeddedBackend

_STATEMENT = {
    "Effect": "Allow",
    "Principal": {"Service": ["events.amazonaws.com", "sns.amazonaws.com"]},
    "Action": "sqs:SendMessage",
    "Resource": "*",
}
_OPEN = json.dumps({"Version": "2012-10-17", "Statement": [_STATEMENT]})


class Estate:
    """Short words for what the tests do over boto3."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self.world = backend.world
        self.events = backend.client("events")
        self.sqs = backend.client("sqs")
        self.aws = backend.client

    def queue(self, name: str, **attributes: str) -> str:
        """The ARN of a new queue that lets topics and rules in, unless ``Policy`` says otherwise."""
        self.sqs.create_queue(QueueName=name, Attributes={"Policy": _OPEN, **attributes})
        return f"arn:aws:sqs:us-east-1:123456789012:{name}"

    def texts(self, arn: str) -> list[str]:
        """The bodies that a queue holds, after all that is bound to happen; they are taken off."""
        return [message["Body"] for message in self.messages(arn)]

    def messages(self, arn: str) -> list[dict[str, Any]]:
        """Every message of a queue, taken off."""
        self.world.run_until_idle()
        url = self.sqs.get_queue_url(QueueName=arn.rsplit(":", 1)[-1])["QueueUrl"]
        taken: list[dict[str, Any]] = []
        while True:
            names = {"AttributeNames": ["All"], "MessageAttributeNames": ["All"]}
            found = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, **names).get("Messages")
            if not found:
                return taken
            taken += found
            for message in found:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def bodies(self, arn: str) -> list[Any]:
        """The decoded bodies."""
        return [json.loads(text) for text in self.texts(arn)]

    def rule(self, name: str, *targets: dict[str, Any] | str, bus: str = "default", **params: Any) -> str:
        """The ARN of a new rule; a target that is only an ARN gets a number as its id."""
        if "ScheduleExpression" not in params:
            params.setdefault("EventPattern", {"source": ["shop"]})
            params["EventPattern"] = json.dumps(params["EventPattern"])
        arn = self.events.put_rule(Name=name, EventBusName=bus, **params)["RuleArn"]
        found = [
            {"Id": str(index), "Arn": target} if isinstance(target, str) else {"Id": str(index), **target}
            for index, target in enumerate(targets)
        ]
        if found:
            self.events.put_targets(Rule=name, EventBusName=bus, Targets=found)
        return str(arn)

    def put(self, detail: Any = None, **entry: Any) -> Any:
        """One entry of PutEvents: source ``shop``, type ``Order``."""
        text = json.dumps({} if detail is None else detail)
        return self.events.put_events(
            Entries=[{"Source": "shop", "DetailType": "Order", "Detail": text, **entry}]
        )


@pytest.fixture
def estate() -> Iterator[Estate]:
    """A world on the embedded backend."""
    with EmbeddedBackend(seed=1) as backend:
        yield Estate(backend)


@pytest.fixture
def refused() -> Callable[..., tuple[str, str]]:
    """The error code and message that a call ends with."""

    def answer(call: Callable[..., Any], **params: Any) -> tuple[str, str]:
        from botocore.exceptions import ClientError

        with pytest.raises(ClientError) as caught:
            call(**params)
        error = caught.value.response["Error"]
        return str(error["Code"]), str(error["Message"])

    return answer

"""A world with devices: publish, look at what arrives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from stackproof.backends.embedded import EmbeddedBackend

ROLE = "arn:aws:iam::123456789012:role/rules"
OPEN = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": "*",
            }
        ],
    }
)
"""A queue's policy that lets topics in."""


class Field:
    """Shortcuts around one backend."""

    def __init__(self, backend: EmbeddedBackend) -> None:
        self.backend = backend
        self.world = backend.world
        self.iot = backend.client("iot")
        self.data = backend.client("iot-data")
        self.sqs = backend.client("sqs")

    def queue(self, name: str) -> str:
        return str(self.sqs.create_queue(QueueName=name, Attributes={"Policy": OPEN})["QueueUrl"])

    def rule(self, sql: str, *actions: dict[str, Any], name: str = "r", **more: Any) -> None:
        payload = {"sql": sql, "actions": list(actions), "awsIotSqlVersion": "2016-03-23", **more}
        self.iot.create_topic_rule(ruleName=name, topicRulePayload=payload)

    def to(self, queue: str) -> dict[str, Any]:
        return {"sqs": {"roleArn": ROLE, "queueUrl": queue, "useBase64": False}}

    def publish(self, topic: str, message: Any, **more: Any) -> None:
        payload = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.data.publish(topic=topic, payload=payload, **more)
        self.world.run_until_idle()

    def taken(self, queue: str) -> list[Any]:
        found = []
        while messages := self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                found.append(message["Body"])
        return found

    def heard(self, sql: str, topic: str, message: Any) -> list[Any]:
        """What a rule makes of one message."""
        queue = self.queue("heard")
        self.rule(sql, self.to(queue))
        self.publish(topic, message)
        return [json.loads(body) for body in self.taken(queue)]


@pytest.fixture
def field() -> Iterator[Field]:
    with EmbeddedBackend() as backend:
        yield Field(backend)

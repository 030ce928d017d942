"""A laboratory: a world of its own, functions from a few lines of code, queues that feed them."""

from __future__ import annotations

import base64
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROLE = "arn:aws:iam::123456789012:role/runs-functions"


class Answer:
    """``value`` is the decoded payload, ``error`` the FunctionError, ``log`` the tail of the log."""

    def __init__(self, response: dict[str, Any]) -> None:
        import base64

        self.response = response
        text = response["Payload"].read()
        self.value: Any = json.loads(text) if text else None
        self.error = response.get("FunctionError", "")
        self.log = base64.b64decode(response.get("LogResult", "")).decode()


class Lab:
    """Shortcuts around one embedded backend."""

    def __init__(self, backend: Any, folder: Path) -> None:
        self.backend = backend
        self.world = backend.world
        self.folder = folder
        self.sqs = backend.client("sqs")
        self.aws = backend.client("lambda")
        self.service = self.world.service("lambda")
        self.invocations: list[Any] = []
        self.service.observers.append(self.invocations.append)

    def function(self, name: str, files: str | dict[str, str], **settings: Any) -> str:
        """A function whose code stands in a folder; ``files`` is the handler module or several files."""
        folder = self.folder / name
        for path, text in ({"app.py": files} if isinstance(files, str) else files).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(textwrap.dedent(text))
        self.service.register_code(name, folder)
        variables = settings.pop("variables", {})
        given = {
            "Runtime": "python3.12",
            "Handler": "app.handler",
            "Role": ROLE,
            "Environment": {"Variables": variables},
        }
        self.aws.create_function(FunctionName=name, Code={"ZipFile": b"-"}, **(given | settings))
        return name

    def invoke(self, name: str, event: Any = None, **settings: Any) -> Answer:
        payload = json.dumps({} if event is None else event).encode()
        given = {"FunctionName": name, "Payload": payload, "LogType": "Tail"}
        return Answer(self.aws.invoke(**(given | settings)))

    def send_event(self, name: str, event: Any = None, **settings: Any) -> None:
        payload = json.dumps({} if event is None else event).encode()
        self.aws.invoke(FunctionName=name, Payload=payload, InvocationType="Event", **settings)

    def queue(self, name: str, **attributes: str) -> str:
        if attributes.get("FifoQueue") == "true":
            name += ".fifo"
        return str(self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])

    def arn(self, url: str) -> str:
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])

    def connect(self, url: str, name: str, **settings: Any) -> Any:
        return self.aws.create_event_source_mapping(
            EventSourceArn=self.arn(url), FunctionName=name, **settings
        )

    def send(self, url: str, *bodies: Any, **settings: Any) -> None:
        for body in bodies:
            text = body if isinstance(body, str) else json.dumps(body)
            self.sqs.send_message(QueueUrl=url, MessageBody=text, **settings)

    def bodies(self, url: str) -> list[str]:
        """Receive and delete everything that is visible."""
        found: list[str] = []
        while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(message["Body"])
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def count(self, url: str) -> tuple[int, int]:
        """Visible messages and those in flight."""
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return (
            int(answer["ApproximateNumberOfMessages"]),
            int(answer["ApproximateNumberOfMessagesNotVisible"]),
        )

    def events(self, name: str) -> list[Any]:
        """The events of invocations of a function that ended, in order."""
        return [json.loads(done.payload) for done in self.invocations if done.function.name == name]

    def run(self) -> Any:
        return self.world.run_until_idle()


@pytest.fixture
def make_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A function that makes laboratories; its arguments are those of the embedded backend."""
    from stackproof.backends.embedded import EmbeddedBackend

    monkeypatch.setenv("STACKPROOF_CACHE", str(tmp_path / "cache"))
    opened = []

    def make(**options: Any) -> Lab:
        backend = EmbeddedBackend(**options).activate()
        opened.append(backend)
        return Lab(backend, tmp_path / f"code-{len(opened)}")

    yield make
    for backend in reversed(opened):
        backend.close()


@pytest.fixture
def lab(make_lab: Any) -> Lab:
    made: Lab = make_lab()
    return made


class Ingest:
    """A stream in a laboratory; ``feed`` connects it to a function."""

    def __init__(self, lab, shards=1):
        self.lab = lab
        self.client = lab.backend.client("kinesis")
        self.client.create_stream(StreamName="s", ShardCount=shards)
        self.arn = self.client.describe_stream(StreamName="s")["StreamDescription"]["StreamARN"]

    def put(self, *data, key="k"):
        for one in data:
            self.client.put_record(StreamName="s", Data=one.encode(), PartitionKey=key)

    def feed(self, name="f", **settings):
        given = {"StartingPosition": "TRIM_HORIZON", **settings}
        return self.lab.aws.create_event_source_mapping(EventSourceArn=self.arn, FunctionName=name, **given)

    def batches(self, name="f"):
        return [
            [base64.b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]]
            for event in self.lab.events(name)
        ]

    def documents(self, url):
        return [json.loads(body) for body in self.lab.bodies(url)]


@pytest.fixture
def make_ingest(lab: Lab) -> Any:
    """A function that makes the stream; ``shards`` is how many it begins with."""

    def make(shards: int = 1) -> Ingest:
        return Ingest(lab, shards)

    return make


@pytest.fixture
def ingest(lab: Lab) -> Ingest:
    return Ingest(lab)

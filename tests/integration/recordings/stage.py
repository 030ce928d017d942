"""The stage on which scenarios play: a fresh world in the account of the recordings."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from matching import Matcher, Mismatch

ACCOUNT = "111111111111"

Play = Callable[["Stage"], None]


@dataclass(frozen=True)
class Scenario:
    """What was asked to get one or more recordings; ``names`` are the recordings that it covers."""

    source: str
    names: tuple[str, ...]
    play: Play


SCENARIOS: list[Scenario] = []


def scenario(source: str, *names: str) -> Callable[[Play], Play]:
    """Register a function that plays recordings of ``source`` (a file's stem)."""

    def register(play: Play) -> Play:
        SCENARIOS.append(Scenario(source, names, play))
        return play

    return register


def oracle() -> Path | None:
    """The folder of what others recorded: beside the repository, or ``STACKPROOF_ORACLE``."""
    named = os.environ.get("STACKPROOF_ORACLE")
    folder = Path(named) if named else Path(__file__).resolve().parents[4] / "shared" / "oracle"
    return folder if (folder / "aws-recordings").is_dir() else None


@cache
def recordings(source: str) -> dict[str, dict[str, Any]]:
    """Recorded answers by test name; an empty recording is an empty dict."""
    folder = oracle()
    if folder is None:
        return {}
    data = json.loads((folder / "aws-recordings" / f"{source}.json").read_text())
    return {name: entry["recorded-content"] for name, entry in data.items()}


class Stage:
    """Clients and helpers of one scenario. ``case`` is the recording's parameter (``[…]``)."""

    def __init__(self, backend: Any, name: str) -> None:
        self.backend = backend
        self.world = backend.world
        self.name = name
        self.case = name.partition("[")[2].rstrip("]")
        self.json = backend.client("sqs")
        query = self.case == "sqs_query" or self.case.startswith("sqs_query-")
        self.sqs = query_client() if query else self.json
        self.sns = backend.client("sns")
        self.answers: dict[str, Any] = {}
        self._count = 0

    @property
    def variant(self) -> str:
        """The parameter without the protocol: ``sqs-0-visible`` is ``0-visible``."""
        return self.case.partition("-")[2]

    def match(self, key: str, answer: Any) -> None:
        """Note an answer, as it is now, under its name in the recording."""
        self.answers[key] = answer

    def fresh(self, kind: str) -> str:
        """A new name."""
        self._count += 1
        return f"{kind}-{self._count:08x}"

    def queue(self, name: str = "", **attributes: str) -> str:
        """The URL of a new queue; attributes as keyword arguments."""
        fifo = attributes.get("FifoQueue", "").lower() == "true"
        name = name or self.fresh("queue") + (".fifo" if fifo else "")
        return str(self.json.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])

    def arn(self, url: str) -> str:
        """The ARN of a queue."""
        answer = self.json.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])

    def topic(self, name: str = "", **attributes: str) -> str:
        """The ARN of a new topic."""
        fifo = attributes.get("FifoTopic") == "true"
        name = name or self.fresh("topic") + (".fifo" if fifo else "")
        return str(self.sns.create_topic(Name=name, Attributes=attributes)["TopicArn"])

    def let_in(self, service: str, source: str, *queues: str) -> None:
        """Let a service send for one of its resources to queues."""
        for url in queues:
            statement = {
                "Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"},
                "Action": "sqs:SendMessage", "Resource": self.arn(url),
                "Condition": {"ArnEquals": {"aws:SourceArn": source}},
            }  # fmt: skip
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            self.json.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})

    def subscribe(self, topic: str, queue: str, **attributes: str) -> str:
        """The ARN of a queue's subscription; the queue lets the topic in."""
        self.let_in("sns", topic, queue)
        answer = self.sns.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=self.arn(queue), Attributes=attributes,
            ReturnSubscriptionArn=True,
        )  # fmt: skip
        return str(answer["SubscriptionArn"])

    def receive(self, url: str, **params: Any) -> Any:
        """Receive after everything that is bound to happen has happened."""
        self.settle()
        return self.sqs.receive_message(QueueUrl=url, **params)

    def delete(self, url: str, answer: Any) -> None:
        """Delete every message of a receive's answer."""
        for message in answer.get("Messages", []):
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def settle(self) -> None:
        """Let what is bound to happen happen."""
        self.world.run_until_idle()

    def wait(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.world.advance(seconds)

    @staticmethod
    def error(call: Callable[..., Any], **params: Any) -> Any:
        """The parsed response of a call that AWS refuses."""
        return Stage.raised(call, **params).response

    @staticmethod
    def raised(call: Callable[..., Any], **params: Any) -> Any:
        """The ClientError of a call that AWS refuses."""
        from botocore.exceptions import ClientError

        try:
            answer = call(**params)
        except ClientError as error:
            return error
        raise Mismatch(f"{call} was not refused: {answer!r}")


@cache
def query_client() -> Any:
    """An SQS client of the older query protocol, as botocore was before 1.32."""
    import boto3
    import botocore.session

    core = botocore.session.Session()
    loader = core.get_component("data_loader")
    load = loader.load_service_model

    def older(service: str, kind: str, **options: Any) -> Any:
        model = load(service, kind, **options)
        if service == "sqs" and kind == "service-2":
            metadata = {**model["metadata"], "protocol": "query"}
            for name in ("protocols", "jsonVersion", "targetPrefix", "awsQueryCompatible"):
                metadata.pop(name, None)
            model = {**model, "metadata": metadata}
        return model

    loader.load_service_model = older
    session = boto3.session.Session(
        aws_access_key_id=ACCOUNT, aws_secret_access_key="x", region_name="us-east-1", botocore_session=core
    )
    return session.client("sqs")


def play(source: str, name: str, chosen: Scenario) -> None:
    """Play a scenario and compare its answers with a recording; raises ``Mismatch``."""
    from stackproof.backends.embedded import EmbeddedBackend

    recorded = recordings(source)[name]
    with EmbeddedBackend(account=ACCOUNT) as backend:
        stage = Stage(backend, name)
        chosen.play(stage)
    if recorded.keys() != stage.answers.keys():
        missing, extra = (
            sorted(recorded.keys() - stage.answers.keys()),
            sorted(stage.answers.keys() - recorded.keys()),
        )
        raise Mismatch(f"{name}: answers missing {missing}, too many {extra}")
    matcher = Matcher()
    for key in recorded:
        matcher.compare(key, recorded[key], stage.answers[key])


def covered() -> Iterator[tuple[str, str, Scenario]]:
    """Every recording with a scenario."""
    for chosen in SCENARIOS:
        for name in chosen.names:
            yield chosen.source, name, chosen

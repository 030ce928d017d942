"""A world with metrics: put data, read it, watch alarms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from stackproof.backends.embedded import EmbeddedBackend

TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"
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


class Watch:
    """Shortcuts around one backend."""

    def __init__(self, backend: EmbeddedBackend) -> None:
        self.backend = backend
        self.world = backend.world
        self.aws = backend.client("cloudwatch")
        self.sqs = backend.client("sqs")
        self.queue = ""

    def put(self, value: float, name: str = "m", **more: Any) -> None:
        datum = {"MetricName": name, "Value": value, **more}
        self.aws.put_metric_data(Namespace="Shop", MetricData=[datum])

    def alarm(self, **settings: Any) -> None:
        given = {
            "AlarmName": "a", "Namespace": "Shop", "MetricName": "m", "Statistic": "Maximum", "Period": 60,
            "EvaluationPeriods": 1, "Threshold": 5, "ComparisonOperator": "GreaterThanThreshold",
        }  # fmt: skip
        if "Metrics" in settings or "ExtendedStatistic" in settings:
            given.pop("Statistic")
        if "Metrics" in settings:
            for member in ("Namespace", "MetricName", "Period"):
                given.pop(member)
        self.aws.put_metric_alarm(**{**given, **settings})

    def state(self, name: str = "a") -> str:
        answer = self.aws.describe_alarms(AlarmNames=[name])
        (found,) = [*answer["MetricAlarms"], *answer["CompositeAlarms"]]
        return str(found["StateValue"])

    def minute(self, *values: float | None) -> list[str]:
        """A minute for each value (None: no datapoint); the states at their ends."""
        states = []
        for value in values:
            if value is not None:
                self.put(value)
            self.world.advance(60)
            states.append(self.state())
        return states

    def listen(self) -> None:
        """A topic ``alarms`` with a queue behind it; ``heard`` empties it."""
        self.backend.client("sns").create_topic(Name="alarms")
        self.queue = self.sqs.create_queue(QueueName="ear", Attributes={"Policy": OPEN})["QueueUrl"]
        self.backend.client("sns").subscribe(
            TopicArn=TOPIC, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:ear",
            Attributes={"RawMessageDelivery": "true"},
        )  # fmt: skip

    def heard(self) -> list[dict[str, Any]]:
        self.world.run_until_idle()
        found = []
        while True:
            answer = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
            for message in answer.get("Messages", []):
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"]))
            if not answer.get("Messages"):
                return found

    def read(self, *statistics: str, name: str = "m", namespace: str = "Shop", period: int = 60, **more: Any):
        """The datapoints of the last hour."""
        now = self.world.clock.datetime()
        simple = [one for one in statistics if one[0] in "SAM" and one.isalpha()]
        extended = [one for one in statistics if one not in simple]
        given = {"Statistics": simple} if simple else {}
        if extended:
            given["ExtendedStatistics"] = extended
        answer = self.aws.get_metric_statistics(
            Namespace=namespace, MetricName=name, StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=1), Period=period, **given, **more,
        )  # fmt: skip
        return answer["Datapoints"]

    def math(self, expression: str, **metrics: Any) -> dict[str, list[float]]:
        """An expression over the last ten minutes: values by label, the oldest first."""
        queries = [
            {"Id": key, "ReturnData": False,
             "MetricStat": {"Metric": {"Namespace": "Shop", "MetricName": name}, "Period": 60, "Stat": "Sum"}}
            for key, name in metrics.items()
        ]  # fmt: skip
        now = self.world.clock.datetime()
        answer = self.aws.get_metric_data(
            MetricDataQueries=[*queries, {"Id": "e", "Expression": expression, "Period": 60}],
            StartTime=now - timedelta(minutes=10), EndTime=now, ScanBy="TimestampAscending",
        )  # fmt: skip
        return {one["Label"]: one["Values"] for one in answer["MetricDataResults"]}


@pytest.fixture
def watch() -> Iterator[Watch]:
    with EmbeddedBackend() as backend:
        yield Watch(backend)

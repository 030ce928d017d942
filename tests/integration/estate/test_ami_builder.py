"""ami-builder: what the build says of a new image becomes a mail; what is no image becomes none."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

SYSTEM = "templates/ami-builder"
IMAGE = "ami-0a1b2c3d4e5f60718"


@pytest.fixture
def system(stack: Any) -> Any:
    return stack(SYSTEM, config="tooling")


@pytest.fixture
def announced(root: Path, tmp_path: Path, aws: Any) -> Any:
    """``announced(log)``: announce.sh as the build runs it; what it asks of AWS is asked of the fabric."""
    tool = tmp_path / "aws"
    tool.write_text('#!/bin/sh\nprintf "%s" "$4" > "$0.entries"\necho 0\n', encoding="utf-8")
    tool.chmod(0o755)

    def run(log: str) -> int:
        (tmp_path / "build.log").write_text(log, encoding="utf-8")
        command = [str(root / SYSTEM / "announce.sh"), str(tmp_path / "build.log")]
        own = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        code = subprocess.run(command, env=own, capture_output=True, check=False).returncode
        asked = tmp_path / "aws.entries"
        if asked.exists():
            answer = aws("events").put_events(Entries=json.loads(asked.read_text(encoding="utf-8")))
            assert answer["FailedEntryCount"] == 0
        return code

    return run


@pytest.fixture
def mails(system: Any, aws: Any, look: Any) -> Any:
    """``mails()``: what the topic told its readers since the last look."""
    queue = aws("sqs").create_queue(QueueName="reader")["QueueUrl"]
    names = ["QueueArn"]
    arn = aws("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]["QueueArn"]
    look.let_in(queue, system.topic("ImageTopic"))
    raw = {"RawMessageDelivery": "true"}
    aws("sns").subscribe(TopicArn=system.topic("ImageTopic"), Protocol="sqs", Endpoint=arn, Attributes=raw)
    return lambda: [message["Body"] for message in look.take(queue)]


def test_a_new_image_is_announced_by_mail(announced: Any, mails: Any, fabric: Any) -> None:
    assert announced(f"eu-west-1: {IMAGE}\n") == 0
    fabric.run_until_idle()
    (mail,) = mails()
    assert json.loads(mail) == f"Image {IMAGE} in {fabric.world.region}: Created"


def test_a_build_without_an_image_fails_and_announces_nothing(
    announced: Any, mails: Any, fabric: Any
) -> None:
    assert announced("==> Builds finished but no artifacts were created.\n") == 1
    fabric.run_until_idle()
    assert mails() == []


def test_an_event_of_somebody_else_is_no_image(mails: Any, aws: Any, fabric: Any) -> None:
    entry = {"Source": "com.example", "DetailType": "AmiBuilder", "Resources": [IMAGE], "Detail": "{}"}
    aws("events").put_events(Entries=[entry])
    fabric.run_until_idle()
    assert mails() == []


def test_the_mail_goes_to_who_the_configuration_names(system: Any, aws: Any) -> None:
    found = aws("sns").list_subscriptions_by_topic(TopicArn=system.topic("ImageTopic"))["Subscriptions"]
    assert [(one["Protocol"], one["Endpoint"]) for one in found] == [("email", "platform@example.com")]

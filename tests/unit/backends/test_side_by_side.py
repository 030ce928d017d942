"""Several embedded backends in one process, and what the machine says about AWS."""

from __future__ import annotations

import os
import sys

import boto3
import pytest

from stackproof.backends.embedded import EmbeddedBackend
from stackproof.errors import UsageError


def test_a_client_of_a_backend_never_reaches_another_one() -> None:
    with EmbeddedBackend() as outer:
        mine = outer.client("sqs")
        mine.create_queue(QueueName="q")
        with EmbeddedBackend() as inner:
            assert "QueueUrls" not in inner.client("sqs").list_queues()
            with pytest.raises(UsageError, match="while another one answers"):
                mine.list_queues()
        assert len(mine.list_queues()["QueueUrls"]) == 1
    with pytest.raises(UsageError, match="that is not active"):
        mine.list_queues()


def test_backends_end_in_the_order_that_keeps_their_states_apart() -> None:
    with EmbeddedBackend() as outer:
        with EmbeddedBackend() as inner:
            with pytest.raises(UsageError, match="close\\) the later one first"):
                outer.deactivate()
            inner.client("s3").create_bucket(Bucket="inner")
        assert outer.client("s3").list_buckets()["Buckets"] == []


def test_profiles_files_and_endpoints_of_the_machine_are_out_of_sight(monkeypatch, tmp_path) -> None:
    real = tmp_path / "credentials"
    real.write_text("[prod]\naws_access_key_id = REAL\naws_secret_access_key = REAL\n")
    given = {
        "AWS_PROFILE": "prod", "AWS_DEFAULT_PROFILE": "prod", "AWS_SHARED_CREDENTIALS_FILE": str(real),
        "AWS_CONFIG_FILE": str(real), "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ROLE_ARN": "arn:real",
        "AWS_CA_BUNDLE": "/nowhere", "AWS_LAMBDA_FUNCTION_NAME": "mine",
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    opened: list[str] = []
    looking = [True]
    sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" and looking else None)
    with EmbeddedBackend(account="333333333333") as backend:
        session = boto3.session.Session()
        assert session.get_credentials().access_key == "333333333333"
        assert session.client("sts").get_caller_identity()["Account"] == "333333333333"
        assert backend.client("sqs").list_queues()["ResponseMetadata"]["HTTPStatusCode"] == 200
        assert os.environ["AWS_LAMBDA_FUNCTION_NAME"] == "mine"
    looking.clear()
    assert str(real) not in opened
    assert {name: os.environ[name] for name in given} == given

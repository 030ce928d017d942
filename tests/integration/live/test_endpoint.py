"""What only an endpoint has: accounts side by side, real time, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stackproof.backends.endpoint import EndpointBackend
from stackproof.backends.select import Backends
from stackproof.deploy.deployer import Deployer
from stackproof.errors import BackendError, CapabilityMissing

pytestmark = [pytest.mark.live, pytest.mark.needs("ministack")]


HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def backends() -> Iterator[Backends]:
    with Backends("ministack") as found:
        yield found


def test_two_backends_do_not_see_each_other(backends: Backends) -> None:
    with backends.backend() as one, backends.backend() as other:
        one.client("sqs", account=one.account).create_queue(QueueName="mine")
        found = {backend.account: _queues(backend) for backend in (one, other)}
    assert found == {one.account: ["mine"], other.account: []}


def _queues(backend: Any) -> list[str]:
    with backend:
        urls = backend.client("sqs", account=backend.account).list_queues().get("QueueUrls", [])
    return [url.rsplit("/", 1)[-1] for url in urls]


def test_the_error_is_the_class_of_the_client_that_was_asked(backends: Backends) -> None:
    with backends.backend() as backend:
        client = backend.client("dynamodb")
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.describe_table(TableName="nobody")


def test_a_timer_beyond_the_timeout_is_a_missing_capability(backends: Backends) -> None:
    with backends.backend() as backend:
        backend.world.scheduler.after(3600, "retry of f", lambda: None)
        with pytest.raises(CapabilityMissing, match=r"'retry of f' is due in \d+ s"):
            backend.world.run_until_idle(timeout=0.5)


def test_work_that_is_left_at_the_timeout_is_named(backends: Backends) -> None:
    with backends.backend() as backend:
        url = backend.client("sqs").create_queue(QueueName="stuck")["QueueUrl"]
        backend.client("sqs").send_message(QueueUrl=url, MessageBody="x")
        arn = f"arn:aws:sqs:{backend.region}:{backend.account}:stuck"
        backend.world.service("sqs").watch(arn, lambda arn: None)
        with pytest.raises(BackendError, match="1 visible in stuck"):
            backend.world.run_until_idle(timeout=0.5)


def test_an_endpoint_where_nobody_listens_is_an_error() -> None:
    with pytest.raises(BackendError, match=r"nothing answers at http://127\.0\.0\.1:9"):
        EndpointBackend("http://127.0.0.1:9").activate()


def test_a_function_may_be_left_to_the_endpoint(stackproof_library: Any) -> None:
    with Backends("ministack", functions="endpoint") as found, found.backend() as backend:
        deployed = Deployer(backend, stackproof_library).deploy(HERE / "stacks" / "inbox.yaml")
        body = json.dumps({"kind": "wanted", "id": "a"})
        backend.client("sqs").send_message(QueueUrl=deployed.queue("Inbox"), MessageBody=body)
        backend.world.run_until_idle(timeout=30)
        items = backend.client("dynamodb").scan(TableName=deployed.table("Items"))["Items"]
        runs = backend.world.journal.entries(verb="lambda.Run")
    assert [item["id"]["S"] for item in items] == ["a"]
    assert runs == []


def test_an_endpoint_without_functions_of_its_own_says_so() -> None:
    with pytest.raises(CapabilityMissing, match="needs docker"):
        EndpointBackend("http://127.0.0.1:9", kind="localstack", functions="endpoint")

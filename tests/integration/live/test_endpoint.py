"""Accounts side by side, errors, real time, and functions that are left to the endpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stackproof.backends.endpoint import EndpointBackend
from stackproof.backends.select import Backends
from stackproof.deploy.deployer import Deployer
from stackproof.errors import BackendError, CapabilityMissing

HERE = Path(__file__).parent


def on_ministack(test: Any) -> Any:
    """What has the same code on every endpoint is tried on one."""
    return pytest.mark.live(pytest.mark.needs("ministack")(test))


@pytest.fixture
def backend(stackproof_backends: Any) -> Any:
    """One that waits in real time."""
    with stackproof_backends.backend("ministack", {}) as found:
        yield found


def _queues(backend: Any) -> list[str]:
    with backend:
        urls = backend.client("sqs", account=backend.account).list_queues().get("QueueUrls", [])
    return [url.rsplit("/", 1)[-1] for url in urls]


@pytest.mark.capability("accounts")
def test_two_backends_do_not_see_each_other(stackproof_backends: Any, stack_backend: str) -> None:
    one, other = (stackproof_backends.backend(stack_backend, {}) for _ in range(2))
    with one:
        with other:
            other.client("sqs", account=other.account).create_queue(QueueName="mine")
            found = _queues(other)
        assert (found, _queues(one)) == (["mine"], [])


@pytest.mark.capability("errors")
def test_the_error_is_the_class_of_the_client_that_was_asked(aws: Any) -> None:
    with pytest.raises(aws.dynamodb.exceptions.ResourceNotFoundException):
        aws.dynamodb.describe_table(TableName="nobody")


@on_ministack
@pytest.mark.capability("run_until_idle")
def test_a_timer_beyond_the_timeout_is_a_missing_capability(backend: Any) -> None:
    backend.world.scheduler.after(3600, "retry of f", lambda: None)
    with pytest.raises(CapabilityMissing, match=r"'retry of f' is due in \d+ s"):
        backend.world.run_until_idle(timeout=0.5)


@on_ministack
@pytest.mark.capability("run_until_idle")
def test_work_that_is_left_at_the_timeout_is_named(backend: Any) -> None:
    url = backend.client("sqs").create_queue(QueueName="stuck")["QueueUrl"]
    backend.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    arn = f"arn:aws:sqs:{backend.region}:{backend.account}:stuck"
    backend.world.service("sqs").watch(arn, lambda arn: None)
    with pytest.raises(BackendError, match="1 visible in stuck"):
        backend.world.run_until_idle(timeout=0.5)


@pytest.mark.capability("run_until_idle")
def test_nothing_is_left_when_nothing_moves(fabric: Any, aws: Any) -> None:
    aws.sqs.create_queue(QueueName="quiet")
    assert fabric.run_until_idle(timeout=5).steps == 0


@on_ministack
@pytest.mark.capability("errors")
def test_an_endpoint_where_nobody_listens_is_an_error() -> None:
    with pytest.raises(BackendError, match=r"nothing answers at http://127\.0\.0\.1:9"):
        EndpointBackend("http://127.0.0.1:9").activate()


@pytest.mark.capability("own-functions")
def test_a_function_may_be_left_to_the_endpoint(stack_backend: str, stackproof_library: Any) -> None:
    with Backends(stack_backend, functions="endpoint") as found, found.backend() as backend:
        deployed = Deployer(backend, stackproof_library).deploy(HERE / "stacks" / "inbox.yaml")
        body = json.dumps({"kind": "wanted", "id": "a"})
        backend.client("sqs").send_message(QueueUrl=deployed.queue("Inbox"), MessageBody=body)
        backend.world.run_until_idle(timeout=30)
        items = backend.client("dynamodb").scan(TableName=deployed.table("Items"))["Items"]
        runs = backend.world.journal.entries(verb="lambda.Run")
    assert [item["id"]["S"] for item in items] == ["a"]
    assert runs == []


@on_ministack
@pytest.mark.capability("errors")
def test_an_endpoint_without_functions_of_its_own_says_so() -> None:
    with pytest.raises(CapabilityMissing, match="needs docker"):
        EndpointBackend("http://127.0.0.1:9", kind="localstack", functions="endpoint")

"""What ``benchmarks.fabric`` measures: ``python -m benchmarks._pipelines NAME COUNT [JOURNAL]`` prints JSON.

The same handler and the same messages, from a queue through a function into a table: through the fabric,
through ministack's own Lambda execution and event source mapping, and through moto's inline one.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import statistics
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks._template import BATCH, HANDLER, TEMPLATE

REGION, ACCOUNT = "us-east-1", "123456789012"


@dataclass(frozen=True)
class Measured:
    """Wall and CPU seconds (of all processes that took part), and the peak memory in MiB."""

    seconds: float
    cpu: float
    memory: float
    count: int = 0

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.count / self.seconds


# What the processes that are measured share.


def _memory(process: str = "self") -> float:
    """The most memory that a process has held, MiB (of this program alone, not of what started it)."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _send(sqs: Any, url: str, count: int) -> None:
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        entries = [{"Id": str(n), "MessageBody": f"message {n}"} for n in numbers]
        answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
        if answer.get("Failed"):
            raise RuntimeError(f"messages were refused: {answer['Failed']}")


def _stored(dynamodb: Any) -> int:
    pages = dynamodb.get_paginator("scan").paginate(TableName="benchmark", Select="COUNT")
    return sum(page["Count"] for page in pages)


def _zipped() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("index.py", HANDLER)
    return held.getvalue()


def _pipeline(client: Callable[[str], Any], role: str) -> str:
    """The queue, table, function and mapping over plain API calls; answers the queue's URL."""
    url: str = client("sqs").create_queue(QueueName="benchmark", Attributes={"VisibilityTimeout": "300"})[
        "QueueUrl"
    ]
    client("dynamodb").create_table(
        TableName="benchmark",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    client("lambda").create_function(
        FunctionName="benchmark",
        Runtime="python3.12",
        Handler="index.handler",
        Timeout=60,
        Role=role,
        Code={"ZipFile": _zipped()},
    )
    client("lambda").create_event_source_mapping(
        EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:benchmark", FunctionName="benchmark", BatchSize=BATCH
    )
    return url


def _timed(work: Callable[[], object], cpu: Callable[[], float] = time.process_time) -> tuple[float, float]:
    began, before = time.perf_counter(), cpu()
    work()
    return time.perf_counter() - began, cpu() - before


def _check(count: int, stored: int) -> None:
    if stored != count:
        raise RuntimeError(f"{count} messages were sent and {stored} items stored")


# The fabric.


@contextlib.contextmanager
def _world(journal: str) -> Iterator[tuple[Any, Callable[[str], object]]]:
    """An embedded backend, and a function that deploys the ten resources under a name."""
    from stackproof.backends.embedded import EmbeddedBackend
    from stackproof.config import load
    from stackproof.deploy.deployer import Deployer
    from stackproof.deploy.source import Library

    with tempfile.TemporaryDirectory() as name, EmbeddedBackend(journal=journal) as backend:
        folder = Path(name)
        (folder / "template.yaml").write_text(TEMPLATE, encoding="utf-8")
        library = Library(folder, load(folder))
        yield backend, lambda stack: Deployer(backend, library).deploy(folder / "template.yaml", name=stack)


def fabric(count: int, journal: str) -> Measured:
    """Everything is sent, then the world runs until idle."""
    with _world(journal) as (backend, deploy):
        deploy("benchmark")
        sqs = backend.client("sqs")
        url = sqs.get_queue_url(QueueName="benchmark")["QueueUrl"]

        def work() -> None:
            _send(sqs, url, count)
            backend.world.run_until_idle()

        seconds, cpu = _timed(work)
        memory = _memory()
        _check(count, _stored(backend.client("dynamodb")))
        return Measured(seconds, cpu, memory, count)


def fabric_deploy(count: int) -> Measured:
    """``count`` deployments, each into an empty world; 0 is the very first of a process, imports and all."""
    if not count:
        with contextlib.ExitStack() as held:
            seconds, cpu = _timed(lambda: held.enter_context(_world("full"))[1]("first"))
            return Measured(seconds, cpu, _memory())
    times = []
    with _world("full") as (_, deploy):
        deploy("warm")
    for _ in range(count):
        with _world("full") as (_, deploy):
            deploy("unread")  # the library has read the template then, as in a test run
        with _world("full") as (_, deploy):
            times.append(_timed(lambda deploy=deploy: deploy("again")))  # type: ignore[misc]
    return _median(times)


def _median(times: list[tuple[float, float]]) -> Measured:
    seconds = statistics.median(wall for wall, _ in times)
    return Measured(seconds, statistics.median(cpu for _, cpu in times), _memory())


# moto, in this process.


@contextlib.contextmanager
def _moto() -> Iterator[Callable[[str], Any]]:
    import boto3.session
    from moto import mock_aws

    os.environ |= {"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark"}
    with mock_aws():
        session: Any = boto3.session.Session(region_name=REGION)
        yield session.client


def moto(count: int) -> Measured:
    """moto invokes the function while it takes the message: one record a call."""
    from moto.awslambda.models import LambdaFunction

    with _moto() as client:
        role = client("iam").create_role(RoleName="benchmark", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        scope: dict[str, Any] = {}
        exec(compile(HANDLER, "index.py", "exec"), scope)

        def invoke(function: Any, event: Any = None) -> tuple[str, bool, str]:
            event = json.loads(event) if isinstance(event, str) else event
            return json.dumps(scope["handler"](event, None)), False, ""

        hooked: Any = LambdaFunction
        hooked._invoke_lambda = invoke
        url = _pipeline(client, role)
        sqs = client("sqs")
        seconds, cpu = _timed(lambda: _send(sqs, url, count))
        memory = _memory()
        _check(count, _stored(client("dynamodb")))
        return Measured(seconds, cpu, memory, count)


def moto_deploy(count: int) -> Measured:
    """The same template through moto's own CloudFormation."""
    times = []
    for _ in range(count + 1):
        with _moto() as client:
            cloudformation = client("cloudformation")
            times.append(
                _timed(lambda c=cloudformation: c.create_stack(StackName="deep", TemplateBody=TEMPLATE))  # type: ignore[misc]
            )
    return _median(times[1:])


# ministack, as a process.


@dataclass(frozen=True)
class _Ministack:
    client: Callable[[str], Any]
    processes: Callable[[], list[str]]

    def cpu(self) -> float:
        """CPU seconds of the server, what it started, and this process."""
        total = time.process_time()
        for pid in self.processes():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
                total += sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")
        return total

    def memory(self) -> float:
        """The peaks of the server and of what it started."""
        return sum(_memory(pid) for pid in self.processes())


@contextlib.contextmanager
def _ministack() -> Iterator[_Ministack]:
    import boto3.session

    from stackproof.backends.servers import MinistackServer

    with MinistackServer() as server:
        session: Any = boto3.session.Session(
            aws_access_key_id=ACCOUNT, aws_secret_access_key="benchmark", region_name=REGION
        )
        yield _Ministack(
            lambda service: session.client(service, endpoint_url=server.url),
            lambda: _below(str(server.folder)),
        )


def _below(mark: str) -> list[str]:
    """All descendants of the process whose command line names ``mark`` (the server's keeper)."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (entry / "cmdline").read_bytes():
                return _children(entry.name)
    return []


def _children(pid: str) -> list[str]:
    found: list[str] = []
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
            found += [child, *_children(child)]
    return found


def ministack(count: int) -> Measured:
    """Its poller works while messages arrive; the end is when the queue holds nothing, seen or unseen."""
    with _ministack() as server:
        url = _pipeline(server.client, f"arn:aws:iam::{ACCOUNT}:role/benchmark")
        sqs, dynamodb = server.client("sqs"), server.client("dynamodb")
        _send(sqs, url, BATCH)  # its worker process is warm after this
        _drained(sqs, url)

        def work() -> None:
            _send(sqs, url, count)
            _drained(sqs, url)

        seconds, cpu = _timed(work, server.cpu)
        memory = server.memory()
        _check(count + BATCH, _stored(dynamodb))
        return Measured(seconds, cpu, memory, count)


_LEFT = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


def _drained(sqs: Any, url: str) -> None:
    while True:
        held = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_LEFT))["Attributes"]
        if not any(int(held[name]) for name in _LEFT):
            return
        time.sleep(0.05)


def ministack_deploy(count: int) -> Measured:
    """The same template through ministack's own CloudFormation."""
    times = []
    with _ministack() as server:
        cloudformation = server.client("cloudformation")

        def create() -> None:
            cloudformation.create_stack(StackName="deep", TemplateBody=TEMPLATE)
            _settled(cloudformation, "CREATE_COMPLETE")

        for _ in range(count + 1):
            times.append(_timed(create, server.cpu))
            cloudformation.delete_stack(StackName="deep")
            _settled(cloudformation, "DELETE_COMPLETE")
        memory = server.memory()
    found = _median(times[1:])
    return Measured(found.seconds, found.cpu, memory)


def _settled(cloudformation: Any, wanted: str) -> None:
    from botocore.exceptions import ClientError

    while True:
        try:
            status = cloudformation.describe_stacks(StackName="deep")["Stacks"][0]["StackStatus"]
        except ClientError:
            status = "DELETE_COMPLETE"
        if status == wanted:
            return
        if not status.endswith("IN_PROGRESS"):
            raise RuntimeError(f"the stack is {status}, not {wanted}")
        time.sleep(0.005)


MEASUREMENTS: dict[str, Callable[..., Measured]] = {
    work.__name__: work for work in (fabric, fabric_deploy, moto, moto_deploy, ministack, ministack_deploy)
}

if __name__ == "__main__":
    name, number, *rest = sys.argv[1:]
    print(json.dumps(asdict(MEASUREMENTS[name](int(number), *rest))))

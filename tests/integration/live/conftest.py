"""Every test here runs on each backend, and says by its marker ``capability`` what it proves.

A backend that lacks a capability (``src/stackproof/backends/servers/capabilities.toml`` has the reasons)
skips the test by name; any other skip fails. With ``--try-lacks`` it runs all the same, and must fail.
What passed and what skipped is recorded, and a run is held to it: ``tests/matrix.py``. A server that is not
installed is a missing part of the machine (``tests/parts.py``): skipped on a desk, a failure in CI.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from stackproof.backends.servers.capabilities import capabilities_of

LIVE = ("localstack", "ministack", "moto-server")


@pytest.fixture(
    params=[
        "embedded",
        *(pytest.param(kind, marks=[pytest.mark.live, pytest.mark.needs(kind)]) for kind in LIVE),
    ]
)
def stack_backend(request: pytest.FixtureRequest) -> str:
    """One backend after the other."""
    return str(request.param)


@pytest.fixture(autouse=True)
def _capability(request: pytest.FixtureRequest) -> None:
    """What the backend is said to lack is not tried, unless that is asked for."""
    matrix = request.config.pluginmanager.get_plugin("live-matrix")
    names = matrix.capabilities(request.node)
    if not names:
        pytest.fail("say what this test proves: @pytest.mark.capability(…)", pytrace=False)
    if matrix.backend(request.node) and not request.config.getoption("--try-lacks"):
        capabilities_of(matrix.backend(request.node)).require(*names)


def _judged(item: pytest.Item, report: pytest.TestReport) -> None:
    matrix: Any = item.config.pluginmanager.get_plugin("live-matrix")
    kind = matrix.backend(item)
    known = capabilities_of(kind)
    lacks = [name for name in matrix.capabilities(item) if name not in known]
    own = {"absent", *(f"lacks {name}" for name in lacks)}
    if (
        lacks
        and item.config.getoption("--try-lacks")
        and not report.passed
        and matrix.state(report) not in own
    ):
        said = f"{kind} has no {lacks[0]}; tried: {str(report.longrepr).splitlines()[-1]}"
        report.outcome, report.longrepr = "skipped", (str(item.path), 0, said)
    elif report.skipped and matrix.state(report) not in own:
        report.outcome, report.longrepr = "failed", f"skipped for none of {lacks}: {report.longrepr}"
    elif report.passed and report.when == "call" and lacks:
        report.outcome = "failed"
        report.longrepr = f"passed, and capabilities.toml says that {kind} has no {', '.join(lacks)}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if item.path.parent == Path(__file__).parent:
        _judged(item, report)
    return report


@pytest.fixture
def bodies(aws: Any) -> Callable[[str], list[str]]:
    """Receives everything that is in a queue, and deletes it; answers the bodies."""

    def received(url: str) -> list[str]:
        found: list[str] = []
        # Without the long polls of the queue's own setting, which would pass in real time.
        asked = {"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0}
        while messages := aws.sqs.receive_message(**asked).get("Messages"):
            for message in messages:
                found.append(message["Body"])
                aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    return received

"""Every test here runs on each backend, and ``capabilities.toml`` says which are skipped where, and why.

A test that is skipped without being named there fails, and so does one that is named and passes: what the
file promises has really run. A server that is not installed is a missing part of the machine
(``tests/parts.py``): skipped on a desk, a failure in CI.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import pytest

LIVE = ("localstack", "ministack", "moto-server")
_MATRIX = tomllib.loads(Path(__file__).with_name("capabilities.toml").read_text())


@pytest.fixture(
    params=[
        "embedded",
        *(pytest.param(kind, marks=[pytest.mark.live, pytest.mark.needs(kind)]) for kind in LIVE),
    ]
)
def stack_backend(request: pytest.FixtureRequest) -> str:
    """One backend after the other."""
    return str(request.param)


@pytest.fixture(scope="session")
def matrix() -> Mapping[str, Mapping[str, str]]:
    """Backend to test to the capability that it lacks for it."""
    return _MATRIX


def _expected(item: pytest.Item) -> str:
    params: Mapping[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    name = getattr(item, "originalname", "")
    return str(_MATRIX.get(params.get("stack_backend", ""), {}).get(name, ""))


def _verdict(item: pytest.Item, report: pytest.TestReport) -> str:
    """Why a report is not what the matrix promises; "" when it is."""
    expected = _expected(item)
    if report.skipped:
        reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if "is missing; to add it" in reason or (expected and f"'{expected}'" in reason):
            return ""
        return f"skipped, and capabilities.toml does not say so: {reason}"
    if report.passed and report.when == "call" and expected:
        return f"passed, and capabilities.toml says that it cannot for want of '{expected}'"
    return ""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if item.path.parent == Path(__file__).parent:
        wrong = _verdict(item, report)
        if wrong:
            report.outcome, report.longrepr = "failed", wrong
    return report


@pytest.fixture
def bodies(aws: Any) -> Callable[[str], list[str]]:
    """Receives everything that is in a queue, and deletes it; answers the bodies."""

    def received(url: str) -> list[str]:
        found: list[str] = []
        while messages := aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(message["Body"])
                aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    return received

"""Which endpoint is meant, and which is refused."""

from __future__ import annotations

import pytest

from stackproof.backends.endpoint import REMOTE_ALLOWED, endpoint_of, refused_unless_local
from stackproof.backends.select import Backends
from stackproof.errors import UsageError


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, ""),
        ({"AWS_ENDPOINT_URL": "http://localhost:4567"}, "http://localhost:4567"),
        ({"LOCALSTACK_HOST": "localhost"}, "http://localhost:4566"),
        ({"LOCALSTACK_HOST": "localhost:4577"}, "http://localhost:4577"),
        ({"EDGE_PORT": "4599"}, "http://localhost:4599"),
        ({"LOCALSTACK_HOST": "127.0.0.1", "EDGE_PORT": "4599"}, "http://127.0.0.1:4599"),
        ({"AWS_ENDPOINT_URL": "http://localhost:1", "LOCALSTACK_HOST": "other:2"}, "http://localhost:1"),
    ],
)
def test_the_environment_names_an_endpoint(
    environ: dict[str, str], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ENDPOINT_URL", "LOCALSTACK_HOST", "EDGE_PORT", "USE_SSL"):
        monkeypatch.delenv(name, raising=False)
    assert endpoint_of(environ) == url


@pytest.mark.parametrize(
    "url", ["http://localhost:1", "http://127.0.0.3:1", "http://[::1]:1", "http://s3.localhost:1"]
)
def test_loopback_is_taken(url: str) -> None:
    assert refused_unless_local(url) == ""


@pytest.mark.parametrize("url", ["http://10.0.0.1:4566", "https://emulator.example.org", "http://0.0.0.0:1"])
def test_another_machine_is_refused_unless_allowed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REMOTE_ALLOWED, raising=False)
    with pytest.raises(UsageError, match="not on this machine"):
        refused_unless_local(url)
    assert refused_unless_local(url, allow_remote=True)
    monkeypatch.setenv(REMOTE_ALLOWED, "1")
    assert refused_unless_local(url)


@pytest.mark.parametrize("url", ["https://sqs.eu-west-1.amazonaws.com", "https://s3.eu-west-1.api.aws"])
def test_aws_is_never_an_endpoint(url: str) -> None:
    with pytest.raises(UsageError, match="AWS itself"):
        refused_unless_local(url, allow_remote=True)


@pytest.mark.parametrize("url", ["localhost:4566", "ftp://localhost", "http://"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="is no endpoint"):
        refused_unless_local(url)


def test_an_endpoint_that_nothing_names_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "LOCALSTACK_HOST", "EDGE_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="set AWS_ENDPOINT_URL"), Backends("endpoint") as backends:
        backends.backend()


def test_an_unknown_backend_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="one of embedded, localstack"):
        Backends("docker")

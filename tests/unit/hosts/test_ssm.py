"""The aws-ssm backend: what a command gives, and everything that is not the command's own doing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from stackproof.errors import BackendError, UsageError
from stackproof.hosts import reach
from stackproof.hosts.ssm import SsmBackend

Make = Callable[..., SsmBackend]


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": f"{code}!"}}, "Operation")


def test_output_error_and_code_are_the_command_s(backend: Make) -> None:
    done = backend().run("printf out; printf err >&2; exit 3")
    assert (done.rc, done.stdout, done.stderr) == (3, "out", "err")


def test_arguments_are_quoted(backend: Make) -> None:
    assert backend().run("printf %%s %s", "a b; $HOME 'c'").stdout == "a b; $HOME 'c'"


def test_sudo_is_asked_for_like_with_other_backends(backend: Make, service: Any) -> None:
    backend(sudo=True).run("true")
    assert service.sent[0]["Parameters"]["commands"] == ["sudo /bin/sh -c true"]


def test_the_region_stands_before_the_instance(backend: Make) -> None:
    one = backend("eu-central-1@i-0123")
    assert (one.region, one.hostname, one.get_pytest_id()) == ("eu-central-1", "i-0123", "aws-ssm://i-0123")


def test_a_url_without_instance_is_refused(backend: Make) -> None:
    with pytest.raises(UsageError, match="names no instance"):
        backend("")


def test_an_invocation_that_does_not_exist_yet_is_asked_for_again(backend: Make, service: Any) -> None:
    service.moments["get"] = [refused("InvocationDoesNotExist"), "Pending", "InProgress", "Delayed"]
    assert backend().run("echo here").stdout == "here\n"


def test_an_invocation_that_never_exists_is_an_error(backend: Make, service: Any) -> None:
    service.moments["get"] = [refused("InvocationDoesNotExist")] * 100
    with pytest.raises(BackendError, match="InvocationDoesNotExist"):
        backend().run("true")


@pytest.mark.parametrize("call", ["send", "get"])
def test_throttling_is_waited_out(backend: Make, service: Any, call: str) -> None:
    service.moments[call] = [refused("ThrottlingException")] * 4
    assert backend().run("echo here").stdout == "here\n"
    assert service.waited > 0


def test_throttling_without_end_is_an_error(backend: Make, service: Any) -> None:
    service.moments["send"] = [refused("ThrottlingException")] * 100
    with pytest.raises(BackendError, match="ThrottlingException"):
        backend().run("true")


def test_an_instance_that_is_not_registered_is_an_error_with_advice(backend: Make, service: Any) -> None:
    service.moments["send"] = [refused("InvalidInstanceId")]
    with pytest.raises(BackendError, match="agent is not registered"):
        backend().run("true")


@pytest.mark.parametrize(
    ("status", "detail"),
    [("TimedOut", "DeliveryTimedOut"), ("TimedOut", "ExecutionTimedOut"), ("Cancelled", "Cancelled")],
)
def test_a_command_without_exit_code_is_no_result(
    backend: Make, service: Any, status: str, detail: str
) -> None:
    service.moments["get"] = [{"Status": status, "StatusDetails": detail, "ResponseCode": -1}]
    with pytest.raises(BackendError, match=detail):
        backend().run("true")


def test_response_code_minus_one_of_a_failure_is_no_result(backend: Make, service: Any) -> None:
    service.moments["get"] = [{"Status": "Failed", "ResponseCode": -1, "StandardErrorContent": "no agent"}]
    with pytest.raises(BackendError, match="no agent"):
        backend().run("true")


def test_a_command_that_does_not_end_is_cancelled(backend: Make, service: Any) -> None:
    service.moments["get"] = ["InProgress"] * 1000
    with pytest.raises(BackendError, match="did not end"):
        backend(timeout=1).run("true")
    assert service.cancelled == ["00000000-0000-0000-0000-000000000001"]


def test_the_time_limit_reaches_the_instance(backend: Make, service: Any) -> None:
    backend(timeout=90).run("true")
    assert service.sent[0]["Parameters"]["executionTimeout"] == ["90"]


@pytest.mark.parametrize(("stream", "length"), [("1", 24_000), ("2", 8_000), ("1", 100_000)])
def test_what_may_be_cut_is_fetched_whole(backend: Make, stream: str, length: int) -> None:
    done = backend(output_bucket="logs", output_prefix="inspect").run(
        f"head -c {length} /dev/zero | tr '\\0' x >&{stream}"
    )
    assert len(done.stdout if stream == "1" else done.stderr) == length


def test_an_upload_that_comes_late_is_waited_for(backend: Make, service: Any) -> None:
    service.moments["s3"] = [refused("NoSuchKey")] * 3
    done = backend(output_bucket="logs").run("head -c 30000 /dev/zero | tr '\\0' x")
    assert len(done.stdout) == 30_000


@pytest.mark.parametrize(("stream", "length"), [("1", 24_000), ("2", 8_000)])
def test_without_a_bucket_what_may_be_cut_is_an_error(backend: Make, stream: str, length: int) -> None:
    with pytest.raises(BackendError, match="output_bucket"):
        backend().run(f"head -c {length} /dev/zero | tr '\\0' x >&{stream}")


def test_output_just_below_the_limit_needs_no_bucket(backend: Make) -> None:
    assert len(backend().run("head -c 23999 /dev/zero | tr '\\0' x").stdout) == 23_999


def test_braces_that_the_service_would_replace_are_packed(backend: Make, service: Any) -> None:
    done = backend().run("echo '{{ssm:secret}}'; exit 4")
    assert (done.stdout, done.rc) == ("{{ssm:secret}}\n", 4)
    assert "{{" not in service.sent[0]["Parameters"]["commands"][0]


def test_testinfra_finds_the_backend_by_its_url() -> None:
    import testinfra

    reach.register()
    host = testinfra.get_host("aws-ssm://eu-west-1@i-0123456789abcdef0")
    assert isinstance(host.backend, SsmBackend)
    assert host.backend.region == "eu-west-1"


def test_testinfra_s_modules_work_over_it(backend: Make) -> None:
    from testinfra.host import Host

    one = backend()
    host = Host(one)
    one.set_host(host)
    assert host.file("/etc/passwd").contains("root")
    assert host.user("root").uid == 0

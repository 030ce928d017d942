"""The life of a server: shared, on loopback only, and gone when its last user is, however that ended."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stackproof.backends.servers import LocalStackServer, MinistackServer, MotoServer, Server
from stackproof.errors import BackendError

pytestmark = [pytest.mark.live, pytest.mark.needs("ministack"), pytest.mark.capability("servers")]
_USER = """
import sys, time
from stackproof.backends.servers import MinistackServer
server = MinistackServer(sys.argv[1]).start()
print(server.url, flush=True)
time.sleep(600)
"""


def _answers(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) == 0


def _eventually(condition: Callable[[], bool], seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def _listening() -> set[tuple[str, int]]:
    """(address in hexadecimal, port) of every listening TCP socket, IPv4 and IPv6."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            if state == "0A":
                address, _, port = local.partition(":")
                found.add((address, int(port, 16)))
    return found


LOOPBACK = {"0100007F", "00000000000000000000000001000000"}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.needs(kind.name), id=kind.name)
        for kind in (LocalStackServer, MinistackServer, MotoServer)
    ],
)
def test_a_server_binds_loopback_only_and_leaves_nothing(kind: type[Server]) -> None:
    before = {port for _, port in _listening()}
    with kind() as server:
        port = int(server.url.rpartition(":")[2])
        new = {(address, found) for address, found in _listening() if found not in before}
        mine = {address for address, found in new if found == port}
    assert mine
    assert mine <= LOOPBACK
    assert not server.folder.exists()
    assert not _answers(server.url)


def test_who_names_the_same_share_gets_the_same_server() -> None:
    with MinistackServer("same") as one, MinistackServer("same") as other:
        assert one.url == other.url
        assert one.users() == 2
        with pytest.raises(BackendError, match="shared by 2 users"):
            one.reset()
        one.stop()
        assert _answers(other.url)
    assert not _answers(other.url)


@pytest.mark.needs("moto-server")
def test_asking_whether_a_server_is_ready_costs_the_same_when_it_is_full() -> None:
    with MotoServer() as server:
        _, before = server.request("GET", server.ready_path)
        scope = "Credential=test/20261121/us-east-1/iam/aws4_request"
        connection = http.client.HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]), timeout=60)
        body = "Action=ListPolicies&Version=2010-05-08&Scope=AWS"
        headers = {
            "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        connection.request("POST", "/", body, headers)
        held = connection.getresponse().read()
        connection.close()
        status, after = server.request("GET", server.ready_path)
    assert b"arn:aws:iam::aws:policy" in held
    assert status == 200
    assert len(after) == len(before)


def test_a_server_ends_when_its_user_is_killed() -> None:
    command = [sys.executable, "-c", _USER, "killed"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as user:
        assert user.stdout is not None
        url = user.stdout.readline().strip()
        assert _answers(url)
        user.send_signal(signal.SIGKILL)
    assert _eventually(lambda: not _answers(url))
    assert _eventually(lambda: not MinistackServer("killed").folder.exists())


def test_a_reset_forgets_everything() -> None:
    with MinistackServer() as server:
        status, _ = server.request("POST", "/?Action=CreateQueue&QueueName=q")
        assert status == 200
        server.reset()
        _, body = server.request("POST", "/?Action=ListQueues")
        assert b"/q<" not in body


class _Broken(MinistackServer):
    def variables(self, port: int) -> dict[str, str]:
        return {"GATEWAY_PORT": "no-port"}


def test_a_server_that_does_not_start_shows_its_log() -> None:
    server = _Broken()
    with pytest.raises(BackendError, match=r"ended with code 1(.|\n)*no-port"):
        server.start()
    assert _eventually(lambda: not server.folder.exists())


def test_the_plan_of_a_server_has_no_credentials_of_its_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do-not-hand-on")
    with MinistackServer() as server:
        plan = json.loads((server.folder / "plan.json").read_text())
    assert "do-not-hand-on" not in json.dumps(plan)

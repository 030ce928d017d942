"""Child processes of a handler: the variables of its function, nothing of the test run's, no way out."""

from __future__ import annotations

import subprocess
import time

import pytest

HANDLER = "import subprocess, sys, os\ndef handler(event, context):\n    return {}\n"


def test_a_child_has_the_variables_of_its_function(lab, monkeypatch):
    monkeypatch.setenv("TOKEN_OF_CI", "secret")
    lab.function(
        "f",
        HANDLER.format("subprocess.check_output('env', shell=True, text=True).splitlines()"),
        Environment={"Variables": {"TABLE": "orders"}},
    )
    seen = lab.invoke("f").value
    assert {"TABLE=orders", "AWS_LAMBDA_FUNCTION_NAME=f"} <= set(seen)
    assert "TOKEN_OF_CI=secret" not in seen


def test_a_child_has_what_it_is_given_besides(lab):
    call = "subprocess.check_output('env', env={'ONLY': 'this'}, shell=True, text=True).splitlines()"
    lab.function("f", HANDLER.format(call), Environment={"Variables": {"TABLE": "orders"}})
    seen = lab.invoke("f").value
    assert "ONLY=this" in seen
    assert not [line for line in seen if line.startswith("TABLE")]


def test_what_a_child_asks_of_the_world_is_refused(lab):
    code = "import urllib.request; urllib.request.urlopen('http://192.0.2.1/', timeout=60)"
    call = f"subprocess.run([sys.executable, '-c', {code!r}], capture_output=True, text=True).stderr"
    lab.function("f", HANDLER.format(call))
    assert "Connection reset" in lab.invoke("f").value
    assert lab.backend.wanted() == ["a child process wanted a connection to http://192.0.2.1/"]


SLEEPS = "import subprocess\ndef handler(event, context):\n    {}(['sh', '-c', 'sleep {}; true'])\n"


def ends(words, seconds=30.0):
    """Whether no process has these words any more, within real seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if words not in subprocess.check_output(["ps", "-eo", "args"], text=True):
            return True
        time.sleep(0.05)
    return False


def test_a_child_that_is_waited_for_too_long_is_ended(lab):
    lab.world.scheduler.real_limit = 0.3
    lab.function("f", SLEEPS.format("subprocess.run", 987.25), Timeout=5)
    assert lab.invoke("f").value["errorMessage"].endswith("Task timed out after 5.00 seconds")
    assert ends("sleep 987.25")


def test_a_child_that_is_left_behind_ends_with_its_world(make_lab):
    lab = make_lab()
    lab.function("f", SLEEPS.format("subprocess.Popen", 987.5))
    lab.invoke("f")
    assert not ends("sleep 987.5", seconds=0.2)
    lab.backend.close()
    assert ends("sleep 987.5")


@pytest.mark.parametrize(
    "call", ["s.sendto(b'x', ('192.0.2.1', 53))", "s.sendmsg([b'x'], [], 0, ('192.0.2.1', 53))"]
)
def test_a_datagram_to_the_world_is_refused(lab, call):
    code = "import socket\ndef handler(event, context):\n    s = socket.socket(type=socket.SOCK_DGRAM)\n"
    lab.function("f", f"{code}    return {call}\n")
    answer = lab.invoke("f")
    assert answer.value["errorType"] == "ConnectionRefused"
    assert "192.0.2.1" in answer.value["errorMessage"]


def test_datagrams_on_loopback_arrive(lab):
    lab.function(
        "f",
        "import socket\ndef handler(event, context):\n"
        "    a, b = (socket.socket(type=socket.SOCK_DGRAM) for _ in 'ab')\n"
        "    a.bind(('127.0.0.1', 0))\n    b.sendto(b'x', 0, a.getsockname())\n"
        "    b.sendmsg([b'y'], [], 0, a.getsockname())\n    return (a.recv(9) + a.recv(9)).decode()\n",
    )
    assert lab.invoke("f").value == "xy"

"""Handlers that loop, end their process or wait, in a run of pytest of its own: what a test author sees."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stackproof.backends.compat import seccomp

HANDLERS = """
import os, subprocess, time

def spin(event, context):
    while True:
        pass

def poll(event, context):
    while True:
        time.time()

def leave(event, context):
    try:
        os._exit(1)
    finally:
        print("unwound")

def sleep(event, context):
    time.sleep(5000)

def stop(event, context):
    found = 41
    breakpoint()
    print("to", "the log")
    return found + 1

def call_out(event, context):
    subprocess.run(["bash", "-c", "exec 3<>/dev/tcp/192.0.2.1/443"], capture_output=True)
    return "swallowed"
"""
TESTS = """
import json
import pytest

def template(name, **properties):
    return {"Resources": {
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}},
        "F": {"Type": "AWS::Lambda::Function", "Properties": {
            "Runtime": "python3.12", "Handler": f"app.{name}", "Code": "fn", "Timeout": 5,
            "Role": {"Fn::GetAtt": ["Role", "Arn"]}}}}}

def call(stack, aws, name):
    made = stack(template(name))
    return json.loads(aws("lambda").invoke(FunctionName=made.function("F"))["Payload"].read())

@pytest.mark.parametrize("name", ["spin", "poll", "sleep"])
def test_times_out(stack, aws, fabric, name):
    assert call(stack, aws, name)["errorMessage"].endswith("Task timed out after 5.00 seconds")
    assert ("task.RealTimeLimit" in fabric.timeline()) == (name == "spin")

def test_exits(stack, aws):
    answer = call(stack, aws, "leave")
    assert answer["errorType"] == "Runtime.ExitError"
    assert answer["errorMessage"].endswith("Error: Runtime exited with error: exit status 1")

def test_asynchronous_sleep(stack, aws, fabric):
    made = stack(template("sleep"))
    aws("lambda").invoke(FunctionName=made.function("F"), InvocationType="Event")
    assert 195 <= fabric.run_until_idle().seconds < 200

def test_stops(stack, aws, capfd):
    assert call(stack, aws, "stop") == 42

def test_calls_out(stack, aws):
    assert call(stack, aws, "call_out") == "swallowed"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "fn").mkdir()
    (tmp_path / "fn" / "app.py").write_text(HANDLERS)
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nfabric_real_limit = 0.5\n")
    return tmp_path


def _run(project: Path, *args: str, typed: str = "") -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *args]
    done = subprocess.run(
        command, cwd=project, input=typed, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=120, check=False,
    )  # fmt: skip
    return done.stdout


def test_handlers_that_never_come_back_end(project) -> None:
    output = _run(project, "-k", "not stops and not calls_out")
    assert "5 passed" in output, output


@pytest.mark.skipif(bool(seccomp.lacking()), reason=f"sockets are not held: {seccomp.lacking()}")
def test_what_a_child_wanted_fails_the_test_by_name(project) -> None:
    output = _run(project, "-k", "calls_out")
    assert "1 passed" in output, output
    assert "1 error" in output, output
    assert "/dev/tcp/192.0.2.1/443' wanted a connection to 192.0.2.1:443: refused" in output


@pytest.mark.parametrize("capture", ["-s", "--capture=fd"])
def test_the_debugger_talks_to_the_terminal(project, capture) -> None:
    output = _run(project, capture, "-k", "stops", typed="p ('found', found)\nc\n")
    assert "app.py(24)stop()" in output or "app.py(25)stop()" in output, output
    assert "('found', 41)" in output
    assert "to the log" not in output
    assert "1 passed" in output

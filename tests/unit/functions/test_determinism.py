"""What a handler sees of the process and its machine is the same in every process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

SEEN = """
import os, random, socket, time
def handler(event, context):
    descriptor = os.open("/dev/urandom", os.O_RDONLY)
    drawn = os.read(descriptor, 4).hex()
    os.close(descriptor)
    with open("/dev/urandom", "rb") as device, open("/dev/random", "rb", buffering=0) as raw:
        drawn += device.read(4).hex() + raw.read(4).hex()
    clocks = [time.process_time(), time.thread_time(), time.process_time_ns(), time.thread_time_ns()]
    clocks += [*os.times()]
    clocks += [time.clock_gettime(time.CLOCK_MONOTONIC), time.clock_gettime_ns(time.CLOCK_PROCESS_CPUTIME_ID)]
    clocks += [time.clock_gettime(time.CLOCK_REALTIME)]
    zone = [os.environ["TZ"], time.localtime().tm_hour, list(time.tzname)]
    return [os.getpid(), os.getppid(), os.getrandom(4).hex(), drawn, clocks, zone, socket.gethostname()]
"""
PROGRAM = f"""
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import conftest
from stackproof.backends.embedded import EmbeddedBackend
with EmbeddedBackend(seed=5) as backend:
    lab = conftest.Lab(backend, Path(sys.argv[2]))
    lab.function("f", {SEEN!r})
    key = [{{"AttributeName": "k", "KeyType": "HASH"}}]
    kinds = [{{"AttributeName": "k", "AttributeType": "S"}}]
    backend.client("dynamodb").create_table(
        TableName="t", KeySchema=key, AttributeDefinitions=kinds, BillingMode="PAY_PER_REQUEST"
    )
    lab.connect(lab.queue("q"), "f")
    lab.send(lab.queue("q"), "m")
    lab.invoke("f")
    lab.run()
    sys.stdout.write(lab.world.journal.timeline())
"""


@pytest.fixture
def journal(tmp_path):
    """The journal of one scenario in a new process with these environment variables."""

    def run(**variables: str) -> str:
        command = [sys.executable, "-c", PROGRAM, str(Path(__file__).parent), str(tmp_path)]
        environment = {**os.environ, "STACKPROOF_CACHE": str(tmp_path / "cache"), **variables}
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout

    return run


def test_neither_hash_seed_nor_time_zone_reach_the_journal(journal):
    first = journal(PYTHONHASHSEED="1", TZ="UTC")
    assert "CreationDateTime" in first
    assert journal(PYTHONHASHSEED="2", TZ="Asia/Tokyo") == first


def test_a_handler_sees_a_small_process_id_and_no_processor_time(lab):
    lab.function("f", SEEN)
    pid, parent, _, _, clocks, zone, host = lab.invoke("f").value
    assert (pid, parent, zone[0], zone[1]) == (9, 1, ":UTC", 0)
    assert clocks[:4] == [0, 0, 0, 0]
    assert host.startswith("169.254.")
    assert os.getpid() != pid


def test_the_time_zone_of_the_test_comes_back(lab, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        lab.function("f", SEEN)
        assert lab.invoke("f").value[5][1] == 0
        assert time.tzname[0] == "JST"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_signal_to_itself_ends_the_function_and_not_the_tests(lab):
    lab.function("f", "import os, signal\ndef handler(e, c): os.kill(os.getpid(), signal.SIGKILL)")
    assert "signal: killed" in str(lab.invoke("f").value)

"""Plain code that polls runs as a process of the world."""

from __future__ import annotations

import textwrap

import boto3
import pytest

from stackproof.errors import UsageError
from stackproof.fabric import processes

WORKER = """
    import os, signal, time
    import boto3
    import helper

    seen = []

    def main():
        sqs = boto3.client("sqs")
        url = os.environ["URL"]
        stopped = []
        signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
        while not stopped:
            for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20).get("Messages", []):
                seen.append(message["Body"])
                print(helper.shown(seen), flush=True)
                time.sleep(float(os.environ.get("PAUSE", "0")))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        print("bye")

    def nap():
        time.sleep(5)
        print(time.time())
    """
ROLE = "arn:aws:iam::444455556666:role/team/worker"


@pytest.fixture
def code(tmp_path):
    folder = tmp_path / "worker"
    folder.mkdir()
    (folder / "poll_queue.py").write_text(textwrap.dedent(WORKER))
    (folder / "helper.py").write_text("def shown(seen):\n    return ' '.join(seen)\n")
    return folder / "poll_queue.py"


@pytest.fixture
def url(backend):
    return backend.client("sqs", account="444455556666").create_queue(QueueName="q")["QueueUrl"]


@pytest.fixture
def worker(world, code, url):
    def start(**environment):
        return processes.start(world, code, role=ROLE, environment={"URL": url, **environment})

    return start


def send(backend, url, *bodies):
    for body in bodies:
        backend.client("sqs", account="444455556666").send_message(QueueUrl=url, MessageBody=body)


def test_a_process_has_its_modules_its_variables_and_the_identity_of_its_role(backend, world, worker, url):
    callers = []
    world.guards.append(lambda service, operation, params, caller: callers.append(caller))
    process = worker()
    world.run_until_idle()
    send(backend, url, "a", "b")
    world.run_until_idle()
    assert "".join(process.lines).split("\n")[:2] == ["a", "a b"]
    mine = {caller.arn for caller in callers if caller.actor == "poll-queue"}
    assert mine == {"arn:aws:sts::444455556666:assumed-role/worker/poll-queue"}
    assert world.journal.entries(verb="process.Start", actor="poll-queue")


def test_a_process_sleeps_on_the_virtual_clock_and_runs_what_is_named(world, code):
    process = processes.start(world, code, run="nap", name="napper")
    world.advance(5)
    assert float("".join(process.lines)) == world.clock.now
    assert not process.running


def test_sigterm_runs_the_handler_and_kill_does_not(backend, world, worker, url):
    polite, killed = worker(), worker()
    world.advance(1)
    polite.terminate()
    killed.kill()
    world.advance(30)
    assert not polite.running
    assert not killed.running
    assert ("bye" in "".join(polite.lines), "bye" in "".join(killed.lines)) == (True, False)


def test_a_function_of_the_test_calls_as_a_role_too(world):
    found = []
    process = processes.start(
        world, lambda: found.append(boto3.client("sqs").list_queues()), role=ROLE, name="mine"
    )
    world.run_until_idle()
    assert (process.running, len(found)) == (False, 1)
    assert world.journal.entries(verb="sqs.ListQueues", actor="mine")


def test_a_snapshot_with_a_resting_process_starts_it_anew_when_restored(backend, world, worker, url):
    process = worker()
    world.run_until_idle()
    send(backend, url, "before")
    world.run_until_idle()
    state = world.snapshot()
    assert process.running
    journals = []
    for _ in range(2):
        world.restore(state)
        send(backend, url, "after")
        world.run_until_idle()
        assert process.running
        # What it kept in memory is gone, as after a restart.
        assert "".join(process.lines).split("\n")[0] == "after"
        journals.append(world.journal.timeline())
    assert journals[0] == journals[1]
    assert len(world.journal.entries(verb="process.Start")) == 2


def test_a_process_goes_on_after_a_snapshot_of_it_was_taken(backend, world, worker, url):
    process = worker()
    send(backend, url, "a")
    world.run_until_idle()
    world.snapshot()
    send(backend, url, "b")
    world.run_until_idle()
    assert "".join(process.lines).strip().split("\n") == ["a", "a b"]


def test_no_snapshot_while_a_process_holds_messages(backend, world, worker, url):
    worker(PAUSE="10")
    send(backend, url, "a")
    world.advance(1)
    with pytest.raises(UsageError, match=r"poll-queue \(at sleep 10\)"):
        world.snapshot()
    world.advance(10)
    world.snapshot()


def test_a_process_that_ended_stays_ended(world, worker):
    process = worker()
    world.advance(1)
    process.kill()
    world.advance(1)
    state = world.snapshot()
    world.restore(state)
    world.advance(60)
    assert not process.running


def test_what_cannot_run_is_said(world, code):
    with pytest.raises(UsageError, match="no file"):
        processes.start(world, code.with_name("other.py"))
    with pytest.raises(UsageError, match="no ARN of a role"):
        processes.start(world, code, role="arn:aws:iam::444455556666:user/x")
    with pytest.raises(UsageError, match="takes no environment"):
        processes.start(world, lambda: None, environment={"A": "b"})
    processes.start(world, code, run="nothing")
    with pytest.raises(UsageError, match=r"poll_queue\.py has no function 'nothing'"):
        world.run_until_idle()


def test_a_process_that_is_about_to_wake_does_not_hinder_a_snapshot(backend, world, worker, url):
    process = worker()
    world.run_until_idle()
    send(backend, url, "a")
    state = world.snapshot()
    for _ in range(2):
        world.restore(state)
        world.run_until_idle()
        assert "".join(process.lines).strip() == "a"

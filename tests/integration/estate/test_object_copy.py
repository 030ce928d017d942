"""object-copy: three ways to the same destination, a second run that copies nothing, the time of each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stackproof.fabric.service import ServiceError
from stackproof.fabric.tasks import current

A_DAY = 250
FIRST_BACKUP = 1500
FOLDER = "templates/object-copy/functions/object_copy"
COPY_SECONDS = 105 * 60 / A_DAY
"""What one copy took in the post."""


class System:
    """The stack, and its three ways to copy."""

    def __init__(self, made: Any, aws: Any, fabric: Any, look: Any) -> None:
        self.made, self.fabric, self.look = made, fabric, look
        self.s3, self.functions = aws("s3"), aws("lambda")
        self.source, self.destination = made.bucket("Source"), made.bucket("Destination")
        aws("events").disable_rule(Name=made["PublisherDaily"].physical_id)

    def fill(self, count: int) -> dict[str, bytes]:
        wanted = {f"day/{number:04d}.bin": f"object {number}".encode() for number in range(count)}
        for key, body in wanted.items():
            self.s3.put_object(Bucket=self.source, Key=key, Body=body)
        return wanted

    def work(self, way: str, **environment: str) -> None:
        """Let a process copy until it ends."""
        names = {"SOURCE_BUCKET": self.source, "DESTINATION_BUCKET": self.destination, **environment}
        process = self.fabric.process(f"{FOLDER}/worker.py", run=way, environment=names, name=way)
        self.fabric.world.scheduler.join(process.task)
        if process.task.error is not None:
            raise process.task.error

    def run(self, way: str) -> float:
        """Copy, and answer the seconds that it took."""
        begun = self.fabric.world.clock.elapsed
        if way == "functions":
            self.functions.invoke(FunctionName=self.made.function("Publisher"), InvocationType="Event")
            self.fabric.run_until_idle()
            return self._last_copy() - begun
        self.work(way)
        return float(self.fabric.world.clock.elapsed - begun)

    def _last_copy(self) -> float:
        start = self.fabric.world.clock.start_ms
        copies = [entry.ms for entry in self.fabric.journal.entries(verb="s3.CopyObject")]
        return max([(ms - start) / 1000 for ms in copies], default=0)

    def copied(self) -> dict[str, bytes]:
        return dict(self.look.objects(self.destination))

    def sizes(self) -> dict[str, int]:
        """The objects of the destination by size, which costs less than to read them."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.destination)
        return {one["Key"]: one["Size"] for page in pages for one in page.get("Contents", [])}

    def empty(self) -> None:
        gone = {"Objects": [{"Key": key} for key in self.sizes()]}
        self.s3.delete_objects(Bucket=self.destination, Delete=gone)

    def copies(self) -> int:
        return len(self.fabric.journal.entries(verb="s3.CopyObject"))

    def aside(self) -> list[Any]:
        return list(self.look.take(self.made.queue("FailedCopies")))


def sizes(wanted: dict[str, bytes]) -> dict[str, int]:
    return {key: len(body) for key, body in wanted.items()}


WAYS = ["one_by_one", "by_threads", "functions"]


@pytest.fixture
def system(stack: Any, aws: Any, fabric: Any, look: Any) -> System:
    return System(stack("templates/object-copy", config="test"), aws, fabric, look)


@pytest.fixture
def slow(fabric: Any) -> None:
    """Every copy takes the time of the post."""

    def wait(service: str, operation: str, params: Any, caller: Any) -> None:
        task = current()
        if task is not None and operation == "CopyObject":
            fabric.world.scheduler.sleep(task, COPY_SECONDS)

    fabric.world.guards.append(wait)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_ends_with_the_same_destination_and_a_second_run_copies_nothing(
    way: str, system: System
) -> None:
    wanted = system.fill(20)
    system.run(way)
    assert system.copied() == wanted
    assert system.copies() == 20
    for again in WAYS:
        system.run(again)
    assert system.copies() == 20
    assert system.aside() == []


def test_a_changed_and_a_new_object_are_copied_and_nothing_else(system: System) -> None:
    wanted = system.fill(20)
    system.run("functions")
    system.fabric.advance(1)
    for key, body in (("day/0003.bin", b"changed!"), ("day/new.bin", b"new")):
        system.s3.put_object(Bucket=system.source, Key=key, Body=body)
        wanted[key] = body
    system.run("functions")
    assert system.copied() == wanted
    assert system.copies() == 22


def test_a_day_by_threads_is_sixty_times_as_fast_as_one_by_one(system: System, slow: None) -> None:
    system.fill(A_DAY)
    assert system.run("one_by_one") == pytest.approx(105 * 60)
    system.empty()
    seconds = system.run("by_threads")
    assert seconds == pytest.approx(100, abs=5)
    assert 105 * 60 / seconds == pytest.approx(6300 / 100, rel=0.05)


def test_functions_are_throttled_at_a_hundred_and_slower_than_a_hundred_threads(
    system: System, slow: None
) -> None:
    wanted = system.fill(A_DAY)
    seconds = system.run("functions")
    assert system.sizes() == sizes(wanted)
    assert system.look.most_at_once(system.made.function("Copier")) == 100
    assert system.fabric.journal.entries(verb="lambda.Throttle")
    rounds = -(-A_DAY // 100) * COPY_SECONDS
    assert rounds < seconds <= 160
    assert system.copies() == A_DAY
    assert 105 * 60 / seconds >= 6300 / 160
    system.empty()
    begun = system.fabric.world.clock.elapsed
    system.work("by_threads", THREADS="100")
    assert system.sizes() == sizes(wanted)
    assert system.fabric.world.clock.elapsed - begun == pytest.approx(rounds)


@pytest.mark.fabric(journal="counts")
def test_the_first_backup_arrives_whole(system: System) -> None:
    wanted = system.fill(FIRST_BACKUP)
    system.functions.invoke(FunctionName=system.made.function("Publisher"), InvocationType="Event")
    system.fabric.run_until_idle()
    assert system.sizes() == sizes(wanted)
    assert system.aside() == []


def test_names_that_come_twice_copy_once(system: System, aws: Any) -> None:
    wanted = system.fill(5)
    for _ in range(2):
        system.functions.invoke(FunctionName=system.made.function("Publisher"), InvocationType="Event")
    system.fabric.run_until_idle()
    assert system.copied() == wanted
    assert system.copies() == 5


@pytest.mark.parametrize("point", ["before s3.CopyObject", "after s3.CopyObject", "after sns.PublishBatch"])
def test_whoever_dies_on_the_way_nothing_is_missing(point: str, system: System, faults: Any) -> None:
    wanted = system.fill(25)
    died = faults.crash(point, after=1, times=2)
    system.run("functions")
    assert died
    assert system.copied() == wanted
    assert system.aside() == []


def test_a_refused_batch_of_names_is_published_again(system: System, faults: Any) -> None:
    wanted = system.fill(25)
    refused = faults.refuse("sns.PublishBatch", "Throttled", lambda params: True)
    system.run("functions")
    assert refused
    assert system.copied() == wanted


def test_a_batch_of_names_that_is_taken_in_part_is_published_again(system: System, fabric: Any) -> None:
    service = fabric.world.service("sns")
    publish = service.operations["PublishBatch"]
    refused: list[Any] = []

    def in_part(params: Any, caller: Any) -> Any:
        first, *rest = params["PublishBatchRequestEntries"]
        if refused or not rest:
            return publish(params, caller)
        refused.append(first)
        answer = publish({**params, "PublishBatchRequestEntries": rest}, caller)
        return {**answer, "Failed": [{"Id": first["Id"], "Code": "InternalError", "SenderFault": False}]}

    service.operations = {**service.operations, "PublishBatch": in_part}
    wanted = system.fill(25)
    system.run("functions")
    assert refused
    assert system.copied() == wanted


def test_what_cannot_be_copied_is_set_aside_and_holds_nobody_up(system: System, fabric: Any) -> None:
    def refuse(service: str, operation: str, params: Any, caller: Any) -> None:
        if operation == "CopyObject" and params["Key"] == "day/0001.bin":
            raise ServiceError("AccessDenied", "refused by the test", status=403)

    wanted = system.fill(3)
    fabric.world.guards.append(refuse)
    system.run("functions")
    assert system.copied().keys() == wanted.keys() - {"day/0001.bin"}
    (aside,) = system.aside()
    message = json.loads(json.loads(aside["Body"])["Records"][0]["Sns"]["Message"])
    assert message["key"] == "day/0001.bin"


def test_an_object_that_is_gone_by_now_is_no_failure(system: System, fabric: Any) -> None:
    def vanish(service: str, operation: str, params: Any, caller: Any) -> None:
        if operation == "HeadObject" and params["Key"] == "day/0001.bin":
            gone.append(True)
            if len(gone) == 1:
                system.s3.delete_object(Bucket=system.source, Key="day/0001.bin")

    gone: list[bool] = []
    wanted = system.fill(3)
    fabric.world.guards.append(vanish)
    system.run("functions")
    assert gone
    assert system.copied().keys() == wanted.keys() - {"day/0001.bin"}
    assert system.aside() == []


def test_the_schedule_runs_it_every_day(stack: Any, aws: Any, fabric: Any, look: Any) -> None:
    made = stack("templates/object-copy", config="prod")
    aws("s3").put_object(Bucket=made.bucket("Source"), Key="a", Body=b"a")
    fabric.advance(25 * 3600)
    assert look.objects(made.bucket("Destination")) == {"a": b"a"}

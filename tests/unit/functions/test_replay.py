"""A point inside an invocation is reached by replaying its prefix."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stackproof.errors import UsageError
from stackproof.fabric.choice import Seeded
from stackproof.fabric.replay import Course, Point, choices, record, stand

COUNT = """
    import boto3
    table = boto3.client("dynamodb")
    def handler(event, context):
        key = {"k": {"S": "total"}}
        before = table.get_item(TableName="t", Key=key).get("Item", {"n": {"N": "0"}})
        total = int(before["n"]["N"]) + len(event["Records"])
        table.put_item(TableName="t", Item={**key, "n": {"N": str(total)}})
    """


@pytest.fixture
def counter(lab):
    """A queue, and a function that gets an item and puts it back with one more."""
    lab.backend.client("dynamodb").create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    lab.function("count", COUNT)
    url = lab.queue("q", VisibilityTimeout="30")
    lab.connect(url, "count", BatchSize=1)
    return url


def total(lab) -> int:
    item = lab.backend.client("dynamodb").get_item(TableName="t", Key={"k": {"S": "total"}}).get("Item")
    return int(item["n"]["N"]) if item else 0


def test_a_course_names_its_points_in_order(lab, counter):
    lab.send(counter, "a")
    course = record(lab.world)
    assert [(p.task, p.run, p.number, p.label) for p in course.points] == [
        ("count", 1, 1, "before dynamodb.GetItem"),
        ("count", 1, 2, "after dynamodb.GetItem"),
        ("count", 1, 3, "before dynamodb.PutItem"),
        ("count", 1, 4, "after dynamodb.PutItem"),
    ]
    assert total(lab) == 1


@pytest.mark.parametrize(("label", "kept"), [
    ("before dynamodb.GetItem", 0), ("before dynamodb.PutItem", 0), ("after dynamodb.PutItem", 1),
])  # fmt: skip
def test_killed_between_two_calls_only_what_was_done_stays(lab, counter, label, kept):
    lab.send(counter, "a")
    course = record(lab.world)
    here = stand(lab.world, course, course.at("count", label))
    assert here.task.point == label
    assert total(lab) == kept
    assert lab.count(counter) == (0, 1)
    here.kill()
    lab.world.advance(29)
    assert (total(lab), lab.count(counter)) == (kept, (0, 1))
    lab.world.advance(2)
    # Delivered again: at-least-once counts twice what was already put.
    assert (total(lab), lab.count(counter)) == (kept + 1, (0, 0))
    events = lab.events("count")
    assert [event["Records"][0]["attributes"]["ApproximateReceiveCount"] for event in events][-2:] == [
        "1",
        "2",
    ]


def test_going_on_gives_the_recorded_journal_byte_for_byte(lab, counter):
    lab.send(counter, "a", "b", "c")
    course = record(lab.world, chooser=Seeded(3))
    recorded = lab.world.journal.timeline()
    for point in course.points:
        stand(lab.world, course, point).go_on()
        assert lab.world.journal.timeline() == recorded


def test_other_choices_after_the_prefix_give_another_course(lab, counter):
    lab.send(counter, "a", "b")
    course = record(lab.world, chooser=Seeded(3))
    point = course.at("count", "after dynamodb.GetItem")
    seen = set()
    for seed in range(12):
        here = stand(lab.world, course, point)
        prefix = lab.world.journal.timeline()
        here.go_on(Seeded(seed))
        assert lab.world.journal.timeline().startswith(prefix)
        seen.add(total(lab))
    # Two handlers that both read 0 lose an update; one after the other they do not.
    assert seen == {1, 2}


def test_the_driver_of_a_test_is_left_where_it_waits(lab, counter):
    def drive():
        lab.invoke("count", {"Records": [1, 2]})

    course = record(lab.world, drive)
    here = stand(lab.world, course, Point("count", 3))
    assert here.task.point == "before dynamodb.PutItem"
    here.go_on()
    assert total(lab) == 2


def test_a_snapshot_is_refused_while_a_task_stands(lab, counter):
    lab.send(counter, "a")
    course = record(lab.world)
    stand(lab.world, course, course.points[1])
    with pytest.raises(Exception, match="count"):
        lab.world.snapshot()
    lab.world.restore(course.start)
    lab.world.snapshot()


def test_points_that_never_come_are_said(lab, counter):
    lab.send(counter, "a")
    course = record(lab.world)
    with pytest.raises(UsageError, match="never comes to point 9"):
        stand(lab.world, course, Point("count", 9))
    with pytest.raises(UsageError, match=r"its points: before dynamodb\.GetItem"):
        course.at("count", "before s3.PutObject")


def test_a_course_knows_logical_ids_and_names_what_there_is(lab, counter):
    lab.send(counter, "a")
    course = replace(record(lab.world), logical={"Count": "count"})
    assert course.at("Count", "before dynamodb.GetItem") == course.at("count", "before dynamodb.GetItem")
    with pytest.raises(UsageError, match=r"'Work' passed no point.*there are: Count \(count\)"):
        course.at("Work", "before dynamodb.GetItem")


def test_no_snapshot_while_a_task_stands_at_a_point(lab, counter):
    lab.send(counter, "a")
    course = record(lab.world)
    here = stand(lab.world, course, course.points[0])
    with pytest.raises(UsageError, match=r"no snapshot while tasks are open: count .*go_on or kill"):
        lab.world.snapshot()
    here.kill()


def test_a_course_that_does_not_fit_is_refused(lab, counter):
    lab.send(counter, "a", "b")
    course = record(lab.world, chooser=Seeded(3))
    wrong = tuple((label, index, count + 1) for label, index, count in course.choices)
    other = Course(course.start, course.drive, wrong, exploring=True)
    with pytest.raises(UsageError, match="left its course at choice 1"):
        stand(lab.world, other, course.points[-1])


PROGRAM = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import conftest
import test_replay
from stackproof.backends.embedded import EmbeddedBackend
with EmbeddedBackend(seed=5) as backend:
    lab = conftest.Lab(backend, Path(sys.argv[2]))
    url = test_replay.counter.__wrapped__(lab)
    lab.send(url, "a", "b", "c")
    given = json.loads(sys.argv[3])
    drive = lab.world.run_until_idle
    course = test_replay.Course(lab.world.snapshot(), drive, test_replay.choices(given["choices"]), True)
    here = test_replay.stand(lab.world, course, test_replay.Point(*given["point"]))
    here.kill()
    lab.world.run_until_idle()
    sys.stdout.write(lab.world.journal.timeline())
"""


def test_the_same_prefix_gives_the_same_journal_in_a_new_process(make_lab, tmp_path):
    made = make_lab(seed=5)
    url = counter.__wrapped__(made)
    made.send(url, "a", "b", "c")
    course = record(made.world, chooser=Seeded(11))
    point = course.at("count", "before dynamodb.PutItem", run=2)
    stand(made.world, course, point).kill()
    made.world.run_until_idle()
    given = {"choices": course.choices, "point": [point.task, point.number, point.run]}
    command = [sys.executable, "-c", PROGRAM, str(Path(__file__).parent), str(made.folder), json.dumps(given)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == made.world.journal.timeline()
    assert choices(json.loads(json.dumps(course.choices))) == course.choices

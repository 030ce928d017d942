"""queue-cleaner: what is too old is archived once a night, all of it, and nothing else."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackproof.fabric.http import Request, Response

DAY = 24 * 3600
URL = "https://list.example.com"


class ReadingList:
    """The service that holds the list; ``refuse`` makes it fail, ``stubborn`` cannot be archived."""

    def __init__(self, secret: dict[str, str]) -> None:
        self.secret = secret
        self.unread: dict[str, int] = {}
        self.archived: list[str] = []
        self.refuse = 0
        self.stubborn: set[str] = set()
        self.pages: list[int] = []

    def __call__(self, request: Request) -> Response:
        asked = request.json()
        if {name: asked.get(name) for name in self.secret} != self.secret:
            return Response(401)
        if self.refuse:
            self.refuse -= 1
            return Response(503)
        return self.get(asked) if request.path == "/v3/get" else self.send(asked["actions"])

    def get(self, asked: dict[str, Any]) -> Response:
        self.pages.append(asked["offset"])
        oldest = sorted(self.unread, key=lambda name: (self.unread[name], name))
        page = oldest[asked["offset"] : asked["offset"] + asked["count"]]
        found = {name: {"item_id": name, "time_added": str(self.unread[name])} for name in page}
        return Response.of_json({"status": 1, "list": found or []})

    def send(self, actions: list[dict[str, str]]) -> Response:
        assert len(actions) <= 100
        results = []
        for action in actions:
            assert action["action"] == "archive"
            done = action["item_id"] not in self.stubborn
            if done and self.unread.pop(action["item_id"], None) is not None:
                self.archived.append(action["item_id"])
            results.append(done)
        return Response.of_json({"status": 1, "action_results": results})


@pytest.fixture
def system(stack: Any) -> Any:
    return stack("templates/queue-cleaner", config="test")


@pytest.fixture
def reading(system: Any, fabric: Any, aws: Any) -> ReadingList:
    """The list, reached with the credentials of the secret."""
    found = aws("secretsmanager").get_secret_value(SecretId=system["Credentials"].physical_id)
    made = ReadingList(json.loads(found["SecretString"]))
    fabric.world.http.double(URL, made)
    return made


@pytest.fixture
def night(fabric: Any) -> Any:
    """``night()``: a day passes, and with it 3:30 in Berlin."""

    def pass_by() -> None:
        fabric.advance(DAY)
        fabric.run_until_idle()

    return pass_by


def add(reading: ReadingList, fabric: Any, ages: dict[str, float]) -> None:
    """Entries by their age in days."""
    now = int(fabric.world.clock.now)
    reading.unread |= {name: now - round(age * DAY) for name, age in ages.items()}


def test_what_is_older_than_30_days_is_archived_at_half_past_three(
    fabric: Any, reading: ReadingList, look: Any, system: Any
) -> None:
    add(reading, fabric, {"old": 31, "ripe": 29.9, "new": 1})
    fabric.advance(2.5 * 3600 - 1)
    assert reading.archived == []
    fabric.advance(1)
    fabric.run_until_idle()
    assert reading.archived == ["old", "ripe"]
    assert set(reading.unread) == {"new"}
    fabric.advance(2 * DAY)
    assert look.runs(system.function("Cleaner")) == 3


def test_a_long_list_is_read_in_pages_and_no_further_than_needed(
    fabric: Any, reading: ReadingList, night: Any
) -> None:
    add(reading, fabric, {f"{number:04}": 100 + number for number in range(250)})
    add(reading, fabric, {f"new{number}": 2 for number in range(100)})
    night()
    assert sorted(reading.archived) == [f"{number:04}" for number in range(250)]
    assert len(reading.unread) == 100
    assert reading.pages == list(range(0, 270, 30))


def test_an_empty_list_is_fine(reading: ReadingList, night: Any, look: Any, system: Any) -> None:
    night()
    assert reading.pages == [0]
    assert look.waiting(system.queue("FailedRuns")) == 0


@pytest.mark.parametrize(("failures", "kept"), [(1, 0), (2, 0), (3, 1)])
def test_a_service_that_is_down_is_asked_again(
    failures: int, kept: int, fabric: Any, reading: ReadingList, night: Any, look: Any, system: Any
) -> None:
    add(reading, fabric, {"old": 40})
    reading.refuse = failures
    night()
    assert look.waiting(system.queue("FailedRuns")) == kept
    assert reading.archived == ([] if kept else ["old"])
    night()
    assert reading.archived == ["old"]


def test_an_entry_that_is_refused_does_not_keep_the_others(
    fabric: Any, reading: ReadingList, night: Any, look: Any, system: Any
) -> None:
    add(reading, fabric, {"a": 40, "b": 41, "c": 42})
    reading.stubborn = {"b"}
    night()
    assert sorted(reading.archived) == ["a", "c"]
    (message,) = look.take(system.queue("FailedRuns"))
    assert "1 of" in message["MessageAttributes"]["ErrorMessage"]["StringValue"]


def test_a_run_that_dies_after_it_archived_archives_nothing_twice(
    fabric: Any, reading: ReadingList, night: Any, system: Any
) -> None:
    add(reading, fabric, {f"{number}": 40 for number in range(150)})
    answer, sent = reading.send, []

    def lost(actions: list[dict[str, str]]) -> Response:
        found = answer(actions)
        sent.append(len(actions))
        return Response(504) if len(sent) == 2 else found

    reading.send = lost  # type: ignore[method-assign]
    night()
    assert len(reading.archived) == len(set(reading.archived)) == 150
    assert sent[:2] == [100, 50]


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(ages=st.lists(st.floats(0, 60), max_size=70))
def test_exactly_what_is_too_old_goes(
    ages: list[float], fabric: Any, reading: ReadingList, night: Any
) -> None:
    reading.unread.clear()
    reading.archived.clear()
    add(reading, fabric, {str(number): age for number, age in enumerate(ages)})
    added = dict(reading.unread)
    night()
    (run,) = fabric.journal.entries(verb="lambda.Run")[-1:]
    limit = run.ms // 1000 - 30 * DAY
    assert set(reading.archived) == {name for name, when in added.items() if when < limit}


@pytest.fixture
def read_only(fabric: Any) -> Iterator[None]:
    service = fabric.world.service("lambda")
    service.read_only = True
    yield
    service.read_only = False


def test_it_runs_where_only_tmp_can_be_written(
    read_only: None, fabric: Any, reading: ReadingList, night: Any
) -> None:
    add(reading, fabric, {"old": 40})
    night()
    assert reading.archived == ["old"]


def test_the_program_is_shipped_ready_to_run(root: Path) -> None:
    program = root / "templates/queue-cleaner/functions/cleaner/bin/overdue"
    assert program.stat().st_mode & stat.S_IXUSR

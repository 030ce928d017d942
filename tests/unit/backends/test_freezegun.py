"""Another library that froze the time: one clear error, and the process is as it was."""

from __future__ import annotations

import datetime
import os
import sys
import types

import pytest

from stackproof.errors import UsageError
from stackproof.fabric.functions.view import Output, View
from stackproof.fabric.tasks import Task


class FakeDatetime(datetime.datetime):
    """Named as freezegun's: by this name time-machine knows that it is active."""


def _process() -> tuple[object, ...]:
    return (os.getcwd(), sys.stdout, sys.stderr, list(sys.path), dict(os.environ), set(sys.modules))


def test_frozen_time_is_refused_and_leaves_nothing_behind(lone_backend, monkeypatch, tmp_path) -> None:
    world = lone_backend.world

    def spawn() -> Task:
        task = Task(world.scheduler, "frozen", os.getcwd, identity=world.caller(actor="frozen"))
        task.facts["view"] = View((tmp_path,), {}, Output(lambda text: None))
        return world.scheduler.spawn(task)

    with monkeypatch.context() as frozen:
        frozen.setitem(sys.modules, "freezegun", types.ModuleType("freezegun"))
        frozen.setattr(datetime, "datetime", FakeDatetime)
        spawn()
        before = _process()
        with pytest.raises(UsageError, match=r"freezegun cannot be used together .*fabric\.advance"):
            world.run_until_idle()
        assert _process() == before
    task = spawn()
    world.run_until_idle()
    assert task.result == str(tmp_path)
    assert _process()[:2] == before[:2]


def test_a_folder_that_is_gone_leaves_nothing_behind(lone_backend, tmp_path) -> None:
    world = lone_backend.world
    task = Task(world.scheduler, "lost", os.getcwd, identity=world.caller(actor="lost"))
    task.facts["view"] = View((tmp_path / "gone",), {}, Output(lambda text: None))
    world.scheduler.spawn(task)
    before = _process()
    with pytest.raises(FileNotFoundError):
        world.run_until_idle()
    assert _process() == before

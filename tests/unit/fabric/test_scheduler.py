"""One scheduler decides every order; time passes only when it must."""

from __future__ import annotations

import weakref

import pytest

from stackproof.errors import InternalError
from stackproof.fabric.choice import Listed, Seeded, Trail
from stackproof.fabric.clock import Clock, milliseconds
from stackproof.fabric.scheduler import Scheduler


def test_timers_fire_in_the_order_of_their_time() -> None:
    scheduler, seen = Scheduler(Clock(0)), []
    for seconds in (3, 1, 2):
        scheduler.after(seconds, "timer", seen.append, seconds)
    idle = scheduler.run_until_idle()
    assert seen == [1, 2, 3]
    assert idle.seconds == 3


def test_a_schedule_does_not_keep_the_world_busy_but_fires_on_the_way() -> None:
    scheduler, seen = Scheduler(Clock(0)), []

    def tick() -> None:
        seen.append(scheduler.clock.ms)
        scheduler.after(60, "schedule", tick, drives=False)

    scheduler.after(60, "schedule", tick, drives=False)
    assert scheduler.run_until_idle().seconds == 0
    scheduler.after(150, "delay", seen.append, "delay")
    scheduler.run_until_idle()
    assert seen == [60_000, 120_000, "delay"]


def test_the_horizon_bounds_what_never_ends() -> None:
    scheduler = Scheduler(Clock(0))

    def again() -> None:
        scheduler.after(30, "poison", again)

    again()
    idle = scheduler.run_until_idle(horizon=95)
    assert idle.seconds == 90
    assert idle.pending == ("poison",)


def test_advance_does_everything_due_and_stops_in_time() -> None:
    scheduler, seen = Scheduler(Clock(0)), []
    scheduler.after(1, "first", lambda: scheduler.after(1, "second", seen.append, "second"))
    scheduler.after(2.5, "third", seen.append, "third")
    scheduler.advance(2)
    assert seen == ["second"]
    assert scheduler.clock.now == 2


def test_step_does_one_piece_of_work() -> None:
    scheduler, seen = Scheduler(Clock(0)), []
    scheduler.soon("a", seen.append, "a")
    scheduler.after(5, "b", seen.append, "b")
    assert [scheduler.step(), list(seen)] == [True, ["a"]]
    assert [scheduler.step(), list(seen), scheduler.clock.now] == [True, ["a", "b"], 5]
    assert scheduler.step() is False


def test_a_cancelled_timer_neither_fires_nor_drives() -> None:
    scheduler = Scheduler(Clock(0))
    scheduler.after(5, "never", pytest.fail).cancel()
    assert scheduler.run_until_idle().seconds == 0


class _Held:
    def __call__(self) -> None:
        pytest.fail("a forgotten timer fired")


def test_a_forgotten_timer_lets_go_of_what_it_holds_and_never_comes_back() -> None:
    scheduler = Scheduler(Clock(0))
    held, argument = _Held(), _Held()
    seen = [weakref.ref(held), weakref.ref(argument)]
    timer = scheduler.after(60, "timeout", held, argument)
    scheduler.after(90, "other", lambda: None)
    state = scheduler.snapshot()
    timer.forget()
    del held, argument, timer
    assert [one() is None for one in seen] == [True, True]
    scheduler.restore(state)
    assert scheduler.run_until_idle().seconds == 90


def orders(seed: int) -> list[str]:
    scheduler, seen = Scheduler(Clock(0), Seeded(seed)), []
    for name in "abcdef":
        scheduler.soon(name, seen.append, name)
    scheduler.run_until_idle()
    return seen


def test_a_seed_gives_one_order_and_seeds_give_many() -> None:
    assert orders(1) == orders(1)
    assert len({tuple(orders(seed)) for seed in range(20)}) > 10
    assert all(sorted(orders(seed)) == list("abcdef") for seed in range(20))


def test_a_trail_of_choices_can_be_replayed() -> None:
    def run(chooser: Trail) -> list[str]:
        scheduler, seen = Scheduler(Clock(0), chooser), []
        for name in "abcde":
            scheduler.soon(name, seen.append, name)
        scheduler.run_until_idle()
        return seen

    first = Trail(Seeded(7))
    order = run(first)
    assert run(Trail(Listed([index for _, index, _ in first.taken]))) == order


def test_a_snapshot_brings_back_the_agenda() -> None:
    scheduler, seen = Scheduler(Clock(0)), []
    timer = scheduler.after(5, "later", seen.append, "later")
    scheduler.soon("now", seen.append, "now")
    state = scheduler.snapshot()
    for _ in range(2):
        scheduler.run_until_idle()
        assert scheduler.clock.now == 5
        timer.cancel()
        scheduler.restore(state)
        assert scheduler.clock.now == 0
    assert seen == ["now", "later"] * 2


def test_driving_from_inside_a_task_is_refused(world, start) -> None:
    task = start(world.run_until_idle, on_done=lambda _: None)
    world.run_until_idle()
    assert isinstance(task.error, InternalError)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, 0), (1, 1000), (0.0001, 1), (1.0005, 1001), (0.3, 300)]
)
def test_a_wait_is_rounded_up_to_milliseconds(seconds: float, expected: int) -> None:
    assert milliseconds(seconds) == expected

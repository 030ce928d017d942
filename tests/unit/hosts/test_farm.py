"""Work on several rigs: all of it is done once, whichever rigs drop out, as long as one is left."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackproof.errors import BackendError
from stackproof.hosts.rigs.farm import distribute


def test_rigs_work_at_the_same_time() -> None:
    together = threading.Barrier(3, timeout=10)

    def run(rig: str, piece: int) -> int:
        together.wait()
        return piece * 2

    report = distribute([1, 2, 3], ["a", "b", "c"], run)
    assert [one.result for one in report.done] == [2, 4, 6]
    assert {one.rig for one in report.done} == {"a", "b", "c"}


def test_the_work_of_a_rig_that_drops_out_is_moved_and_both_are_told() -> None:
    broken = threading.Event()

    def run(rig: str, piece: str) -> str:
        if rig == "weak":
            broken.set()
            raise BackendError("no route to host")
        broken.wait(10)
        return rig

    report = distribute(["drive 1", "drive 2", "drive 3"], ["weak", "strong"], run)
    assert [one.result for one in report.done] == ["strong"] * 3
    assert report.dropped == {"weak": "no route to host"}
    (moved,) = [one for one in report.done if one.moved_from]
    assert report.lines() == (
        "rig weak dropped out: no route to host",
        f"{moved.work} moved from weak to strong",
    )


def test_without_a_rig_left_the_work_that_was_not_done_is_named() -> None:
    def run(rig: str, piece: int) -> int:
        raise BackendError(f"{rig} is off")

    report = distribute([1, 2], ["a"], run)
    assert (report.done, report.undone) == ((), (1, 2))
    assert report.lines()[1:] == ("1 was not done: no rig is left", "2 was not done: no rig is left")


def test_an_error_of_the_work_ends_the_whole_and_is_raised() -> None:
    def run(rig: str, piece: int) -> int:
        if piece == 1:
            raise ValueError("the drive is corrupt")
        return piece

    with pytest.raises(ValueError, match="corrupt"):
        distribute(range(10), ["a", "b"], run)


@settings(deadline=None)
@given(st.integers(0, 12), st.dictionaries(st.sampled_from("abcd"), st.integers(0, 4), max_size=4))
def test_every_piece_is_done_once_or_named(pieces: int, patience: dict[str, int]) -> None:
    calls: Counter[str] = Counter()
    rigs = ["a", "b", "c", "d"]

    def run(rig: str, piece: int) -> int:
        calls[rig] += 1
        if calls[rig] > patience.get(rig, 99):
            raise BackendError("lost")
        return piece

    report = distribute(range(pieces), rigs, run)
    assert sorted([*[one.result for one in report.done], *report.undone]) == list(range(pieces))
    assert not report.undone or set(report.dropped) == set(rigs)
    assert all(patience.get(rig, 99) <= 4 for rig in report.dropped)

"""One answer of several results: what is missing, partial, old, changed or failed is FAIL."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stackproof.model import Report, Verdict
from stackproof.verdict.join import Result, join

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40


def report(pillar: str = "check", **changes: Any) -> Report:
    return replace(Report(pillar, Verdict.PASS, 0, commit=COMMIT), **changes)


def shard(number: int, count: int, **changes: Any) -> Report:
    return report(complete=False, partial_because=f"shard {number}/{count}", **changes)


def test_all_required_pillars_passed() -> None:
    joined = join(["check", "prove"], [report(), report("prove")], COMMIT)
    assert joined.verdict is Verdict.PASS
    assert joined.exit_code == 0
    assert [(one.pillar, one.verdict) for one in joined.pillars] == [
        ("check", Verdict.PASS),
        ("prove", Verdict.PASS),
    ]


@pytest.mark.parametrize(
    ("reports", "reason"),
    [
        ([], "there is no result"),
        ([report("prove")], "there is no result"),
        ([report(verdict=Verdict.FAIL, exit_code=1)], "failed with exit code 1"),
        ([report(exit_code=3)], "failed with exit code 3"),
        ([report(verdict=Verdict.FAIL)], "failed"),
        ([report(commit=OTHER)], "is of commit ffffffffffff, wanted is 0123456789ab"),
        ([report(commit="")], "is of commit (unknown)"),
        ([report(dirty=True)], "changes that are not committed"),
        ([report(complete=False, partial_because="--select")], "is partial: --select"),
        ([report(complete=False)], "is partial: something was left out"),
        ([shard(1, 2)], "shard 2 of 2 is missing"),
        ([shard(1, 2), shard(1, 2)], "shard 2 of 2 is missing"),
        ([shard(1, 2), shard(2, 3)], "is partial"),
        ([shard(1, 2), shard(2, 2, verdict=Verdict.FAIL, exit_code=1)], "failed with exit code 1"),
        ([shard(1, 2), shard(2, 2, commit=OTHER)], "is of commit ffffffffffff"),
        ([report(complete=False, partial_because="shard 1/1, --select")], "is partial: shard 1/1, --select"),
        ([report(), shard(1, 2, verdict=Verdict.FAIL, exit_code=1)], "failed with exit code 1"),
    ],
)
def test_a_pillar_fails_with_its_reason(reports: list[Report], reason: str) -> None:
    joined = join(["check"], reports, COMMIT)
    assert (joined.verdict, joined.exit_code) == (Verdict.FAIL, 1)
    assert any(reason in text for text in joined.pillars[0].reasons)


def test_all_shards_together_are_complete() -> None:
    reports = [shard(number, 3) for number in (3, 1, 2)]
    assert join(["check"], reports, COMMIT).verdict is Verdict.PASS


@pytest.mark.parametrize("commit", [COMMIT, ""])
def test_without_a_commit_nothing_is_proven(commit: str) -> None:
    joined = join(["check"], [report(commit=commit)])
    assert (joined.verdict, joined.exit_code) == (Verdict.FAIL, 1)
    assert "--commit" in joined.reasons[0]


def test_a_short_commit_id_is_enough_when_it_has_seven_digits() -> None:
    assert join(["check"], [report()], COMMIT[:7]).verdict is Verdict.PASS
    assert join(["check"], [report()], COMMIT[:6]).verdict is Verdict.FAIL


def test_a_changed_work_tree_can_be_accepted() -> None:
    assert join(["check"], [report(dirty=True)], COMMIT, allow_dirty=True).verdict is Verdict.PASS


def test_an_unreadable_result_fails_even_when_the_rest_is_good() -> None:
    joined = join(["check"], [report(), Result("x.json", None, "is no result")], COMMIT)
    assert joined.verdict is Verdict.FAIL
    assert joined.reasons == ("x.json is no result",)


def test_a_failed_result_of_a_pillar_that_is_not_required_still_fails() -> None:
    joined = join(["check"], [report(), report("prove", verdict=Verdict.FAIL, exit_code=1)], COMMIT)
    assert joined.verdict is Verdict.FAIL


def test_requiring_nothing_proves_nothing() -> None:
    assert join([], [report()], COMMIT).verdict is Verdict.FAIL


def test_a_pillar_says_itself_that_it_fails_for_want_of_a_known_commit() -> None:
    (answer,) = join(["check"], [report()], "").pillars
    assert answer.verdict is Verdict.FAIL
    assert answer.reasons == ("cannot be held against a commit, for none is known",)

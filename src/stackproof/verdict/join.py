"""The joining of pillars' results into the one answer that decides promotion.

A pillar passes when all its results passed, all are of the wanted commit and of an unchanged work tree,
and together they are complete: one complete result, or every shard of ``shard 1/n`` to ``shard n/n``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stackproof.model import Report, Verdict
from stackproof.verdict.threshold import exit_code

_SHARD = re.compile(r"shard (\d+)/(\d+)")

_NO_COMMIT = (
    "it is not known which commit must be proven: here is neither git nor a variable of CI that names it; "
    "give it with --commit"
)


@dataclass(frozen=True, slots=True)
class Result:
    """A result as it was handed in: its name, and the report or why it cannot be read."""

    name: str
    report: Report | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PillarAnswer:
    """What one required pillar's results say, with a reason for each thing that is wrong or notable."""

    pillar: str
    verdict: Verdict
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JoinedVerdict:
    """The answer: PASS only when every required pillar passes and every result could be read."""

    verdict: Verdict
    commit: str
    pillars: tuple[PillarAnswer, ...]
    reasons: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 for PASS, 1 for FAIL."""
        return 0 if self.verdict is Verdict.PASS else 1


def join(
    required: Sequence[str],
    reports: Iterable[Report | Result],
    commit: str = "",
    *,
    allow_dirty: bool = False,
) -> JoinedVerdict:
    """Join results that must be of ``commit``, a full id or at least 7 digits of it.

    Without one the answer is FAIL: a result cannot vouch for the commit that it names itself.
    """
    results = [one if isinstance(one, Result) else Result(one.pillar, one) for one in reports]
    general = [f"{one.name} {one.problem}" for one in results if one.report is None]
    if not commit:
        general.append(_NO_COMMIT)
    answers = []
    for pillar in dict.fromkeys(required):
        own = [one for one in results if one.report is not None and one.report.pillar == pillar]
        answers.append(_answer(pillar, own, commit, allow_dirty))
    general += [
        f"{one.name} failed although {one.report.pillar} is not required"
        for one in results
        if one.report is not None and one.report.pillar not in required and not _passed(one.report)
    ]
    good = not general and bool(answers) and all(one.verdict is Verdict.PASS for one in answers)
    return JoinedVerdict(Verdict.PASS if good else Verdict.FAIL, commit, tuple(answers), tuple(general))


def _answer(pillar: str, results: Sequence[Result], wanted: str, allow_dirty: bool) -> PillarAnswer:
    if not results:
        return PillarAnswer(pillar, Verdict.FAIL, ("there is no result",))
    wrong: list[str] = []
    for one in results:
        if one.report is not None:
            wrong += [f"{one.name} {reason}" for reason in _wrong(one.report, wanted, allow_dirty)]
    wrong += _incomplete([one.report for one in results if one.report is not None])
    if not wanted:
        wrong.append("cannot be held against a commit, for none is known")
    if wrong:
        return PillarAnswer(pillar, Verdict.FAIL, tuple(wrong))
    shards = f"{len(results)} results" if len(results) > 1 else "one result"
    return PillarAnswer(pillar, Verdict.PASS, (f"{shards} of commit {wanted[:12]}, complete and passed",))


def _passed(report: Report) -> bool:
    return report.verdict is Verdict.PASS and report.exit_code == 0 and _own_exit_code(report) == 0


def _own_exit_code(report: Report) -> int:
    """The exit code that what the report holds amounts to, whatever it says of itself."""
    return exit_code(report.findings, report.problems, report.fail_on)


def _wrong(report: Report, wanted: str, allow_dirty: bool) -> Iterable[str]:
    if report.exit_code or report.verdict is not Verdict.PASS:
        yield f"failed with exit code {report.exit_code}" if report.exit_code else "failed"
    if _own_exit_code(report) > report.exit_code:
        yield (
            f"is inconsistent: what it holds is exit code {_own_exit_code(report)}, "
            f"it says {report.exit_code}"
        )
    if wanted and not _same(report.commit, wanted):
        yield f"is of commit {report.commit[:12] or '(unknown)'}, wanted is {wanted[:12]}"
    if report.dirty and not allow_dirty:
        yield "is of a work tree with changes that are not committed"


def _same(commit: str, wanted: str) -> bool:
    return bool(commit) and commit.startswith(wanted.lower()) and len(wanted) >= 7


def _incomplete(reports: Sequence[Report]) -> list[str]:
    """Why the reports of one pillar do not cover it; nothing when they do."""
    partial = [one for one in reports if not one.complete]
    if len(partial) < len(reports):
        return []
    shards: dict[int, set[int]] = {}
    others = []
    for one in partial:
        found = _SHARD.fullmatch(one.partial_because.strip())
        if found:
            shards.setdefault(int(found[2]), set()).add(int(found[1]))
        else:
            others.append(one.partial_because or "something was left out")
    if any(have >= set(range(1, total + 1)) for total, have in shards.items() if total):
        return []
    missing = [
        f"shard {', '.join(str(number) for number in sorted(set(range(1, total + 1)) - have))} of {total}"
        for total, have in sorted(shards.items())
    ]
    return [f"is partial: {reason}" for reason in dict.fromkeys(others)] + [
        f"is partial: {one} is missing" for one in missing
    ]

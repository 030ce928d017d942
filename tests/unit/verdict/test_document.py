"""Results as documents: nothing is lost, nothing foreign is read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stackproof.errors import ResultError
from stackproof.model import (
    Finding,
    Judged,
    Location,
    Outcome,
    Problem,
    Related,
    Report,
    RuleInfo,
    Severity,
    Status,
    Suppression,
    Verdict,
)
from stackproof.verdict.document import dumps, loads

FULL = Report(
    pillar="check",
    verdict=Verdict.FAIL,
    exit_code=2,
    findings=(
        Finding(
            "R1",
            "message \x1b ü \U0001f600",
            Location("a.yaml", 3, 5, 3, 9),
            outcome=Outcome.UNDECIDED,
            severity=Severity.WARNING,
            path=("Resources", "A", 0),
            configurations=("dev",),
            related=(Related(Location("p.json", 2), "here"),),
            evidence={"value": "1"},
            status=Status.SUPPRESSED,
            suppression=Suppression("R*", "why", "2026-12-31", Location("a.yaml", 1)),
        ),
    ),
    problems=(Problem("broken", 2, Location("r.guard", 1, 2), "hint", "R2"),),
    judged=(Judged("a.yaml", ("dev", "prod"), 4),),
    rules=(RuleInfo("R1", tags=("security",), location=Location("r.guard", 7)),),
    complete=False,
    partial_because="shard 1/2",
    commit="a" * 40,
    dirty=True,
    sources={"a.yaml": {3: "  Size: 1"}},
    timelines={"race": "1 2"},
    stats={"seconds": 1.5},
)


def test_a_report_reads_back_as_it_was() -> None:
    assert loads(dumps(FULL)) == FULL


def test_file_names_that_are_not_utf8_do_not_stop_the_document() -> None:
    odd = Report("check", Verdict.PASS, 0, findings=(Finding("R", "m", Location("a\udcff.yaml")),))
    assert loads(dumps(odd)).findings[0].location.file == "a?.yaml"


def changed(**changes: Any) -> bytes:
    return json.dumps({**json.loads(dumps(FULL)), **changes}).encode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is not a result"),
        (b"\xff\xfe", "is not a result"),
        (b'{"verdict": "PASS"', "is not a result"),
        (b"[]", "no result of stackproof"),
        (b'{"verdict": "PASS"}', "no result of stackproof"),
        (changed(stackproof_schema=99), "schema 99"),
        (changed(stackproof_schema=True), "schema True"),
        (changed(verdict="MAYBE"), "verdict"),
        (changed(exit_code="0"), "exit_code"),
        (changed(complete=None), "complete"),
        (changed(extra=1), "unknown 'extra'"),
        (changed(findings=[{"rule": "R", "message": "m", "location": {"file": "a"}, "x": 1}]), "unknown 'x'"),
        (changed(findings=[{"rule": "R"}]), "message"),
    ],
)
def test_anything_else_is_refused_with_a_hint(data: bytes, words: str) -> None:
    with pytest.raises(ResultError) as error:
        loads(data)
    assert words in str(error.value)
    assert error.value.hint

"""Notes that say the same of many things are one for people; the other formats have each of them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from stackproof.model import Judged, Report, Verdict
from stackproof.report import render

VOLUME = "an image has one volume; data has volumes of its own, attached and mounted by the stack that has it"
NOTES = (
    "suite ami: 725 checks made, 725 promised",
    "measured: replay[rig-a]: p99 0.476 ms",
    "1 skipped: partition_for_home is excluded: no mail server is installed",
    "measured: replay[rig-b]: p99 0.619 ms",
    *(f"1 skipped: mount_option_{name} is excluded: {VOLUME}" for name in range(12)),
    "33 skipped: a-host lacks 'own-kernel': it does not run one: of its own",
    "2 skipped: without a who",
)
REPORT = Report(
    pillar="inspect",
    verdict=Verdict.PASS,
    exit_code=0,
    notes=NOTES,
    judged=(Judged("inventory/local.yml", ("rig-a",)), Judged("inventory/local.yml", ("rig-b",))),
    stats={"hosts": 2.0, "checks": 935.0},
)


def test_people_see_each_reason_once_with_its_count_the_most_frequent_first() -> None:
    assert render(REPORT, "console") == (
        "PASS  nothing found by 935 checks of 2 hosts\n"
        "note  suite ami: 725 checks made, 725 promised\n"
        "note  measured:\n"
        "      replay[rig-a]: p99 0.476 ms\n"
        "      replay[rig-b]: p99 0.619 ms\n"
        "note  46 skipped for 3 reasons (json and html name each):\n"
        "      33  a-host lacks 'own-kernel': it does not run one: of its own\n"
        "      12  mount_option_0 is excluded and 11 more: an image has one volume; data\n"
        "          has volumes of its own, attached and mounted by the stack that has it\n"
        "       1  partition_for_home is excluded: no mail server is installed\n"
        "note  2 skipped: without a who\n"
    )


@pytest.mark.parametrize("note", [NOTES[1], NOTES[2]])
def test_a_single_one_of_its_form_stays_as_it_is(note: str) -> None:
    text = render(replace(REPORT, notes=(NOTES[0], note)), "console")
    assert text.endswith(f"promised\nnote  {note}\n")


def test_nothing_is_lost_in_the_reports() -> None:
    assert json.loads(render(REPORT, "json"))["notes"] == list(NOTES)
    for form in ("html", "sarif"):
        text = render(REPORT, form).replace("&#x27;", "'")
        assert [note for note in NOTES if note not in text] == []

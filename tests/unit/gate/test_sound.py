"""No finding, whatever a template holds at the wrong place, can end the judging of its file."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from stackproof.gate.packing import unpack
from stackproof.gate.results import RESOLVED, StageResult
from stackproof.gate.sending import message
from stackproof.model import Finding, Judged, Location, Related

_BUCKET = "Resources: {A: {Type: 'AWS::S3::Bucket'}}\n"
_SECTIONS = {
    "Outputs": "{a: 3}",
    "Parameters": "{a: String}",
    "Mappings": "{3: {b: c}}",
    "Rules": "{a: x}",
    "Metadata": "{stackproof: {supress: []}}",
}


class _Marked(str):
    """What a decoder makes of a text: a subclass that carries more."""

    def __str__(self) -> str:
        return "another text"


def test_every_field_of_a_finding_can_be_sent_whatever_it_holds():
    word = _Marked("word")
    finding = Finding(
        rule=word,
        message=word,
        location=Location(word),
        path=(word, 1, datetime.date(2026, 1, 2)),
        logical_id=3,
        configurations=(word,),
        related=(Related(Location(word), word),),
        evidence={word: 4, 5: None},
        fix="lone \ud800",
    )
    result = StageResult(RESOLVED, (finding,), judged=Judged("bad\udcff.yaml"), reads=(Path("a"),))
    got = unpack(message(result), StageResult)
    (sent,) = got.findings
    assert sent.path == ("word", 1, "2026-01-02")
    assert (sent.rule, sent.message, sent.location.file, sent.logical_id) == ("word", "word", "word", "3")
    assert sent.related == (Related(Location("word"), "word"),)
    assert sent.evidence == {"word": "4", "5": ""}
    assert sent.fix == r"lone \ud800"
    assert got.judged == Judged(r"bad\xff.yaml")


def test_what_is_sound_is_sent_as_it_is():
    result = StageResult(RESOLVED, (Finding("R", "m", Location("f", 2), evidence={"a": "b"}),))
    assert unpack(message(result), StageResult) == result


@pytest.fixture
def misshapen(project):
    folder = Path("misshapen")
    folder.mkdir()
    for section, text in _SECTIONS.items():
        text = f"AWSTemplateFormatVersion: '2010-09-09'\n{_BUCKET}{section}: {text}\n"
        (folder / f"{section}.yaml").write_text(text)
    entries = {
        "text": "AWS::S3::Bucket",
        "null": "{Type: }",
        "list": "{Type: [x]}",
        "none": "{Properties: {}}",
    }
    for name, entry in entries.items():
        text = f"AWSTemplateFormatVersion: '2010-09-09'\nResources: {{A: {entry}}}\n"
        (folder / f"{name}.yaml").write_text(text)
    return folder


def test_input_of_the_wrong_type_is_a_finding_in_its_file(misshapen, check):
    answer = check(str(misshapen), expect=1)
    assert answer.report["problems"] == []
    assert answer.files == {f"misshapen/{path.name}" for path in misshapen.iterdir()}


def test_a_file_whose_name_is_no_utf8_is_a_finding_and_hides_nothing(project, check):
    with open(b"templates/bad\xff.yaml", "w") as file:
        file.write(_BUCKET)
    answer = check(expect=1)
    assert ("SP-LOAD-NAME", r"templates/bad\xff.yaml", 1) in answer.found
    assert ("E3002", "templates/app.yaml", 9) in answer.found
    assert answer.report["problems"] == []
    named = check(b"templates/bad\xff.yaml".decode("utf-8", "surrogateescape"), expect=1)
    assert {rule for rule, _, _ in named.found} == {"SP-LOAD-NAME"}

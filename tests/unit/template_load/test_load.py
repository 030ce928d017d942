from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stackproof.template.load import Loaded, load
from stackproof.template.marks import plain

Load = Callable[..., Loaded]
TOPIC = "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n"
BOMB = "Resources: {}\nMetadata:\n  a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"  {name}: &{name} [{', '.join(['*' + last] * 9)}]\n"
    for last, name in zip("abcdefg", "bcdefgh", strict=True)
)
MERGE_BOMB = "Resources: {}\nMetadata:\n  a: &a {k: 1, l: 2, m: 3}\n" + "".join(
    f"  {name}: &{name}\n    <<: [{', '.join(['*' + last] * 9)}]\n"
    for last, name in zip("abcdefg", "bcdefgh", strict=True)
)

REFUSED: dict[str, tuple[str | bytes, str, int, int]] = {
    "empty": ("", "SP-LOAD-EMPTY", 1, 1),
    "white space": (" \n\n", "SP-LOAD-EMPTY", 1, 1),
    "only comments": ("# nothing\n", "SP-LOAD-EMPTY", 1, 1),
    "binary": (b"\x7fELF\x02\x01\x00\x00" * 20, "SP-LOAD-BINARY", 1, 1),
    "UTF-16": (TOPIC.encode("utf-16"), "SP-LOAD-ENCODING", 1, 1),
    "invalid UTF-8": (TOPIC.encode() + b"    # caf\xe9\n", "SP-LOAD-ENCODING", 4, 10),
    "too large": (TOPIC + "#" * 1_000_001, "SP-LOAD-SIZE", 1, 1),
    "duplicate key": (TOPIC + "  Topic:\n    Type: AWS::SNS::Topic\n", "SP-LOAD-DUPLICATE", 4, 3),
    "duplicate JSON key": ('{"Resources": {},\n\t"Resources": {}}', "SP-LOAD-DUPLICATE", 2, 2),
    "tab": (TOPIC + "\tProperties: {}\n", "SP-LOAD-TABS", 4, 1),
    "syntax": (TOPIC + "  Bad: [a,\n  b\n", "SP-LOAD-SYNTAX", 6, 1),
    "two documents": (TOPIC + "---\n" + TOPIC, "SP-LOAD-DOCUMENTS", 4, 1),
    "list": ("- a\n- b\n", "SP-LOAD-SHAPE", 1, 1),
    "text": ("just text\n", "SP-LOAD-SHAPE", 1, 1),
    "future version": (f"# x\nAWSTemplateFormatVersion: 2030-01-01\n{TOPIC}", "SP-LOAD-VERSION", 2, 1),
    "resources list": ("Description: x\nResources:\n  - a\n", "SP-LOAD-SHAPE", 2, 1),
    "no template": ("services:\n  web: {}\n", "SP-LOAD-NOT-A-TEMPLATE", 1, 1),
    "alias bomb": (BOMB, "SP-LOAD-ALIASES", 1, 1),
    "merge bomb": (MERGE_BOMB, "SP-LOAD-ALIASES", 12, 6),
    "endless alias": ("Resources: &a\n  A: *a\n", "SP-LOAD-ALIASES", 1, 12),
    "deep flow": ("Resources: " + "[" * 200_000, "SP-LOAD-DEPTH", 1, 111),
    "deep block": ("Resources: \n  " + "- " * 5000 + "x", "SP-LOAD-DEPTH", 2, 201),
    "deep JSON": ('{"Resources":\t' + '{"a":' * 5000, "SP-LOAD-DEPTH", 1, 510),
    "unknown Python tag": ("Resources: !!python/object:os.system {}\n", "SP-LOAD-TAG", 1, 12),
    "null key": ("Resources:\n  ~: 1\n", "SP-LOAD-SYNTAX", 2, 3),
    "list as key": ("Resources:\n  [a, b]: 1\n", "SP-LOAD-SYNTAX", 2, 3),
    "control character": ("Resources:\n  A\x01: 1\n", "SP-LOAD-SYNTAX", 2, 4),
}


@pytest.mark.parametrize(("text", "rule", "line", "column"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_judged_is_a_finding_at_its_place(
    load_text: Load, text: str | bytes, rule: str, line: int, column: int
) -> None:
    loaded = load_text(text)
    assert loaded.document is None
    found = loaded.findings[0]
    assert (found.rule, found.location.line, found.location.column) == (rule, line, column)
    assert found.message
    assert found.fix


PRUNED: dict[str, tuple[str, str, int]] = {
    "a resource is text": ("  Bad: text\n", "Resources/Bad is text", 4),
    "a resource is a list": ("  Bad: [1]\n", "Resources/Bad is a list", 4),
    "a resource without type": ("  Bad:\n    Properties: {}\n", "resource Bad has no Type", 4),
    "a type that is a list": ("  Bad:\n    Type: [a]\n", "Resources/Bad/Type is a list", 5),
    "parameters are a list": ("Parameters:\n  - A\n", "Parameters is a list", 4),
    "a parameter is text": ("Parameters:\n  A: String\n", "Parameters/A is text", 5),
    "an empty section": ("Outputs:\n", "Outputs is empty", 4),
    "a mapping of text": ("Mappings:\n  M:\n    A: x\n", "Mappings/M/A is text", 6),
}


@pytest.mark.parametrize(("more", "message", "line"), PRUNED.values(), ids=PRUNED)
def test_a_part_of_the_wrong_type_is_a_finding_and_the_rest_is_loaded(
    load_text: Load, more: str, message: str, line: int
) -> None:
    loaded = load_text(TOPIC + more)
    (found,) = loaded.findings
    assert (found.rule, found.location.line) == ("SP-LOAD-SHAPE", line)
    assert message in found.message
    assert loaded.document is not None
    assert list(loaded.document.tree["Resources"]) == ["Topic"]
    assert "Bad" not in str(plain(loaded.document.tree))


def test_properties_of_the_wrong_type_are_named_at_their_line(load_text: Load) -> None:
    loaded = load_text(TOPIC + "    Properties: none\n")
    assert [(f.rule, f.location.line) for f in loaded.findings] == [("SP-LOAD-SHAPE", 4)]
    assert loaded.document is not None


def test_an_unknown_tag_is_a_finding_and_the_template_is_still_loaded(load_text: Load) -> None:
    loaded = load_text(TOPIC + "    Properties:\n      TopicName: !Reff Name\n")
    (found,) = loaded.findings
    assert (found.rule, found.location.line, found.location.column) == ("SP-LOAD-TAG", 5, 18)
    assert loaded.document is not None


def test_json_with_a_trailing_comma_is_a_finding_although_yaml_allows_it(load_text: Load) -> None:
    loaded = load_text('{"Resources": {\n  "A": {"Type": "AWS::SNS::Topic",}}}', "a.json")
    (found,) = loaded.findings
    assert (found.rule, found.location.line) == ("SP-LOAD-SYNTAX", 2)
    assert loaded.document is not None


VALUES: dict[str, tuple[str, Any]] = {
    "yes": ("yes", True),
    "off": ("off", False),
    "octal": ("017", 15),
    "date": ("2012-10-17", "2012-10-17"),
    "time": ("2020-01-02T03:04:05Z", "2020-01-02T03:04:05Z"),
    "account with a leading zero": ("012345678901", "012345678901"),
    "64 bits": ("9223372036854775807", 9223372036854775807),
    "more than 64 bits": ("9223372036854775808", "9223372036854775808"),
    "very long": ("1" * 5000, "1" * 5000),
    "infinity": (".inf", ".inf"),
    "GetAtt": ("!GetAtt A.B.C", {"Fn::GetAtt": ["A", "B.C"]}),
    "GetAtt as text": ("{'Fn::GetAtt': A.B.C}", {"Fn::GetAtt": ["A", "B.C"]}),
    "GetAtt list": ("!GetAtt [A, B]", {"Fn::GetAtt": ["A", "B"]}),
    "Ref": ("!Ref A", {"Ref": "A"}),
    "Sub with a date": ("!Sub 2012-10-17", {"Fn::Sub": "2012-10-17"}),
    "nested": ("!Join ['', [!Ref A, b]]", {"Fn::Join": ["", [{"Ref": "A"}, "b"]]}),
    "mapping": ("!Transform {Name: X}", {"Fn::Transform": {"Name": "X"}}),
    "number as key": ("{012345670123: a}", {"012345670123": "a"}),
    "boolean as key": ("{on: a}", {"true": "a"}),
    "null": ("~", None),
    "merge": ("{<<: {a: 1}, b: 2}", {"a": 1, "b": 2}),
}


@pytest.mark.parametrize(("written", "value"), VALUES.values(), ids=VALUES)
def test_scalars_become_json(load_text: Load, written: str, value: Any) -> None:
    document = load_text(TOPIC + f"    Properties:\n      X: {written}\n").document
    assert document is not None
    assert plain(document.tree)["Resources"]["Topic"]["Properties"] == {"X": value}


def test_a_json_number_with_an_exponent_is_a_number(load_text: Load) -> None:
    text = '{"Resources": {"A": {"Type": "A::B", "Properties": {"X": [1e3, -2E-2, "1e3", 1e999]}}}}'
    document = load_text(text).document
    assert document is not None
    assert plain(document.tree)["Resources"]["A"]["Properties"]["X"] == [1000.0, -0.02, "1e3", "1e999"]


def test_a_byte_order_mark_does_no_harm(load_text: Load) -> None:
    loaded = load_text(b"\xef\xbb\xbf" + TOPIC.encode())
    assert loaded.document is not None
    assert loaded.findings == ()


def test_json_with_tabs_is_read(load_text: Load) -> None:
    loaded = load_text('{\n\t"Resources": {\n\t\t"A": {"Type": "AWS::SNS::Topic"}\n\t}\n}')
    assert loaded.document is not None
    assert loaded.document.locate(("Resources", "A")).line == 3


@pytest.mark.parametrize("form", ["{}", "\t{}"], ids=["YAML", "JSON"])
def test_locate_finds_the_key_or_its_nearest_parent(load_text: Load, form: str) -> None:
    text = '{"Resources": {\n "A": {"Type": "AWS::SNS::Topic",\n  "Properties":' + form + "}}}"
    document = load_text(text).document
    assert document is not None
    assert document.locate(("Resources", "A")).line == 2
    assert document.locate(("Resources", "A", "Properties")).line == 3
    assert document.locate(("Resources", "A", "Properties", "Missing", 3)).line == 3
    assert document.locate(("Resources", "B")).line == 1
    assert document.locate(()).file == "template.yaml"


def test_an_unreadable_file_is_a_finding(tmp_path: Path) -> None:
    loaded = load("x", tmp_path, max_size=10**9)
    assert [found.rule for found in loaded.findings] == ["SP-LOAD-READ"]

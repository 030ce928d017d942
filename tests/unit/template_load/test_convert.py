from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from stackproof.cli.convert import command
from stackproof.errors import TemplateError
from stackproof.template.convert import comments, convert
from stackproof.template.decode import SHORT_TAGS
from stackproof.template.load import decode_text
from stackproof.template.marks import plain

YAML = """\
# the head
AWSTemplateFormatVersion: 2010-09-09
Resources:
  Role: # why
    Type: AWS::IAM::Role
    Properties:
      Owner: 012345678901
      Name: !Sub "${AWS::StackName}-role" # not a # second one
      Arn: !GetAtt Other.Nested.Arn
      Script:
        Fn::Base64: !Sub |
          #!/bin/sh
          # no comment but text
          echo "hi"
      Document:
        Version: 2012-10-17
"""


def tree(text: str) -> Any:
    decoded, findings = decode_text("x", text)
    assert findings == []
    return plain(decoded)


def test_yaml_to_json_has_long_forms_and_text_stays_text() -> None:
    data = json.loads(convert(YAML, "json"))
    properties = data["Resources"]["Role"]["Properties"]
    assert properties["Owner"] == "012345678901"
    assert properties["Arn"] == {"Fn::GetAtt": ["Other", "Nested.Arn"]}
    assert properties["Document"]["Version"] == "2012-10-17"
    assert properties["Script"]["Fn::Base64"]["Fn::Sub"].endswith('echo "hi"\n')
    assert list(data) == ["AWSTemplateFormatVersion", "Resources"]


def test_json_to_yaml_has_short_forms_quotes_and_blocks() -> None:
    text = convert(convert(YAML, "json"), "yaml")
    assert "Arn: !GetAtt Other.Nested.Arn\n" in text
    assert "Name: !Sub ${AWS::StackName}-role\n" in text
    assert "Version: '2012-10-17'" in text
    assert "Owner: '012345678901'" in text
    assert "!Sub |" in text
    assert tree(text) == tree(YAML)


def test_yaml_to_yaml_keeps_comments_and_quotes_dates() -> None:
    text = convert(YAML, "yaml")
    for comment in ("# the head", "# why", "# not a # second one"):
        assert comment in text
    assert "Version: '2012-10-17'" in text
    assert "Owner: 012345678901" in text


def test_comments_are_counted_where_they_are_comments() -> None:
    assert comments(YAML) == 3
    assert comments('{"a": "# no"}') == 0


def test_what_cannot_be_decoded_names_its_place() -> None:
    with pytest.raises(TemplateError) as caught:
        convert("a: 1\nb: [\n", file="t.yaml")
    assert (caught.value.file, caught.value.line) == ("t.yaml", 3)


WORDS = [
    "yes", "NO", "~", "null", "017", "0x1F", "1e3", "1_000", "12:30:45", "2012-10-17", "=", "<<",
    ".inf", "", " a", "a: b", "- a", "#x", "!Ref", "&a", "*a", "%a", "@a", "`a", "a #b", "a\n", "\na",
    "a\n\n b\n", "x" * 130, "\t", "\u2028", "\u0085", "\ufeff", "\U0001f600", "012345678901", "1.10",
    "'", "\"", "{{resolve:ssm:a}}", "${A}",
]  # fmt: skip
TEXTS = st.sampled_from(WORDS) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00\ufffe\uffff"), max_size=12
)
SCALARS = TEXTS | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.none() | st.floats(-1e6, 1e6)
KEYS = st.text("abcXYZ:- 01", min_size=1, max_size=6) | st.sampled_from(
    ["Ref", "Condition", "2012-10-17", "yes", "01"]
)


def functions(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    name = st.sampled_from(
        sorted({"Ref"} | {f"Fn::{tag}" for tag in SHORT_TAGS - {"Ref", "Condition", "GetAtt"}})
    )
    call = st.tuples(name, children | TEXTS).map(lambda pair: {pair[0]: pair[1]})
    attribute = st.lists(st.sampled_from(["A", "B.C", "D", "1", "yes"]) | children, min_size=2, max_size=3)
    return call | attribute.map(lambda argument: {"Fn::GetAtt": argument})


TREES = st.dictionaries(
    KEYS,
    st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3) | functions(inner)
        ),
        max_leaves=12,
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=150, deadline=None)
@given(TREES)
def test_nothing_is_lost_on_the_way_there_and_back(template: dict[str, Any]) -> None:
    written = json.dumps(template)
    expected = tree(written)
    yaml_text = convert(written, "yaml")
    assert tree(yaml_text) == expected
    assert list(tree(yaml_text)) == list(template)
    assert tree(convert(yaml_text, "yaml")) == expected
    assert json.loads(convert(yaml_text, "json")) == expected


def test_the_command_writes_the_other_format_and_tells_of_comments(tmp_path: Path) -> None:
    source, target = tmp_path / "t.yaml", tmp_path / "t.json"
    source.write_text(YAML)
    result = CliRunner().invoke(command, [str(source), "-o", str(target)])
    assert result.exit_code == 0
    assert json.loads(target.read_text())["Resources"]
    assert "warning" in result.stderr
    assert "3 comments were left behind" in result.stderr
    back = CliRunner().invoke(command, ["-"], input=target.read_text())
    assert back.stdout.startswith("AWSTemplateFormatVersion: '2010-09-09'")
    assert back.stderr == ""

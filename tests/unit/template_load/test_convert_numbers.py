"""Numbers, booleans and text keep what they are when a template changes its format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from stackproof.cli.convert import command
from stackproof.errors import TemplateError
from stackproof.template.convert import convert

HUGE = "123456789012345678901234567890"
PLAIN = [
    # written in YAML, in JSON, whether that is told
    ("1.10", "1.10", False),
    (HUGE, HUGE, False),
    ("-9223372036854775809", "-9223372036854775809", False),
    ("9223372036854775808", "9223372036854775808", False),
    ("1.0e+3", "1.0e+3", False),
    ("0.000000000000000000001", "0.000000000000000000001", False),
    ("2012-10-17", '"2012-10-17"', False),
    ("2012-10-17T01:02:03Z", '"2012-10-17T01:02:03Z"', False),
    ("012345678901", '"012345678901"', False),
    ("1e3", '"1e3"', False),
    ("0o14", '"0o14"', False),
    ("y", '"y"', False),
    ("-.inf", '"-.inf"', False),
    ("True", "true", False),
    ("~", "null", False),
    ("!!str 1.10", '"1.10"', False),
    ("'007'", '"007"', False),
    ("007", "7", True),
    ("0x1F", "31", True),
    ("0xFFFFFFFFFFFFFFFFFF", "4722366482869645213695", True),
    ("1_000", "1000", True),
    ("1_0.50", "10.50", True),
    ("+1.10", "1.10", True),
    (".50", "0.50", True),
    ("12:30:45", "45045", True),
    ("yes", "true", True),
    ("off", "false", True),
]


def number(text: str) -> tuple[str, str]:
    return "number", text


def spelled(text: str) -> Any:
    """JSON with each number as it is written."""
    return json.loads(text, parse_int=number, parse_float=number)


@pytest.mark.parametrize(("written", "becomes", "told"), PLAIN)
def test_a_plain_scalar_stays_what_it_is_and_a_new_spelling_is_told(
    tmp_path: Path, written: str, becomes: str, told: bool
) -> None:
    source = tmp_path / "t.yaml"
    source.write_text(f"Metadata:\n  Value: {written}\n")
    result = CliRunner().invoke(command, [str(source)])
    assert result.exit_code == 0
    assert spelled(result.stdout) == {"Metadata": {"Value": spelled(becomes)}}
    assert (f"t.yaml:2:10: {written} " in result.stderr) is told
    assert bool(result.stderr) is told


@pytest.mark.parametrize("written", [written for written, _, _ in PLAIN])
def test_yaml_to_yaml_leaves_every_plain_scalar(written: str) -> None:
    text = convert(f"Value: {written}\n", "yaml")
    assert text.strip() in (f"Value: {written}", f"Value: '{written}'")


@pytest.mark.parametrize(
    ("key", "becomes", "told"), [("007", "007", 0), ("1.10", "1.10", 0), ("yes", "true", 1)]
)
def test_a_key_is_the_text_that_is_written(tmp_path: Path, key: str, becomes: str, told: int) -> None:
    source = tmp_path / "t.yaml"
    source.write_text(f"Mappings:\n  {key}: a\n")
    result = CliRunner().invoke(command, [str(source)])
    assert json.loads(result.stdout) == {"Mappings": {becomes: "a"}}
    assert result.stderr.count("warning") == told


def test_aliases_and_merge_keys_are_written_out_and_told(tmp_path: Path) -> None:
    source = tmp_path / "t.yaml"
    source.write_text("Base: &b {a: 1.10}\nMerged:\n  <<: *b\n  c: *b\n")
    result = CliRunner().invoke(command, [str(source)])
    base = {"a": number("1.10")}
    assert spelled(result.stdout) == {"Base": base, "Merged": {**base, "c": base}}
    assert "2 aliases were written out" in result.stderr
    kept = convert(source.read_text(), "yaml")
    assert "&b" in kept
    assert "<<: *b" in kept


@pytest.mark.parametrize(
    "argument", ['"Queue"', '["Queue"]', '"Queue.Arn"', '["A", "B.C"]', '[{"Ref": "A"}, "B"]']
)
def test_an_attribute_is_the_same_in_both_formats(argument: str) -> None:
    written = f'{{"Outputs": {{"Fn::GetAtt": {argument}}}}}'
    back = convert(convert(written, "yaml"), "json")
    parts = json.loads(argument)
    same = parts.split(".", 1) if isinstance(parts, str) and "." in parts else parts
    assert json.loads(back) == {"Outputs": {"Fn::GetAtt": same}}


def test_half_of_a_character_is_refused_at_its_place_and_kept_in_json() -> None:
    written = '{"A": "\\ud83d\\ude00",\n "B": "\\ud800"}'
    with pytest.raises(TemplateError) as caught:
        convert(written, "yaml", file="t.json")
    assert (caught.value.line, caught.value.column) == (2, 8)
    assert json.loads(convert(written, "json")) == json.loads(written)


def test_a_tag_that_json_could_not_show_is_refused_at_its_place() -> None:
    with pytest.raises(TemplateError) as caught:
        convert("A: 1\nB: !Frobnicate x\n", "json", file="t.yaml")
    assert (caught.value.line, caught.value.column) == (2, 4)
    assert "!Frobnicate x" in convert("A: 1\nB: !Frobnicate x\n", "yaml")


WHOLE = st.from_regex(r"-?(0|[1-9][0-9]{0,40})", fullmatch=True)
FRACTION = st.from_regex(r"-?(0|[1-9][0-9]{0,9})\.[0-9]{1,25}", fullmatch=True)
EXPONENT = st.from_regex(r"-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,4})?[eE][-+]?[0-9]{1,3}", fullmatch=True)
TEXT = st.sampled_from([written.strip("'") for written, _, _ in PLAIN])


def listing(numbers: list[str], texts: list[str]) -> str:
    """A template that holds these numbers in order, and each text as a key and as a value."""
    items = ", ".join([*numbers, *map(json.dumps, texts)])
    keys = ", ".join(f"{json.dumps(text)}: [{items}]" for text in texts)
    return f'{{"Values": [{items}], "Keys": {{{keys}}}}}'


@settings(max_examples=150, deadline=None)
@given(st.lists(WHOLE | FRACTION, max_size=4), st.lists(TEXT, max_size=3, unique=True))
def test_digits_and_text_survive_the_way_there_and_back(numbers: list[str], texts: list[str]) -> None:
    written = listing(numbers, texts)
    in_yaml = convert(written, "yaml")
    assert spelled(convert(in_yaml, "json")) == spelled(written)
    assert spelled(convert(convert(in_yaml, "yaml"), "json")) == spelled(written)
    assert spelled(convert(written, "json")) == spelled(written)


@settings(max_examples=100, deadline=None)
@given(EXPONENT)
def test_a_number_with_an_exponent_is_the_same_number_for_every_yaml_loader(written: str) -> None:
    in_yaml = convert(f'{{"Value": {written}}}', "yaml")
    assert yaml.safe_load(in_yaml) == {"Value": float(written)}
    assert json.loads(convert(in_yaml, "json")) == {"Value": float(written)}

"""Whatever stands in a YAML file: it is read as it is meant, or refused with file, line and column."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackproof.errors import ConfigError
from stackproof.hosts.document import parse, read
from stackproof.hosts.environment import read_details

REFUSED = {
    "a: !Ref x": ("tag !Ref has no meaning", 1, 4),
    "a: !foo {b: 1}": ("tag !foo", 1, 4),
    "b: 1\na: !!python/name:os.system x": ("python/name:os.system", 2, 4),
    "a: {b: 2026-13-45}": ("'2026-13-45' is no timestamp", 1, 8),
    "a: !!int abc": ("'abc' is no int", 1, 4),
    'a: !!binary "x$"': ("tag !!binary", 1, 4),
    "a: !!set {x, y}": ("tag !!set", 1, 4),
    "a: !!map [1]": ("tag !!map does not fit", 1, 4),
    "a: {<<: 3}": ("'<<' merges is no mapping", 1, 9),
    "a: {<<: [1, 2]}": ("'<<' merges is no mapping", 1, 9),
    "a: &x\n  b: *x": ("inside of what it stands for", 1, 4),
    "a:\n  {[1, 2]: 1}": ("a key is no single value", 2, 4),
    "[1]: 2": ("a key is no single value", 1, 1),
    "a: {b: 1, b: 2}": ("key 'b' stands twice", 1, 11),
    "a:\n " + "[" * 500: ("deeper than 64", 2, 65),
    "a: " + "[" * 30_000 + "]" * 30_000: ("deeper than 64", 1, 67),
    "a: *nope": ("undefined alias", 1, 4),
    "a: b: c": ("mapping values are not allowed", 1, 5),
    "a: 1\nb: \x00": ("special characters", 2, 4),
    "a: 1\n---\nb: 1": ("another document", 2, 1),
    "a: [1": ("is not valid YAML", 1, 6),
    "": ("is empty", 1, 1),
    "- a": ("the document is not a mapping", 1, 1),
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: repr(text[:20]))
def test_what_is_wrong_is_told_with_its_place(text: str) -> None:
    message, line, column = REFUSED[text]
    with pytest.raises(ConfigError) as caught:
        parse(text, "some.yml")
    error = caught.value
    assert message in error.message
    assert (error.file, error.line, error.column, error.exit_code) == ("some.yml", line, column, 2)


def test_aliases_that_would_fill_the_memory_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]" for n in range(8)]
    with pytest.raises(ConfigError, match=r"some\.yml:5:5: its aliases, written out, are more than 100,000"):
        parse("\n".join(lines), "some.yml")


def test_what_is_right_keeps_its_meaning() -> None:
    text = "a: &x {b: 1, c: [1.5, true, null, text]}\nd: {<<: *x, b: 2}\ne: *x\nf: !!str 5\n"
    found = parse(text, "some.yml")
    inside = [1.5, True, None, "text"]
    assert found.plain("a") == found.plain("e") == {"b": 1, "c": inside}
    assert (found.plain("d"), found.plain("f")) == ({"b": 2, "c": inside}, "5")


def test_what_is_no_utf8_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(ConfigError, match=r"a\.yml:2:4: is not UTF-8"):
        read(tmp_path / "a.yml")


def test_a_description_with_an_impossible_date_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "d.yml").write_text("resources:\n  A:\n    type: X\n    properties: {State: 2026-13-45}\n")
    with pytest.raises(ConfigError, match=r"d\.yml:4:25: '2026-13-45' is no timestamp"):
        read_details(tmp_path / "d.yml")


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab: \n-[]{}&*!<>|'\"#%@,?0159.~=", max_size=40))
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    try:
        parse(text, "some.yml")
    except ConfigError as error:
        place = (error.file, error.line > 0, error.column > 0)
    else:
        place = ("some.yml", True, True)
    assert place == ("some.yml", True, True)

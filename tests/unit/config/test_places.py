"""Where keys stand in TOML text, held against what tomllib reads from it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from stackproof.config.places import Path, places

TEXT = (
    """
# a = 1
a = 1  # b = 2
"quoted \\" key" = 'literal # [x]'
dotted . "k.e.y".'z' = [1, [2, 3], {i = 1, j.k = [{}]}, ]
long = '''
[not.a.header]
x = 1'''
escaped = """
    + '"""a\\"""b = 1\n""""'
    + """
when = 1979-05-27 07:32:00  # a date with a space
list = [
  "one",  # c = 3
  '''t]wo''',
]
[table.inner]
a = {b = "}", c = [']']}
[[many]]
x = 1
[many.sub]
y = 2
[[many]]
[[many.deep]]
z = 3
[[many.deep]]
z = 4
"""
)


def paths(value: Any, at: Path = ()) -> Iterator[Path]:
    """Every key and position below a value."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*at, key)
        if isinstance(inner, dict | list):
            yield from paths(inner, (*at, key))


def test_every_key_and_entry_has_its_place():
    assert set(places(TEXT)) == set(paths(tomllib.loads(TEXT)))


@pytest.mark.parametrize(
    ("path", "begins"),
    [
        (("a",), "a = 1"), (("dotted", "k.e.y", "z", 2, "j", "k"), "j.k"), (("list", 1), "'''t]wo"),
        (("when",), "when"), (("table", "inner", "a", "c", 0), "']'"),
        (("many", 1, "deep", 1), "[[many.deep]]"),
        (("many", 1, "deep", 1, "z"), "z = 4"), (("many", 0, "sub", "y"), "y = 2"),
    ],
)  # fmt: skip
def test_the_text_begins_there(path: Path, begins: str):
    line, column = places(TEXT)[path]
    assert TEXT.splitlines()[line - 1][column - 1 :].startswith(begins)


def test_lines_may_end_as_on_windows():
    assert places("a = 1\r\n[b]\r\nc = 2\r\n")[("b", "c")] == (3, 1)


VALUES = st.recursive(
    st.text(max_size=8)
    | st.integers()
    | st.booleans()
    | st.floats(allow_nan=False)
    | st.datetimes()
    | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=5))
def test_whatever_a_library_writes_is_found(table: dict[str, Any]):
    text = tomlkit.dumps(table)
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # what the writer gets wrong is not ours
    assert set(places(text)) == set(paths(read))

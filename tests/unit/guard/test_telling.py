"""Of values that a rule cannot tell apart one is tried; of those that it can, all."""

from __future__ import annotations

import pytest

from stackproof.checks.guard.classes import telling
from stackproof.checks.guard.literals import literals
from stackproof.checks.guard.source import parse
from stackproof.model import JSON


def kept(clause: str, *values: JSON, lets: str = "") -> list[JSON]:
    file = parse("x.guard", f"{lets}\nrule R {{ Resources.*[ Type == 'A::B::C' ] {{ {clause} }} }}")
    return list(telling(values, literals(file, "R")))


@pytest.mark.parametrize(
    ("clause", "values", "expected"),
    [
        ("Name == 'a'", ["x", "y", "a"], ["x", "a"]),
        ("Name == 'a' or Name == 'b'", ["x", "a", "b", "y"], ["x", "a", "b"]),
        ("Name in ['a', 'b']", ["x", "a", "b", "y"], ["x", "a"]),
        ("Name in ['a', 'b'] or Name == 'b'", ["x", "a", "b"], ["x", "a", "b"]),
        ("Name == ['a', 'b']", ["x", "a", "b"], ["x", "a", "b"]),
        ("Name in ['a', /^b/]", ["x", "a", "bb", "bc"], ["x", "a"]),
        ("Name in ['abc']", ["x", "abc", "bc"], ["x", "abc", "bc"]),
        ("Name == /^a/", ["x", "ab", "ac", "y"], ["x", "ab"]),
        ("Name == /^a/ or Name == /c$/", ["ab", "ac", "bc"], ["ab", "ac", "bc"]),
        ("Name !empty", ["x", "", "y"], ["x", ""]),
        ("Name == /(?<bad/", ["x", "y"], ["x", "y"]),
        ("Name > 'm'", ["a", "z"], ["a", "z"]),
        ("Name == Other", ["x", "y"], ["x", "y"]),
        ("Name > 5", [1, 9, 3], [1, 9, 3]),
        ("Name[*] == 'a'", [["x"], ["y"], ["a"], ["x", "a"], ["y", "a"]], [["x"], ["a"], ["x", "a"]]),
        ("Type == 'String'", ["x", "String"], ["x", "String"]),
        ("Names.%key exists", ["x", "y"], ["x", "y"]),
    ],
)
def test_one_of_every_kind_is_kept(clause: str, values: list[JSON], expected: list[JSON]) -> None:
    assert kept(clause, *values) == expected


def test_a_named_list_counts_as_a_whole_only_where_nothing_but_membership_is_asked() -> None:
    lets = "let named = ['a', /^b/]"
    assert kept("Name in %named", "x", "a", "bb", lets=lets) == ["x", "a"]
    assert kept("Name in %named or Name == %named", "x", "a", "bb", lets=lets) == ["x", "a", "bb"]

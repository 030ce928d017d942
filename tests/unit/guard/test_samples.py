"""Sample values match what an unknown admits and differ where a rule can tell values apart."""

from __future__ import annotations

import re

import pytest

from stackproof.checks.guard.literals import literals
from stackproof.checks.guard.patterns import occurrence, sample
from stackproof.checks.guard.samples import candidates, fresh
from stackproof.checks.guard.source import parse
from stackproof.template.model import Unknown

PATTERNS = [
    r".+",
    r"arn:(?:aws|aws-cn|aws-us-gov):kms:[a-z0-9-]+:[0-9]{12}:key/[a-f0-9-]{36}",
    r"arn:aws:s3:::.+/\*",
    r"[0-9]+",
    r"(?:subnet|eni)-[0-9a-f]{8,17}",
    r"[A-Za-z][A-Za-z0-9-]{0,127}",
    r"(\w)\1x?",
    r"\d{1,3}(\.\d{1,3}){3}/\d{1,2}",
    r"[^/]*",
    r"https://[^.]+\.execute-api\.[^.]+\.amazonaws\.com/(prod|test)",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_sample_matches_from_end_to_end(pattern: str) -> None:
    value = sample(pattern)
    assert value is not None
    assert re.fullmatch(pattern, value)
    assert sample(pattern) == value


@pytest.mark.parametrize("pattern", [*PATTERNS, r"(?i)^prod-", r"^(?!x)a+$", r"\*$", r"a|b", r"[*]"])
def test_an_occurrence_is_found(pattern: str) -> None:
    value = occurrence(pattern)
    assert value is not None
    assert re.search(pattern, value)


def test_a_filler_stands_in_the_open_place() -> None:
    assert sample(r"arn:aws:s3:::.+/\*", "mine") == "arn:aws:s3:::mine/*"
    assert sample(r"[0-9]+", "mine") != "mine"


def test_a_pattern_that_cannot_be_read_gives_nothing() -> None:
    assert sample(r"(unclosed") is None
    assert occurrence(r"(unclosed") is None


@pytest.mark.parametrize("pattern", PATTERNS)
def test_fresh_values_are_of_the_pattern(pattern: str) -> None:
    value = fresh(Unknown({"Ref": "A"}, "", "string", pattern))
    assert isinstance(value, str)
    assert re.fullmatch(pattern, value)


def test_unknowns_have_different_fresh_values() -> None:
    for pattern in ("", ".+", "arn:aws:s3:::.+"):
        assert fresh(Unknown({"Ref": "A"}, "", "string", pattern)) != fresh(
            Unknown({"Ref": "B"}, "", "string", pattern)
        )


def test_candidates_are_only_what_is_admitted() -> None:
    file = parse("x.guard", "rule R { A in ['*', 'arn:aws:s3:::x/*', 'b'] or A == /^arn:aws:s3:::logs/ }")
    told = literals(file, "R")
    narrow = Unknown({"Ref": "A"}, "", "string", r"arn:aws:s3:::.+/\*")
    values = candidates(narrow, told)
    assert "arn:aws:s3:::x/*" in values
    assert all(isinstance(v, str) and re.fullmatch(narrow.pattern, v) for v in values)
    assert {bool(re.search("^arn:aws:s3:::logs", str(v))) for v in values} == {True, False}
    generated = Unknown({"Ref": "A"}, "", "string", generated=True)
    assert not {"*", "b", "arn:aws:s3:::x/*"} & set(map(str, candidates(generated, told)))


def test_a_long_list_keeps_its_telling_values() -> None:
    file = parse("x.guard", "rule R { A == 'v77' }")
    listed = Unknown({"Ref": "A"}, "", "string", values=tuple(f"v{i}" for i in range(100)))
    values = candidates(listed, literals(file, "R"))
    assert "v77" in values
    assert len(values) < 40

"""Unknown values of a known shape: expressions of a rule, functions over them, and what messages show."""

from __future__ import annotations

from typing import Any

import pytest

from stackproof.checks.guard.witness import witness
from stackproof.model import Outcome
from stackproof.template.model import Unknown

BUCKET = "AWS::S3::Bucket"
LET = f"let found = Resources.*[ Type == '{BUCKET}' ]\n"
REGION = "(?:[a-z]{2}(?:-[a-z]+)+-[0-9])"
QUEUE = f"arn:(?:aws|aws-cn|aws-us-gov):sqs:{REGION}:(?:[0-9]{{12}}):(?:[A-Za-z0-9._-]+)"
STACK = "[A-Za-z][A-Za-z0-9-]{0,127}"


def unknown(pattern: str = "", **more: Any) -> Unknown:
    return Unknown({"Ref": "P"}, "parameter P has no value", "string", pattern, **more)


def rule(clause: str) -> str:
    return LET + "rule CHECKED when %found !empty { %found.Properties {\n" + clause + "\n} }"


@pytest.mark.parametrize(
    ("clause", "value", "expected"),
    [
        ("Name != /^us-/", unknown(f"{REGION}a"), "undecided"),
        ("Name == /^eu-/", unknown(f"{REGION}a"), "undecided"),
        ("Name != /^1/", unknown("[0-9]{12}"), "undecided"),
        ("Name == /^1/", unknown("[0-9]{12}"), "undecided"),
        ("Name != /^abc$/", unknown("[a-z]{3}"), "undecided"),
        ("Name == /^abc$/", unknown("[a-z]{3}"), "undecided"),
        ("Name != /^us-/", unknown("[a-z]{2}(?:-[a-z0-9]+)+-[0-9][a-z]"), "undecided"),
        ("when Name == /^us-/ { Other exists }", unknown(f"{REGION}a"), "undecided"),
        ("Name != /^prod/", unknown(STACK), "undecided"),
        ("Name == /^prod-/", unknown(STACK), "undecided"),
        ("Name == /^(?!prod-)/", unknown(STACK), "undecided"),
        ("Name == /^eu-/", unknown(f"{REGION}[a-z]", generated=True), "undecided"),
        ("Name == /sqs:eu-/", unknown(QUEUE, generated=True), "undecided"),
        ("Name == /^arn:aws[a-z-]*:sqs:/", unknown(QUEUE, generated=True), "pass"),
        ("Name != /^arn:aws:sns:/", unknown(QUEUE, generated=True), "pass"),
        ("Name == /^[0-9]+$/", unknown("[0-9]{12}"), "pass"),
        ("Name == /^[0-9]{11}$/", unknown("[0-9]{12}"), "fail"),
        ("Name == /^[A-Z]/", unknown("[a-z]{3}"), "fail"),
    ],
)
def test_an_expression_decides_only_what_the_shape_decides(
    bench: Any, clause: str, value: Unknown, expected: str
) -> None:
    assert bench.verdict(rule(clause), {"B": (BUCKET, {"Name": value})}) == expected


@pytest.mark.parametrize(
    ("pattern", "regex", "both"),
    [
        ("a|b", "^a$", ("a", "b")),
        ("x{3}", "x", ("xxx", None)),
        ("[a-c]", "d", (None, "a")),
        ("[a-z]*", "^(?=.*adm)", ("adm", "")),
        ("(", "a", (None, None)),
        ("a{5000}", "b", (None, None)),
    ],
)
def test_witnesses_are_strings_of_the_pattern_with_and_without_the_expression(
    pattern: str, regex: str, both: tuple[str | None, str | None]
) -> None:
    assert (witness(pattern, regex, occurs=True), witness(pattern, regex, occurs=False)) == both


@pytest.mark.parametrize(
    "clauses",
    [
        'let s = regex_replace(Name, "^(.*)-(.*)$", "${2}")\n%s != \'bad\'',
        "let s = substring(Name, 0, 3)\n%s != 'bad'",
        "let s = to_upper(Name)\n%s == 'BAD'",
        "let s = json_parse(Name)\n%s.a exists",
        "let s = parse_int(Name)\n%s > 3",
    ],
)
def test_what_is_computed_from_an_unknown_is_undecided_and_the_other_rules_are_judged(
    bench: Any, clauses: str
) -> None:
    text = rule(clauses) + "\nrule OTHER when %found !empty { %found.Properties.Missing exists }"
    found = bench.judge(text, {"B": (BUCKET, {"Name": unknown()})})
    assert [(f.rule, f.outcome) for f in found if f.rule != "OTHER"] == [("CHECKED", Outcome.UNDECIDED)]
    assert [f.outcome for f in found if f.rule == "OTHER"] == [Outcome.FAIL]
    assert all("P" in f.evidence["unknown"] for f in found if f.rule == "CHECKED")


def test_a_function_over_all_buckets_fails_the_known_one_and_leaves_the_unknown_one_open(bench: Any) -> None:
    text = LET + (
        'let s = regex_replace(%found.Properties.Name, "^(.*)-(.*)$", "${2}")\n'
        "rule CHECKED when %found !empty { %s != 'bad' }"
    )
    found = bench.judge(text, {"A": (BUCKET, {"Name": "x-bad"}), "B": (BUCKET, {"Name": unknown()})})
    assert {(f.logical_id, f.outcome) for f in found} == {("A", Outcome.FAIL), ("B", Outcome.UNDECIDED)}


def test_a_function_over_what_is_known_is_decided(bench: Any) -> None:
    text = rule("let s = to_upper(Name)\n%s == 'BAD'")
    properties = {"Name": "bad", "Other": unknown()}
    assert bench.verdict(text, {"B": (BUCKET, properties)}) == "pass"


def test_messages_show_the_expression_and_no_invented_value(bench: Any) -> None:
    (finding,) = bench.judge(rule("Name is_list"), {"B": (BUCKET, {"Name": unknown()})})
    compared = bench.judge(rule("Name == /^a$/"), {"B": (BUCKET, {"Name": unknown("[b-z]+")})})
    assert finding.outcome is Outcome.FAIL
    assert [f.outcome for f in compared] == [Outcome.FAIL]
    assert '{"Ref": "P"} does not satisfy' in compared[0].message
    assert "sample" not in finding.message + compared[0].message

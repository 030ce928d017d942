"""A rule is undecided when the value of something unknown changes its answer, and only then."""

from __future__ import annotations

from typing import Any

import pytest

from stackproof.model import Finding, Outcome
from stackproof.template.model import ABSENT, Choice, Unknown

BUCKET = "AWS::S3::Bucket"
LET = f"let found = Resources.*[ Type == '{BUCKET}' ]\n"


def rule(*clauses: str) -> str:
    return LET + "rule CHECKED when %found !empty { %found.Properties {\n" + "\n".join(clauses) + "\n} }"


def parameter(name: str = "P", **more: Any) -> Unknown:
    return Unknown({"Ref": name}, f"parameter {name} has no value", **{"kind": "string", **more})


def generated(name: str = "Key", pattern: str = "") -> Unknown:
    return Unknown({"Fn::GetAtt": [name, "Arn"]}, "known after deployment", "string", pattern, generated=True)


ARN = r"arn:aws:kms:[a-z0-9-]+:[0-9]{12}:key/[a-z0-9-]+"
FREE, NUMBER, FLAG = parameter(), parameter(kind="number"), parameter(kind="boolean")
WORDS = parameter(kind="list")


@pytest.mark.parametrize(
    ("clause", "value", "expected"),
    [
        ("Name == 'a'", FREE, "undecided"),
        ("Name != 'a'", FREE, "undecided"),
        ("Name in ['a', 'b']", FREE, "undecided"),
        ("Name not in ['a', 'b']", FREE, "undecided"),
        ("Name in ['a', 'b']", parameter(values=("a", "b")), "pass"),
        ("Name not in ['a', 'b']", parameter(values=("a", "b")), "fail"),
        ("Name in ['a', 'b']", parameter(values=("a", "c")), "undecided"),
        ("Name exists", FREE, "pass"),
        ("Name !exists", FREE, "fail"),
        ("Name !empty", FREE, "pass"),
        ("Name empty", FREE, "fail"),
        ("Name !empty", parameter(may_be_empty=True), "undecided"),
        ("Name is_string", FREE, "pass"),
        ("Name is_list", FREE, "fail"),
        ("Name is_string", parameter(kind="any"), "undecided"),
        ("Name == /^prod-/", FREE, "undecided"),
        ("Name != /^prod-/", FREE, "undecided"),
        ("Name == /^prod-/", parameter(pattern="prod-.+"), "pass"),
        ("Name == /^prod-/", parameter(pattern="test-.+"), "fail"),
        ("Name == /-live$/", parameter(pattern="prod-.+"), "undecided"),
        ("Name == /^arn:aws:kms:/", generated(pattern=ARN), "pass"),
        ("Name != /^arn:aws:kms:/", generated(pattern=ARN), "fail"),
        ("Name == 'alias/aws/s3'", generated(), "fail"),
        ("Name != 'alias/aws/s3'", generated(), "pass"),
        ("Name not in ['*', 'alias/aws/s3']", generated(pattern=ARN), "pass"),
        ("Name != '*'", parameter(pattern=r"arn:aws:s3:::.+/\*"), "pass"),
        ("Name == '*'", parameter(pattern=r"arn:aws:s3:::.+/\*"), "fail"),
        ("Name == /\\*$/", parameter(pattern=r"arn:aws:s3:::.+/\*"), "pass"),
        ("Name <= 5", NUMBER, "undecided"),
        ("Name >= 0", parameter(kind="number", values=(1, 2)), "pass"),
        ("Name in r[1,10]", NUMBER, "undecided"),
        ("Name in r[1,10]", parameter(kind="number", values=(3, 9)), "pass"),
        ("Name in r(1,10)", parameter(kind="number", values=(1, 9)), "undecided"),
        ("Name == true", FLAG, "undecided"),
        ("Name is_bool", FLAG, "pass"),
        ("Name[*] != '*'", WORDS, "undecided"),
        ("Name !empty", WORDS, "pass"),
        ("Name !empty", parameter(kind="list", may_be_empty=True), "undecided"),
        ("some Name[*] == 'a'", WORDS, "undecided"),
        ("Other == 'a'", FREE, "fail"),
        ("Name == 'a' or Name != 'a'", FREE, "pass"),
        ("Name == 'a'\nName == 'b'", FREE, "fail"),
        ("Name == 'a' or Other !exists", FREE, "pass"),
        ("when Name == 'a' { Other exists }", FREE, "undecided"),
        ("when Name == 'a' { Name == /^a/ }", FREE, "pass"),
        ("when Name exists { Other exists }", FREE, "fail"),
        ("when Name is_list { Other exists }", FREE, "pass"),
    ],
)
def test_a_value_that_nobody_knows(bench: Any, clause: str, value: Unknown, expected: str) -> None:
    assert bench.verdict(rule(clause), {"B": (BUCKET, {"Name": value})}) == expected


@pytest.mark.parametrize(
    ("clauses", "expected"),
    [
        (["A == 'x'", "B == 'y'"], "undecided"),
        (["A == 'x' or B == 'y'"], "undecided"),
        (["when A == 'x' { B == 'y' }"], "undecided"),
        (["when A == 'x' { when B == 'y' { C exists } }"], "undecided"),
        (["when A == 'x' { when B == 'y' { A exists } }"], "pass"),
        (["when A == B { Zed exists }"], "undecided"),
        (["A == B"], "undecided"),
        (["A exists", "B exists"], "pass"),
    ],
)
def test_two_unknowns_take_part_together(bench: Any, clauses: list[str], expected: str) -> None:
    properties = {"A": parameter("One"), "B": parameter("Two")}
    assert bench.verdict(rule(*clauses), {"B": (BUCKET, properties)}) == expected


def test_many_unknowns_that_must_agree_are_found_by_what_the_clauses_ask_for(bench: Any) -> None:
    names = [f"P{index}" for index in range(9)]
    clauses = [f"{name} == 'wanted{index}'" for index, name in enumerate(names)]
    properties = {name: parameter(name) for name in names}
    assert bench.verdict(rule(*clauses), {"B": (BUCKET, properties)}) == "undecided"
    nested = "Zed exists"
    for clause in clauses:
        nested = f"when {clause} {{ {nested} }}"
    assert bench.verdict(rule(nested), {"B": (BUCKET, properties)}) == "undecided"


def test_the_same_parameter_has_the_same_value_everywhere(bench: Any) -> None:
    twice = {"B": (BUCKET, {"A": parameter("P"), "B": parameter("P")})}
    assert bench.verdict(rule("when A == 'x' { B == 'x' }"), twice) == "pass"
    assert bench.verdict(rule("A == B"), twice) == "pass"
    differing = {"B": (BUCKET, {"A": parameter("P"), "B": parameter("Q")})}
    assert bench.verdict(rule("when A == 'x' { B == 'x' }"), differing) == "undecided"


class TestChoices:
    def test_a_property_that_a_condition_takes_away(self, bench: Any) -> None:
        absent = {"B": (BUCKET, {"Name": Choice("C", "a", ABSENT)})}
        assert bench.verdict(rule("Name exists"), absent) == "undecided"
        assert bench.verdict(rule("Name !exists"), absent) == "undecided"
        assert bench.verdict(rule("when Name exists { Name == 'a' }"), absent) == "pass"

    def test_both_sides_keep_the_rule(self, bench: Any) -> None:
        both = {"B": (BUCKET, {"Name": Choice("C", "a", "b")})}
        assert bench.verdict(rule("Name in ['a', 'b']"), both) == "pass"
        assert bench.verdict(rule("Name == 'c'"), both) == "fail"
        assert bench.verdict(rule("Name == 'a'"), both) == "undecided"

    def test_the_same_condition_has_the_same_side_everywhere(self, bench: Any) -> None:
        properties = {"A": Choice("C", "x", "y"), "B": Choice("C", "x", "y")}
        assert bench.verdict(rule("A == B"), {"B": (BUCKET, properties)}) == "pass"
        properties["B"] = Choice("D", "x", "y")
        assert bench.verdict(rule("A == B"), {"B": (BUCKET, properties)}) == "undecided"

    def test_conditions_that_exclude_each_other_are_never_both_true(self, bench: Any) -> None:
        definitions = {
            "IsProd": {"Fn::Equals": [{"Ref": "Env"}, "prod"]},
            "IsNot": {"Fn::Not": [{"Condition": "IsProd"}]},
            "IsTest": {"Fn::Equals": [{"Ref": "Env"}, "test"]},
        }
        conditions = dict.fromkeys(definitions)
        for other in ("IsNot", "IsTest"):
            properties = {"A": Choice("IsProd", "bad", "good"), "B": Choice(other, "bad", "good")}
            resources = {"B": (BUCKET, properties)}
            found = bench.verdict(
                rule("A == 'good' or B == 'good'"), resources, definitions=definitions, conditions=conditions
            )
            assert found == "pass"

    def test_a_list_item_that_may_be_missing(self, bench: Any) -> None:
        tags = [Choice("C", {"Key": "a"}, ABSENT), {"Key": "b"}]
        found = bench.judge(rule("Tags[*].Key != 'b'"), {"B": (BUCKET, {"Tags": tags})})
        assert {finding.path for finding in found if finding.outcome is Outcome.FAIL} <= {
            ("Resources", "B", "Properties", "Tags", 1, "Key")
        }
        assert any(finding.outcome is Outcome.FAIL for finding in found)
        assert bench.verdict(rule("some Tags[*].Key == 'a'"), {"B": (BUCKET, {"Tags": tags})}) == "undecided"

    def test_a_resource_that_stands_or_falls_with_a_condition(self, bench: Any) -> None:
        resources = {"B": (BUCKET, {"Name": "bad"})}
        assert bench.verdict(rule("Name == 'good'"), resources, conditional={"B": "C"}) == "undecided"
        assert bench.verdict(rule("Name == 'bad'"), resources, conditional={"B": "C"}) == "pass"

    def test_many_conditions_are_flipped_one_by_one(self, bench: Any) -> None:
        properties = {f"P{i}": Choice(f"C{i}", "good", "bad" if i == 11 else "good") for i in range(12)}
        clauses = [f"P{i} == 'good'" for i in range(12)]
        found = bench.judge(rule(*clauses), {"B": (BUCKET, properties)})
        assert [f.outcome for f in found] == [Outcome.UNDECIDED]
        assert "C11" in found[0].message
        assert "C3" not in found[0].message


class TestWhatIsSaid:
    def judged(self, bench: Any, clause: str, **properties: Any) -> list[Finding]:
        found: list[Finding] = bench.judge(rule(clause), {"B": (BUCKET, properties)})
        return found

    def test_it_names_the_unknown_that_decides_and_stands_there(self, bench: Any) -> None:
        (finding,) = self.judged(
            bench, "A exists <<needs a>>\nB == 'y' <<must be y>>", A=parameter("One"), B=parameter("Two")
        )
        assert finding.outcome is Outcome.UNDECIDED
        assert finding.path == ("Resources", "B", "Properties", "B")
        assert finding.message.startswith("must be y")
        assert "parameter Two has no value" in finding.message
        assert "One" not in finding.message
        assert finding.evidence["holds_with"] == "y"
        assert finding.logical_id == "B"

    def test_a_failure_in_every_world_shows_the_function_and_not_a_sample(self, bench: Any) -> None:
        (finding,) = self.judged(bench, "A == '*' <<must be a star>>", A=generated(pattern=ARN))
        assert finding.outcome is Outcome.FAIL
        assert "Fn::GetAtt" in finding.evidence["value"]
        assert finding.evidence["compared_with"] == "*"

    def test_a_failure_for_sure_stays_one_beside_what_hangs(self, bench: Any) -> None:
        found = self.judged(bench, "A == 'x'\nB == 'y'", A="wrong", B=parameter("Two"))
        assert {(f.path[-1], f.outcome) for f in found} == {("A", Outcome.FAIL), ("B", Outcome.UNDECIDED)}

    def test_each_resource_has_its_own_answer(self, bench: Any) -> None:
        resources = {
            "Sure": (BUCKET, {"Name": "bad"}),
            "Fine": (BUCKET, {"Name": "good"}),
            "Open": (BUCKET, {"Name": parameter()}),
            "Also": (BUCKET, {"Name": parameter("Q")}),
            "Other": ("AWS::SQS::Queue", {"Name": parameter("R")}),
        }
        found = bench.judge(rule("Name == 'good'"), resources)
        assert {(f.logical_id, f.outcome.value) for f in found} == {
            ("Sure", "fail"),
            ("Open", "undecided"),
            ("Also", "undecided"),
        }
        told = {f.logical_id: f.evidence["unknown"] for f in found if f.outcome is Outcome.UNDECIDED}
        assert told == {
            "Open": '{"Ref": "P"} (parameter P has no value)',
            "Also": '{"Ref": "Q"} (parameter Q has no value)',
        }

    def test_it_says_the_same_twice(self, bench: Any) -> None:
        names = [f"P{i}" for i in range(5)]
        clauses = [f"{name} in ['a', 'b'] or {name} == /z$/" for name in names]
        properties = {name: parameter(name) for name in names}
        runs = [bench.judge(rule(*clauses), {"B": (BUCKET, properties)}) for _ in range(2)]
        assert runs[0] == runs[1]


def test_filters_and_key_filters_hang_on_the_unknown_too(bench: Any) -> None:
    statements = {"Statement": [{"Effect": parameter("Effect"), "Action": "*"}]}
    policy = {"B": (BUCKET, {"Policy": statements})}
    filtered = rule("Policy.Statement[ Effect == 'Allow' ].Action != '*'")
    assert bench.verdict(filtered, policy) == "undecided"
    tags = {"B": (BUCKET, {"Tags": {"env-a": parameter()}})}
    assert bench.verdict(rule("Tags[ keys == /^env-/ ] == 'prod'"), tags) == "undecided"
    assert bench.verdict(rule("some Tags[ keys == /^team-/ ] == 'prod'"), tags) in {"pass", "fail"}


def test_a_rule_that_calls_rules_hangs_on_what_they_look_at(bench: Any) -> None:
    text = (
        LET
        + "rule names(found) { %found.Properties.Name == 'a' <<no name>> }\n"
        + "rule BASE { names(%found) }\n"
        + "rule TOP when BASE { %found.Properties.Zed exists }"
    )
    found = bench.judge(text, {"B": (BUCKET, {"Name": parameter()})})
    assert {(f.rule, f.outcome.value) for f in found} == {("BASE", "undecided"), ("TOP", "undecided")}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("Resources.*.Properties.Zed == 'z'", "undecided"),
        ("Resources[ keys == /Other/ ].Properties.Zed == 'z'", "undecided"),
        ("Resources.Other.Properties.Zed == 'z'", "undecided"),
        ("Resources.*[ Type == 'AWS::SQS::Queue' ].Properties.Zed == 'z'", "undecided"),
        ("Outputs.Zed == 'z'", "fail"),
    ],
)
def test_an_unknown_in_another_resource_counts_where_the_rule_looks(
    bench: Any, more: str, expected: str
) -> None:
    text = LET + "rule R when %found !empty {\n%found.Properties.Zed == 'z'\n" + more + "\n}"
    resources = {"B": (BUCKET, {"Zed": "z"}), "Other": ("AWS::SQS::Queue", {"Zed": parameter()})}
    assert bench.verdict(text, resources) == expected


def test_a_rule_that_looks_a_resource_up_by_its_name(bench: Any) -> None:
    text = (
        "let doc = this\n"
        + LET
        + "rule lookup(doc, name) { %doc.Resources[ keys == %name ] !empty }\n"
        + "rule R when %found !empty { %found.Properties { lookup(%doc, Target) <<no target>> Zed == 'z' } }"
    )
    resources = {"B": (BUCKET, {"Target": "Other", "Zed": parameter()}), "Other": ("AWS::SQS::Queue", {})}
    assert bench.verdict(text, resources) == "undecided"
    resources["B"][1]["Zed"] = "z"
    assert bench.verdict(text, resources) == "pass"

"""Resources that a rule looks at one by one are asked about alone, and answer as they do together."""

from __future__ import annotations

from typing import Any

import pytest

from stackproof.checks.guard.ground import Ground
from stackproof.checks.guard.separate import separable
from stackproof.checks.guard.source import parse
from stackproof.config import RuleSet
from stackproof.model import Finding
from stackproof.template.model import Choice, Unknown

BUCKET, QUEUE = "AWS::S3::Bucket", "AWS::SQS::Queue"
LETS = (
    f"let buckets = Resources.*[ Type == '{BUCKET}' ]\n"
    f"let queues = Resources.*[ Type == '{QUEUE}' ]\n"
    f"let named = Resources.*[ Type == '{BUCKET}'\n Properties.Name exists ]\n"
    "let good = ['good', /^fine-/]\n"
)
PLAIN = LETS + "rule R when %buckets !empty { %buckets.Properties { Name in %good <<a name>> Zed == 'z' } }"
BOTH = LETS + (
    "rule R when %buckets !empty or %queues not empty {\n"
    "when %buckets !empty { %buckets.Properties.Name in %good }\n"
    "when %queues !empty { %queues.Properties { when Name in %good { Zed == 'z' or Name == 'good' } } }\n}"
)


def unknown(name: str, **more: Any) -> Unknown:
    return Unknown({"Ref": name}, f"parameter {name} has no value", "string", **more)


RESOURCES: dict[str, Any] = {
    "One": (BUCKET, {"Name": unknown("P"), "Zed": unknown("Q")}),
    "Two": (BUCKET, {"Name": unknown("P"), "Zed": "z"}),
    "Three": (QUEUE, {"Name": unknown("P"), "Zed": Choice("C", "z", "y")}),
    "Four": (QUEUE, {"Name": "good", "Zed": unknown("R", values=("y", "x"))}),
    "Five": (BUCKET, {"Name": Choice("C", "good", "bad"), "Zed": unknown("Q")}),
    "Six": (BUCKET, {"Name": "bad", "Zed": "z"}),
}


@pytest.mark.parametrize("text", [PLAIN, BOTH])
def test_apart_and_together_give_the_same(bench: Any, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert separable(parse("x.guard", text), "R")
    more: dict[str, Any] = {"conditional": {"Two": "D"}}
    apart: list[Finding] = bench.judge(text, RESOURCES, **more)
    monkeypatch.setattr(Ground, "split", lambda ground: [ground])
    together: list[Finding] = bench.judge(text, RESOURCES, **more)
    told = [[(f.rule, f.outcome, f.path, f.message) for f in found] for found in (apart, together)]
    assert told[0] == told[1]
    assert {f.outcome.value for f in apart} == {"fail", "undecided"}


@pytest.mark.parametrize(
    "body",
    [
        "when %queues !empty { %buckets.Properties.Name == 'good' }",
        "when %named !empty { %buckets.Properties.Name == 'good' }",
        "when %queues.Properties.Name == 'good' { %buckets.Properties.Name == 'good' }",
        "%buckets.Properties.Name == 'good' or %buckets.Properties.Name == 'fine'",
        "%buckets.Properties.Tags[ Key == 'a' ] !empty",
        "%buckets empty",
        "some %buckets.Properties.Name == 'good'",
        "%buckets { %queues.Properties.Name == 'good' }",
        "%buckets { Resources.*[ Type == 'AWS::SQS::Queue' ].Properties.Name == 'good' }",
        "%buckets.Properties.Name == %queues.Properties.Name",
        "Outputs.Name exists",
        "AWS::S3::Bucket { Properties.Name exists }",
        "let other = %buckets.Properties.Name  %other == 'good'",
    ],
)
def test_what_couples_resources_is_asked_together(body: str) -> None:
    text = LETS + f"rule R when %buckets !empty {{ {body} }}"
    assert not separable(parse("x.guard", text), "R")


def test_a_resource_that_another_kind_switches_on_is_judged_with_it(bench: Any) -> None:
    text = LETS + (
        "let open = Resources.*[ Type == 'AWS::SQS::Queue'\n Properties.Name == 'open' ]\n"
        "rule R when %buckets !empty { when %open !empty { %buckets.Properties.Zed == 'z' } }"
    )
    queue = (QUEUE, {"Name": unknown("P")})
    switched = {"Q": queue, "B": (BUCKET, {"Zed": unknown("Q", values=("y",))})}
    assert bench.verdict(text, switched) == "undecided"


def test_answers_are_remembered_for_the_same_rules_and_parameters_only(bench: Any) -> None:
    """The same resource under other rules, or other parameters of the rule set, is asked about again."""
    text = LETS + "rule R when %buckets !empty { %buckets.Properties.Name == 'WANTED' }"
    resources = {"B": (BUCKET, {"Name": unknown("P", values=("a", "b"))})}
    for wanted, expected in (("a", "undecided"), ("c", "fail"), ("b", "undecided"), ("c", "fail")):
        assert bench.verdict(text.replace("WANTED", wanted), resources) == expected
    asking = (
        LETS + "rule R when %buckets !empty { when limits.on == true { %buckets.Properties.Name == 'a' } }"
    )
    for on, expected in ((True, "undecided"), (False, "pass"), (True, "undecided")):
        ruleset = RuleSet(path="rules", parameters={"limits": {"on": on}})
        assert bench.verdict(asking, resources, ruleset=ruleset) == expected


def test_a_rule_that_fails_in_many_places_is_told_in_full(bench: Any) -> None:
    """The brief report of the engine is cut off there."""
    resources = {f"B{index}": (BUCKET, {"Name": "x" * 200}) for index in range(60)}
    found = bench.judge(
        LETS + "rule R when %buckets !empty { %buckets.Properties.Name == 'good' }", resources
    )
    assert len(found) == len(resources)


def test_a_value_that_a_condition_bars_does_not_stand_for_others_of_its_kind(bench: Any) -> None:
    """Where the parameter is not "a" it may still be "b", which is as bad."""
    parameter = unknown("P", values=("a", "b", "good"))
    resources = {"B": (BUCKET, {"Name": Choice("IsA", "good", parameter), "Zed": "z"})}
    definitions = {"IsA": {"Fn::Equals": [{"Ref": "P"}, "a"]}}
    found = bench.verdict(PLAIN, resources, definitions=definitions, conditions={"IsA": None})
    assert found == "undecided"


def test_a_condition_that_can_only_be_false_is_asked_about(bench: Any) -> None:
    resources = {"B": (BUCKET, {"Name": Choice("Never", "bad", "good"), "Zed": "z"})}
    definitions = {"Never": {"Fn::Equals": ["x", "y"]}}
    assert bench.verdict(PLAIN, resources, definitions=definitions, conditions={"Never": None}) == "pass"

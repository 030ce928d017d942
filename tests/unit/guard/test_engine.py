"""The native verdict with its place, value and message; bad input included."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from stackproof.checks.guard import adapter
from stackproof.checks.guard.adapter import GuardError, evaluate
from stackproof.checks.guard.documents import encode, plain
from stackproof.checks.guard.engine import GuardEngine
from stackproof.checks.guard.prefilter import concerned, text_of
from stackproof.checks.guard.report import statuses
from stackproof.checks.guard.source import parse
from stackproof.model import Finding

BUCKET = "AWS::S3::Bucket"
RULES = """
let buckets = Resources.*[ Type == 'AWS::S3::Bucket' ]
let names = ['a', 'b']

rule named(found) { %found.Properties.Name in %names <<Violation: odd name
    Fix: choose a or b>> }

rule CALLS when %buckets !empty { named(%buckets) }

rule EITHER when %buckets !empty {
    %buckets.Properties {
        Name == /^x#{/ or
        Acl == "Private # {"  # a remark }
            <<neither>>
    }
}

rule AFTER when CALLS { Resources exists }
rule AGAIN when %buckets !empty { %buckets.Properties.Name == 'a' }
rule AGAIN when Outputs exists { Outputs.X exists }
rule TRAIL { Resources.*[ Type == 'AWS::CloudTrail::Trail' ] !empty <<a trail is needed>> }
"""


def judged(bench: Any, rules: str, resources: dict[str, Any], **more: Any) -> list[Finding]:
    found: list[Finding] = bench.judge(rules, resources, **more)
    return found


def test_findings_carry_place_value_and_message(bench: Any) -> None:
    found = {f.rule: f for f in judged(bench, RULES, {"B": (BUCKET, {"Name": "c", "Acl": "Public"})})}
    assert set(found) == {"CALLS", "EITHER", "AGAIN", "TRAIL"}
    calls = found["CALLS"]
    assert calls.path == ("Resources", "B", "Properties", "Name")
    assert (calls.logical_id, calls.source) == ("B", "guard")
    assert (calls.message, calls.fix) == ("odd name", "choose a or b")
    assert (calls.evidence["value"], calls.evidence["compared_with"]) == ("c", '["a", "b"]')
    assert found["TRAIL"].path == ("Resources",)
    assert found["TRAIL"].message == "a trail is needed"


def test_the_message_of_an_or_belongs_to_all_of_it(bench: Any) -> None:
    found = [
        f for f in judged(bench, RULES, {"B": (BUCKET, {"Name": "c", "Acl": "P"})}) if f.rule == "EITHER"
    ]
    assert {f.path[-1] for f in found} == {"Name", "Acl"}
    assert {f.message for f in found} == {"neither"}


def test_what_is_missing_is_named_and_stands_at_its_parent(bench: Any) -> None:
    (finding,) = judged(bench, "rule R { Resources.*.Properties.Name.First exists }", {"B": (BUCKET, {})})
    assert finding.path == ("Resources", "B", "Properties")
    assert finding.evidence["missing"] == "Name.First"
    assert "Name is missing" in finding.message


def test_a_key_with_slashes_is_found_by_walking_the_tree(bench: Any) -> None:
    resources = {"B": (BUCKET, {"a/b": {"c": [{"d/e/0": "x"}]}, "a": {"b": "decoy"}})}
    (finding,) = judged(bench, "rule R { Resources.*.Properties.'a/b'.c[*].'d/e/0' == 'y' }", resources)
    assert finding.path == ("Resources", "B", "Properties", "a/b", "c", 0, "d/e/0")


def test_a_report_of_any_size_is_read(bench: Any) -> None:
    resources = {f"B{i}": (BUCKET, {"Name": "x" * 50}) for i in range(400)}
    found = judged(bench, "rule R { Resources.*.Properties.Name == 'y' or Resources.Zed exists }", resources)
    assert {f.logical_id for f in found if f.path != ("Resources",)} == set(resources)


@pytest.mark.parametrize("text", ["", "# only remarks\n", "let x = 5\n"])
def test_a_file_without_rules_says_nothing(bench: Any, text: str) -> None:
    assert judged(bench, text, {"B": (BUCKET, {})}) == []


def test_clauses_outside_a_rule_are_the_default_rule(bench: Any) -> None:
    found = judged(bench, "AWS::S3::Bucket { Properties.Name exists }\n", {"B": (BUCKET, {})})
    assert [f.rule for f in found] == ["default"]


class TestSingleRulesAnswerAsTheWholeFile:
    DOCUMENTS = (
        {},
        {"Resources": {}},
        {"Resources": {"B": {"Type": BUCKET, "Properties": {"Name": "a", "Acl": "Private # {"}}}},
        {"Resources": {"B": {"Type": BUCKET, "Properties": {"Name": "c"}}}, "Outputs": {}},
        {"Resources": {"T": {"Type": "AWS::CloudTrail::Trail"}, "Q": {"Type": "AWS::SQS::Queue"}}},
    )

    @pytest.mark.parametrize("document", DOCUMENTS)
    def test_each_rule_alone(self, document: dict[str, Any]) -> None:
        file = parse("x.guard", RULES)
        whole = statuses(evaluate(encode(document), RULES))
        assert set(whole) == {"CALLS", "EITHER", "AFTER", "AGAIN", "TRAIL"}
        alone = {name: statuses(evaluate(encode(document), file.alone(name)))[name] for name in whole}
        assert alone == whole

    @pytest.mark.parametrize("document", DOCUMENTS)
    def test_what_is_left_out_would_not_have_failed(self, document: dict[str, Any]) -> None:
        file = parse("x.guard", RULES)
        types = frozenset(body["Type"] for body in document.get("Resources", {}).values())
        names = concerned(file, types)
        whole = statuses(evaluate(encode(document), RULES))
        kept = statuses(evaluate(encode(document), text_of(file, names)))
        assert {name for name, status in whole.items() if status == "FAIL"} <= names
        assert {name: kept[name] for name in names} == {name: whole[name] for name in names}

    def test_a_rule_about_types_that_do_not_occur_is_left_out(self) -> None:
        file = parse("x.guard", RULES)
        assert "CALLS" not in concerned(file, frozenset(["AWS::SQS::Queue"]))
        assert "TRAIL" in concerned(file, frozenset(["AWS::SQS::Queue"]))

    @pytest.mark.parametrize(
        "rule",
        [
            "rule R { Resources.*[ Type != 'AWS::S3::Bucket' ].Properties.Name exists }",
            "rule R { Resources.*[ Type == /^AWS::S3/ ].Properties.Name exists }",
            "rule R { Resources.*[ Type == 'AWS::S3::Bucket' or Properties.A exists ].Properties.B exists }",
            "rule R when Resources.*[ Type == 'AWS::S3::Bucket' ] empty { Resources.*.Properties.A exists }",
            "rule R { Resources !empty\n Resources.*[ Type == 'AWS::S3::Bucket' ].Properties.A exists }",
        ],
    )
    def test_a_rule_that_looks_further_always_runs(self, rule: str) -> None:
        assert concerned(parse("x.guard", rule), frozenset(["AWS::SQS::Queue"])) == {"R"}


def test_the_template_as_written_is_judged_without_resolving(bench: Any) -> None:
    bench.write("rules/x.guard", "rule R { Resources.*.Properties.Name.Ref == 'N' <<m>> }")
    written = bench.template({"B": (BUCKET, {"Name": {"Ref": "N"}}), "C": (BUCKET, {"Name": "known"})})
    document = bench.resolved(written).expanded.document
    (finding,) = GuardEngine(bench.load()).judge_written(document)
    assert (finding.logical_id, finding.configurations) == ("C", ())


def test_a_rule_that_gives_up_is_a_finding_and_not_silence(bench: Any) -> None:
    rules = "rule R { let x = json_parse(Resources.*.Properties.Text)\n %x.a exists }"
    found = judged(bench, rules, {"B": (BUCKET, {"Text": "{not json"})})
    assert [f.rule for f in found] == ["SP-GUARD-EVALUATION"]
    assert "rules/x.guard" in found[0].message


class TestDocuments:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (2**63, float(2**63)),
            (-(2**63) - 1, float(-(2**63) - 1)),
            (10**400, "1" + "0" * 400),
            (float("nan"), ".nan"),
            (float("-inf"), "-.inf"),
            (datetime.date(2012, 10, 17), "2012-10-17"),
            ({1: {True: {None: "x"}}}, {"1": {"true": {"null": "x"}}}),
            ((1, "a"), [1, "a"]),
            (b"\x00\x01", "AAE="),
        ],
    )
    def test_what_json_does_not_know(self, value: Any, expected: Any) -> None:
        assert plain(value) == expected
        assert statuses(evaluate(encode(plain({"A": value})), "rule R { A exists }")) == {"R": "PASS"}

    def test_a_large_integer_keeps_its_sign(self) -> None:
        text = encode(plain({"A": 2**63 + 5}))
        assert statuses(evaluate(text, "rule R { A > 0.0 }")) == {"R": "PASS"}

    def test_text_that_is_no_unicode_does_not_stop_the_engine(self) -> None:
        text = encode(plain({"A": "lone \ud800 surrogate"}))
        assert statuses(evaluate(text, "rule R { A is_string }")) == {"R": "PASS"}


def test_the_place_of_a_syntax_error_is_known() -> None:
    with pytest.raises(GuardError) as caught:
        evaluate("{}", "rule A { Resources exists }\nrule B { Resources == [ }")
    assert (caught.value.parsing, caught.value.line) == (True, 2)
    assert caught.value.column > 9


TYPE_BLOCKS = (
    "AWS::S3::Bucket { Properties.Name exists }",
    "rule R { AWS::S3::Bucket Properties.A exists }",
)


@pytest.mark.parametrize("rule", TYPE_BLOCKS)
@pytest.mark.parametrize(
    "document", [{}, {"Resources": {}}, {"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}]
)
def test_a_type_block_skips_a_template_without_the_type(document: Any, rule: str) -> None:
    assert set(statuses(evaluate(encode(document), rule)).values()) == {"SKIP"}


def test_a_crash_of_the_engine_is_an_error_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        pass

    def crash(document: str, rules: str, verbose: bool) -> str:
        raise PanicException("entered unreachable code")

    monkeypatch.setattr(adapter, "engine", lambda: adapter.Engine("broken", crash, (ValueError,)))
    with pytest.raises(GuardError, match="crashed") as caught:
        evaluate("{}", "rule R { A exists }")
    assert not caught.value.parsing

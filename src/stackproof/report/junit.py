"""JUnit XML, as CodeBuild and most CI systems read it: one case for each template and what it shows.

A template's configuration without findings is a passing case; each rule with findings is a case of its
own. CodeBuild shows at most 500 cases of a report
(https://docs.aws.amazon.com/codebuild/latest/userguide/test-reporting.html), so with more of them the
cases are first joined by template, then the passing templates, then the failing ones.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stackproof.model import Finding, Problem, Report, Status
from stackproof.report.common import because, fix_of, label, number, rule_index, storable
from stackproof.verdict.merge import template_of
from stackproof.verdict.threshold import counts

MOST_CASES = 500
_INVALID = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold (https://www.w3.org/TR/xml/#charsets)."""


@dataclass(frozen=True, slots=True)
class _Case:
    """A test case: ``kind`` is passed, skipped, failure or error."""

    group: str
    name: str
    kind: str = "passed"
    message: str = ""
    text: str = ""


def render(report: Report) -> str:
    """The report as JUnit XML 1.0 text."""
    cases = [*(_problem(one) for one in report.problems), *_judged(report)]
    if len(cases) > MOST_CASES:
        cases = _joined(_joined(cases, by_template=True), by_template=False)
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(suites, "testsuite")
    suite.set("name", f"stackproof {report.pillar}")
    for name, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.kind == kind for case in cases)))
    suite.set("tests", str(len(cases)))
    suite.set("time", f"{report.stats.get('seconds', 0):.3f}")
    for case in cases:
        _write(suite, case)
    ElementTree.indent(suites)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"
    )


def _judged(report: Report) -> list[_Case]:
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in report.findings:
        groups.setdefault((template_of(finding), finding.rule), []).append(finding)
    cases = [_rule(file, rule, found, report) for (file, rule), found in groups.items()]
    touched = {(template_of(one), name) for one in report.findings for name in one.configurations or ("*",)}
    cases += [
        _Case(one.file, name or "defaults")
        for one in report.judged
        for name in one.configurations or ("",)
        if touched.isdisjoint({(one.file, "*"), (one.file, name)})
    ]
    return sorted(cases, key=lambda case: (case.group, case.name))


def _rule(file: str, rule: str, found: Sequence[Finding], report: Report) -> _Case:
    text = "\n\n".join(_told(one, report) for one in found)
    failing = [one for one in found if counts(one, report.fail_on)]
    if failing:
        more = f" and {len(failing) - 1} more" if len(failing) > 1 else ""
        return _Case(file, rule, "failure", f"{failing[0].location}: {failing[0].message}{more}", text)
    if all(one.status is not Status.ACTIVE for one in found):
        return _Case(file, rule, "skipped", "; ".join(dict.fromkeys(because(one) for one in found)), text)
    return _Case(file, rule, text=text)


def _told(finding: Finding, report: Report) -> str:
    line = report.sources.get(finding.location.file, {}).get(finding.location.line, "")
    fix = fix_of(finding, rule_index(report))
    parts = [
        f"{finding.location}: {label(finding)} {finding.rule} {finding.logical_id}".rstrip(),
        finding.message,
        f"configurations: {', '.join(finding.configurations)}" if finding.configurations else "",
        f"source: {line.strip()}" if line.strip() else "",
        *(f"see: {one.location}: {one.message}" for one in finding.related),
        f"fix: {fix}" if fix else "",
        because(finding),
    ]
    return "\n".join(part for part in parts if part)


def _problem(problem: Problem) -> _Case:
    where = f"{problem.location}: " if problem.location else ""
    file = problem.location.file if problem.location else "stackproof"
    message = f"{where}{problem.message}"
    name = problem.rule or ("internal error" if problem.exit_code == 3 else "problem")
    return _Case(file, name, "error", message, f"{message}\n{problem.hint}".strip())


_WEIGHT = {"error": 3, "failure": 2, "passed": 1, "skipped": 0}


def _joined(cases: Sequence[_Case], *, by_template: bool) -> list[_Case]:
    """Fewer cases: one a template, or, when that is still too many, one for all that do not fit."""
    if by_template:
        groups: dict[str, list[_Case]] = {}
        for case in cases:
            groups.setdefault(case.group, []).append(case)
        return [_one(group, found) for group, found in groups.items()]
    if len(cases) <= MOST_CASES:
        return list(cases)
    ranked = sorted(cases, key=lambda case: -_WEIGHT[case.kind])
    kept, rest = ranked[: MOST_CASES - 1], ranked[MOST_CASES - 1 :]
    further = _one(f"{number(len(rest), 'further template')}", rest)
    return [*sorted(kept, key=lambda case: case.group), further]


def _one(group: str, cases: Sequence[_Case]) -> _Case:
    kind = max((case.kind for case in cases), key=lambda one: _WEIGHT[one])
    worst = [case for case in cases if case.kind == kind]
    if kind == "passed":
        return _Case(group, number(len(cases), "case"), text=_texts(cases))
    message = "; ".join(case.message for case in worst[:3])
    return _Case(group, number(len(worst), kind), kind, message, _texts(worst))


def _texts(cases: Iterable[_Case]) -> str:
    return "\n\n".join(case.text for case in cases if case.text)


def _write(suite: ElementTree.Element, case: _Case) -> None:
    element = ElementTree.SubElement(suite, "testcase")
    element.set("classname", clean(case.group))
    element.set("name", clean(case.name))
    element.set("time", "0")
    if case.kind == "passed":
        if case.text:
            ElementTree.SubElement(element, "system-out").text = clean(case.text)
        return
    inner = ElementTree.SubElement(element, case.kind)
    inner.set("message", clean(" ".join(case.message.split())))
    inner.text = clean(case.text)


def clean(text: str) -> str:
    """The text with what XML 1.0 cannot hold made visible."""
    return _INVALID.sub(lambda found: f"\\x{ord(found[0]):02x}", storable(text))

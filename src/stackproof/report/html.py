"""One self-contained page: nothing is loaded from anywhere, and a policy in the page forbids it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from stackproof.model import Finding, Location, Outcome, Report, RuleInfo, Status
from stackproof.report.common import (
    because,
    by_file,
    fix_of,
    judged,
    label,
    rule_index,
    tally,
    visible,
)
from stackproof.report.html_page import POLICY, SCRIPT, STYLE

_KINDS = ("error", "warning", "info", "note", "silent")
_WORDS = {
    "error": "errors",
    "warning": "warnings",
    "info": "infos",
    "note": "notes",
    "silent": "suppressed or in the baseline",
}


def render(report: Report) -> str:
    """The report as an HTML page that works from a file, without a network."""
    title = f"stackproof {report.pillar}: {report.verdict.value}"
    rules = rule_index(report)
    body = [
        *_head(report),
        *_filters(report),
        *_problems(report),
        *(
            part
            for file, found in by_file(report.findings).items()
            for part in _file(file, found, report, rules)
        ),
        *_texts("Graphs", report.graphs),
        *_texts("Timelines", report.timelines),
        *_judged(report),
    ]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{_text(title)}</title><style>{STYLE}</style></head><body><main>",
            *body,
            f"</main><script>{SCRIPT}</script></body></html>",
            "",
        ]
    )


def _text(text: str) -> str:
    return escape(visible(text))


def _head(report: Report) -> Iterator[str]:
    yield f"<header><h1>stackproof {_text(report.pillar)}</h1>"
    verdict = f"<strong>{report.verdict.value}</strong> {_text(tally(report))}"
    yield f'<p class="{report.verdict.value}">{verdict}</p>'
    commit = f"commit {report.commit}{' with changes' if report.dirty else ''}" if report.commit else ""
    version = f"stackproof {report.tool_version}" if report.tool_version else ""
    partial = "" if report.complete else f"partial: {report.partial_because or 'not everything was judged'}"
    facts = [commit, version, f"fails on {report.fail_on}", partial]
    yield f'<p class="faint">{_text(" · ".join(fact for fact in facts if fact))}</p>'
    for note in report.notes:
        yield f'<p class="faint">{_text(note)}</p>'
    yield "</header>"


def _kind(finding: Finding) -> str:
    if finding.status is not Status.ACTIVE:
        return "silent"
    return "note" if finding.outcome is Outcome.NOTE else finding.severity.value


def _filters(report: Report) -> Iterator[str]:
    found = [_kind(one) for one in report.findings]
    yield '<nav aria-label="Filter">'
    for kind in _KINDS:
        if kind in found:
            checked = "" if kind == "silent" else " checked"
            word = f"{found.count(kind)} {_WORDS[kind]}"
            yield f'<label class="{kind}"><input type="checkbox" value="{kind}"{checked}> {word}</label>'
    yield '<input type="search" placeholder="rule, resource, text" aria-label="Search"></nav>'


def _problems(report: Report) -> Iterator[str]:
    for problem in report.problems:
        where = f"{problem.location}: " if problem.location else ""
        yield f'<article class="error"><h3><b>problem</b> <code>{_text(problem.rule)}</code></h3>'
        yield f"<p>{_text(where + problem.message)}</p><p>{_text(problem.hint)}</p></article>"


def _file(file: str, found: list[Finding], report: Report, rules: Mapping[str, RuleInfo]) -> Iterator[str]:
    yield f"<section><h2>{_text(file)}</h2>"
    for finding in found:
        yield from _finding(finding, report, dict(rules))
    yield "</section>"


def _finding(finding: Finding, report: Report, rules: dict[str, RuleInfo]) -> Iterator[str]:
    kind = _kind(finding)
    info = rules.get(finding.rule)
    hidden = " hidden" if kind == "silent" else ""
    yield f'<article class="{kind}" data-kind="{kind}"{hidden}>'
    title = f' title="{_text(info.title)}"' if info and info.title else ""
    place = f"{finding.location.line}:{finding.location.column}"
    yield f"<h3><b>{_text(label(finding))}</b> <code{title}>{_text(finding.rule)}</code> "
    yield f"<span>{place} {_text(finding.logical_id)}</span></h3><p>{_text(finding.message)}</p>"
    yield from _excerpt(finding.location, report)
    facts = [
        ("configurations", ", ".join(finding.configurations)),
        ("why", info.why if info else ""),
        ("fix", fix_of(finding, rules)),
        ("source", info.source if info else ""),
        ("status", because(finding)),
        *((f"see {one.location}", one.message) for one in finding.related),
        *finding.evidence.items(),
    ]
    rows = "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in facts if value)
    yield f"<dl>{rows}</dl></article>" if rows else "</article>"


def _excerpt(location: Location, report: Report) -> Iterator[str]:
    lines = report.sources.get(location.file, {})
    near = [line for line in (location.line - 1, location.line, location.line + 1) if line in lines]
    if location.line not in near:
        return
    shown = []
    for line in near:
        text = _text(lines[line].replace("\t", "    "))
        shown.append(f"<mark>{line:>5} {text}</mark>" if line == location.line else f"{line:>5} {text}")
    yield f"<pre>{chr(10).join(shown)}</pre>"


def _texts(title: str, texts: Mapping[str, str]) -> Iterator[str]:
    if texts:
        yield f"<section><h2>{title}</h2>"
        for name, text in texts.items():
            shown = "\n".join(_text(line) for line in text.splitlines())
            yield f"<details><summary>{_text(name)}</summary><pre>{shown}</pre></details>"
        yield "</section>"


def _judged(report: Report) -> Iterator[str]:
    if not report.judged:
        return
    yield f"<details><summary>{judged(report)} judged</summary><ul>"
    for one in report.judged:
        names = ", ".join(name for name in one.configurations if name)
        yield f"<li>{_text(one.file)}{_text(f' ({names})' if names else '')}</li>"
    yield "</ul></details>"

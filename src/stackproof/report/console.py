"""The report for people: grouped by file, with the offending lines, readable at 80 columns without colour."""

from __future__ import annotations

from collections.abc import Iterator

from stackproof.model import Finding, Location, Outcome, Problem, Report, RuleInfo, Status, Verdict
from stackproof.report.common import (
    active,
    because,
    by_file,
    fix_of,
    judged,
    label,
    number,
    rule_index,
    tally,
    visible,
)
from stackproof.report.gathering import gathered
from stackproof.report.text import Paper

_SLOWEST = 3
_SLOW = 1.0
_MARGIN = "      "
_MESSAGE = 500
_LINES = 20
"""What of a message is shown, in characters and lines: some list every value that AWS knows."""


def render(
    report: Report, *, color: bool = False, width: int = 80, unicode: bool = True, verbose: bool = False
) -> str:
    """The report as text. ``verbose`` also shows what is suppressed or in the baseline."""
    paper = Paper(width, color, unicode)
    shown = report.findings if verbose else active(report)
    rules = rule_index(report)
    lines: list[str] = []
    for file, findings in by_file(shown).items():
        lines.append(paper.paint(visible(file) or "(no file)", "file"))
        for finding in findings:
            lines.extend(_finding(finding, report, rules, paper))
        lines.append("")
    for problem in report.problems:
        lines.extend(_problem(problem, paper))
    lines.extend(_summary(report, paper))
    return "\n".join(lines) + "\n"


def _finding(finding: Finding, report: Report, rules: dict[str, RuleInfo], paper: Paper) -> Iterator[str]:
    yield from _heading(finding, paper)
    for paragraph in _readable(finding.message, paper).splitlines() or [""]:
        yield from paper.wrap(paragraph, _MARGIN)
    if finding.configurations:
        yield from paper.wrap(f"in {', '.join(finding.configurations)}", _MARGIN)
    yield from _source(finding.location, report, paper)
    for related in finding.related:
        yield from paper.wrap(f"{related.location}: {related.message}", f"{_MARGIN}     ", f"{_MARGIN}see  ")
    fix = fix_of(finding, rules)
    if fix:
        yield from paper.wrap(fix, f"{_MARGIN}     ", f"{_MARGIN}fix  ")
    why = because(finding)
    if why:
        yield from (paper.paint(line, "faint") for line in paper.wrap(why, _MARGIN))


def _readable(message: str, paper: Paper) -> str:
    """The message, or as much of its start as a person reads and where the rest is."""
    lines = message.strip().splitlines()
    short = "\n".join(lines[:_LINES])
    if len(lines) <= _LINES and len(short) <= _MESSAGE:
        return message
    if len(short) > _MESSAGE:
        whole_words = short[: _MESSAGE + 1].rpartition(" ")[0]
        short = whole_words if len(whole_words) > _MESSAGE // 2 else short[:_MESSAGE]
    return f"{short.rstrip()} {paper.sign('…', '...')} (cut: the json report has all of it)"


def _heading(finding: Finding, paper: Paper) -> Iterator[str]:
    word = label(finding)
    style = "note" if finding.outcome is Outcome.NOTE else finding.severity.value
    if finding.status is not Status.ACTIVE:
        style = "faint"
    where = f"{finding.location.line}:{finding.location.column}"
    rest = [paper.paint(visible(finding.rule), "strong"), paper.paint(where, "faint")]
    if finding.logical_id:
        rest.append(visible(finding.logical_id))
    yield f"  {paper.paint(word, style)} {'  '.join(rest)}"


def _source(location: Location, report: Report, paper: Paper) -> Iterator[str]:
    lines = report.sources.get(location.file, {})
    text = lines.get(location.line, "")
    if not text.strip():
        return
    bar = paper.sign("│", "|")
    gutter = f"{_MARGIN}{location.line:>4} {bar} "
    empty = f"{_MARGIN}     {bar} "
    column = min(max(location.column, 1), len(text) + 1)
    one_line = location.end_line in {0, location.line} and location.end_column > location.column
    length = min(location.end_column - location.column, len(text) - column + 1) if one_line else 1
    shown, carets = paper.excerpt(text.rstrip(), column, max(1, length), gutter)
    yield paper.paint(gutter, "faint") + shown
    yield paper.paint(empty, "faint") + paper.paint(carets, "error")


def _problem(problem: Problem, paper: Paper) -> Iterator[str]:
    where = f"{problem.location}: " if problem.location else ""
    rule = f"{problem.rule}: " if problem.rule else ""
    word = paper.paint("problem", "error")
    first, *rest = paper.wrap(f"{where}{rule}{_readable(problem.message, paper)}", "        ", "        ")
    yield f"{word} {first.lstrip()}"
    yield from rest
    if problem.hint:
        yield from paper.wrap(problem.hint, "        ", "   hint ")


def _summary(report: Report, paper: Paper) -> Iterator[str]:
    passed = report.verdict is Verdict.PASS
    word = paper.paint(report.verdict.value, "good" if passed else "error")
    first, *rest = paper.wrap(f"{tally(report)}{_scope(report)}", "      ", "      ")
    yield f"{word}  {first.lstrip()}"
    yield from rest
    for line in (*_silent(report), *_slowest(report)):
        yield from paper.wrap(line, "      ")
    if not report.complete:
        why = f" ({report.partial_because})" if report.partial_because else ""
        yield from paper.wrap(f"partial{why}: this alone proves nothing", "      ")
    for note in gathered(report.notes):
        yield from paper.wrap(note.heading, "      ", "note  ")
        for start, line in note.lines:
            first = f"{_MARGIN}{start}  " if start else _MARGIN
            yield from paper.wrap(line, " " * max(len(first), len(_MARGIN) + 2), first)


def _scope(report: Report) -> str:
    if not report.judged:
        return ""
    hosts, checks = report.stats.get("hosts"), report.stats.get("checks")
    if hosts and checks is not None:
        return f" by {number(checks, 'check')} of {number(hosts, 'host')}"
    named = sum(len([name for name in one.configurations if name]) for one in report.judged)
    deployed = f", {number(named, 'configuration')}" if named else ""
    seconds = report.stats.get("seconds")
    took = f", {seconds:.1f} s" if seconds is not None else ""
    return f" in {judged(report)}{deployed}{took}"


def _silent(report: Report) -> Iterator[str]:
    suppressed = sum(one.status is Status.SUPPRESSED for one in report.findings)
    undecided = sum(
        one.status is Status.SUPPRESSED and one.outcome is Outcome.UNDECIDED for one in report.findings
    )
    baselined = sum(one.status is Status.BASELINED for one in report.findings)
    ungoverned = report.stats.get("ungoverned", 0)
    parts = []
    if suppressed:
        parts.append(f"{suppressed} suppressed" + (f" ({undecided} undecided)" if undecided else ""))
    if ungoverned:
        parts.append(number(ungoverned, "ungoverned suppression"))
    if baselined:
        parts.append(f"{baselined} in the baseline")
    if parts:
        yield ", ".join(parts)


def _slowest(report: Report) -> Iterator[str]:
    timed = [
        (seconds, name.removeprefix("seconds:")) for name, seconds in report.stats.items() if ":" in name
    ]
    slow = sorted((pair for pair in timed if pair[0] >= _SLOW), reverse=True)[:_SLOWEST]
    if slow:
        yield "slowest: " + ", ".join(f"{name} {seconds:.1f} s" for seconds, name in slow)

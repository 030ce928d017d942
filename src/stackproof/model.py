"""Frozen data that every room shares: where, what was found, and what a run answered.

Nothing here prints, reads files or imports another room. Lines and columns are 1-based;
files are POSIX paths relative to the project root (absolute when outside it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

JSON = Any
"""A decoded JSON value: dict, list, str, int, float, bool or None."""

DocPath = tuple[str | int, ...]
"""A path inside a document: keys and list indexes from its root."""


class Outcome(StrEnum):
    """What kind of answer a finding is."""

    FAIL = "fail"
    UNDECIDED = "undecided"
    NOTE = "note"


class Severity(StrEnum):
    """How much a finding weighs. Compare with ``rank``: error 3, warning 2, info 1."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """A number that grows with the weight."""
        return {"error": 3, "warning": 2, "info": 1}[self.value]


class Verdict(StrEnum):
    """The one answer."""

    PASS = "PASS"
    FAIL = "FAIL"


class Status(StrEnum):
    """What became of a finding: it counts, or why it does not."""

    ACTIVE = "active"
    SUPPRESSED = "suppressed"
    BASELINED = "baselined"


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A span in a source file. ``end_line`` and ``end_column`` are 0 when only the start is known."""

    file: str
    line: int = 1
    column: int = 1
    end_line: int = 0
    end_column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that helps to understand a finding, for example the parameter file's line."""

    location: Location
    message: str


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why a finding does not count: who said so, until when (ISO date) and where it is written.

    ``governed`` is False for the tools' own mechanisms (cfn-lint ``ignore_checks``,
    Guard ``SuppressedRules``), which carry neither a reason nor an expiry date.
    """

    rule: str
    reason: str = ""
    until: str = ""
    location: Location | None = None
    governed: bool = True


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """What is known of a rule: for ``explain``, SARIF and the reports.

    ``id`` is what a finding's ``rule`` holds. ``source`` names a document that the rule
    stands on; ``location`` is where the rule is defined.
    """

    id: str
    title: str = ""
    severity: Severity = Severity.ERROR
    why: str = ""
    fix: str = ""
    source: str = ""
    engine: str = ""
    ruleset: str = ""
    location: Location | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a pillar found.

    ``source`` is the engine (``cfn-lint``, ``guard``, ``check``, ``template`` …).
    ``path`` is the path in the document that was judged; ``location`` the line that produced it.
    ``configurations`` are the deployment configurations that show it (empty: all, or none apply).
    ``evidence`` holds small facts by name (``value``, ``compared_with``, ``unknown`` …), strings only.
    ``fingerprint`` is set by the verdict room and survives moved lines and renamed files.
    """

    rule: str
    message: str
    location: Location
    outcome: Outcome = Outcome.FAIL
    severity: Severity = Severity.ERROR
    source: str = ""
    path: DocPath = ()
    logical_id: str = ""
    configurations: tuple[str, ...] = ()
    related: tuple[Related, ...] = ()
    evidence: Mapping[str, str] = field(default_factory=dict)
    fix: str = ""
    fingerprint: str = ""
    status: Status = Status.ACTIVE
    suppression: Suppression | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A broken rule, a broken configuration or an internal error: the run goes on, the exit code tells.

    ``exit_code`` is 2 (usage, rule, configuration, nothing to judge), 3 (internal) or 130 (interrupted).
    """

    message: str
    exit_code: int = 2
    location: Location | None = None
    hint: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """A template that was judged, with the deployment configurations it was judged for."""

    file: str
    configurations: tuple[str, ...] = ()
    resources: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one run of one pillar; also the document that ``--format json`` writes.

    ``complete`` is False when something was left out (``--select``, ``--shard``, ``--changed-since``,
    an interrupted run): such a result never proves a change by itself.
    ``sources`` maps a file to its lines near the findings (line number to text) for reports.
    """

    pillar: str
    verdict: Verdict
    exit_code: int
    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    judged: tuple[Judged, ...] = ()
    rules: tuple[RuleInfo, ...] = ()
    complete: bool = True
    partial_because: str = ""
    commit: str = ""
    dirty: bool = False
    tool_version: str = ""
    fail_on: str = "error"
    sources: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    graphs: Mapping[str, str] = field(default_factory=dict)
    timelines: Mapping[str, str] = field(default_factory=dict)
    stats: Mapping[str, float] = field(default_factory=dict)

"""Where cfn-lint and our own loader say the same about one line, cfn-lint's word stays.

Both read every template, and both refuse text that does not parse or a ``Ref`` to nothing. ``ECHOES``
is the whole table: a finding of ours is dropped when cfn-lint has one of these rules at the same line
(and the function that an unknown tag would be, when the tag was refused there).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase

from stackproof.model import Finding

ECHOES: dict[str, tuple[str, ...]] = {
    "SP-LOAD-*": ("E0000", "E1001", "E3001"),
    "SP-TRANSFORM-*": ("E0001", "E1032"),
    "SP-RESOLVE-REF": ("E1012", "E1019", "E1020"),
    "SP-RESOLVE-GETATT": ("E1010", "E1019"),
    "SP-RESOLVE-MAPPING": ("E1011",),
    "SP-RESOLVE-SELECT": ("E1017",),
    "SP-RESOLVE-CIDR": ("E1024",),
    "SP-RESOLVE-CONDITION": ("E1028", "E3015", "E800[1-7]"),
    "SP-RESOLVE-CYCLE": ("E3004",),
    "SP-RESOLVE-DEPENDSON": ("E3005",),
    "SP-RESOLVE-SHAPE": ("E10*", "E1101", "E2001", "E3001", "E3006", "E6*", "E7*", "E8*"),
    "SP-RESOLVE-FUNCTION": ("E10*", "SP-LOAD-TAG"),
    "SP-PARAM-*": ("E2001", "E2002", "E2015"),
    "SP-RULES-*": ("E17*",),
}
"""Our rules (globs) with the cfn-lint rules (globs) that mean the same when they stand at the same line."""


def without_echoes(findings: Iterable[Finding], shown: Callable[[str], bool]) -> list[Finding]:
    """The findings without ours that repeat a cfn-lint finding. ``shown``: whether a run shows a rule."""
    every = list(findings)
    said: dict[tuple[str, int], set[str]] = {}
    for finding in every:
        if (finding.source == "cfn-lint" or finding.rule == "SP-LOAD-TAG") and shown(finding.rule):
            place = (finding.location.file, finding.location.line)
            said.setdefault(place, set()).add(finding.rule)
    return [finding for finding in every if not _repeats(finding, said)]


def _repeats(finding: Finding, said: dict[tuple[str, int], set[str]]) -> bool:
    if not finding.rule.startswith("SP-"):
        return False
    there = said.get((finding.location.file, finding.location.line), set())
    return bool(there) and any(
        fnmatchcase(rule, pattern)
        for ours, theirs in ECHOES.items()
        if fnmatchcase(finding.rule, ours)
        for pattern in theirs
        for rule in there
    )

"""Where cfn-lint and our own loader say the same about one line, cfn-lint's word stays.

Both read every template, and both refuse text that does not parse or a ``Ref`` to nothing. ``ECHOES``
says which: a finding of ours is dropped when cfn-lint has one of these rules at the same line
(and the function that an unknown tag would be, when the tag was refused there). For nested stacks
(``OF_ONE_RESOURCE``) and circles (``OF_ONE_FILE``) the two may point at different lines. Of a file without
text cfn-lint has nothing sensible to say: there ours stays (``OURS``, ``OURS_OF_FILE``).
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
    "SP-RESOLVE-DEPENDSON": ("E3005",),
    "SP-RESOLVE-SHAPE": ("E10*", "E1101", "E2001", "E3001", "E3006", "E6*", "E7*", "E8*"),
    "SP-RESOLVE-FUNCTION": ("E10*", "SP-LOAD-TAG"),
    "SP-NEST-OUTPUT": ("E6101",),
    "SP-PARAM-*": ("E2001", "E2002", "E2015"),
    "SP-RULES-*": ("E17*",),
}
"""Our rules (globs) with the cfn-lint rules (globs) that mean the same when they stand at the same line."""


OF_ONE_RESOURCE = {"SP-NEST-PARAMETER": "E3043"}
"""Ours, with the cfn-lint rule that tells the same of a resource wherever it points to."""

OF_ONE_FILE = {"SP-RESOLVE-CYCLE": "E3004"}
"""Ours, with the cfn-lint rule that tells the same of a file: each names another link of the circle."""

OURS_OF_FILE = {"SP-LOAD-ALIASES": "E0000"}
"""Ours, with the cfn-lint rule that is dropped for it wherever it points to: it knows no place."""

OURS = {"SP-LOAD-EMPTY": ("E0000", "E1001"), "SP-LOAD-BINARY": ("E0000",), "SP-LOAD-ENCODING": ("E0000",)}
"""Ours, with the cfn-lint rules that are dropped for it at the same line."""

WITHIN = {"SP-LOAD-READ": "SP-CONFIG-READ"}
"""Ours, with another one of ours that tells the same of the file and knows more of what it is for."""

_Place = tuple[str, int | str]
"""A file with a line, with a logical id, or with "" for the whole of it."""


def without_echoes(
    findings: Iterable[Finding], shown: Callable[[str], bool], *, as_written: bool = False
) -> list[Finding]:
    """The findings, each said once. ``shown``: whether a run shows a rule.

    ``as_written``: as the native tools say it, hence every finding of cfn-lint.
    """
    every = list(findings)
    if not as_written:
        every = _without_theirs(every, shown)
    said: dict[_Place, set[str]] = {}
    for finding in every:
        own = finding.rule == "SP-LOAD-TAG" or finding.rule in WITHIN.values()
        if (finding.source == "cfn-lint" or own) and shown(finding.rule):
            for place in (_line(finding), _resource(finding), _file(finding)):
                said.setdefault(place, set()).add(finding.rule)
    return [finding for finding in every if not _repeats(finding, said)]


def _without_theirs(every: list[Finding], shown: Callable[[str], bool]) -> list[Finding]:
    ours: set[tuple[_Place, str]] = set()
    for one in every:
        if shown(one.rule):
            ours |= {(_line(one), echo) for echo in OURS.get(one.rule, ())}
            ours.add((_file(one), OURS_OF_FILE.get(one.rule, "")))
    return [
        one
        for one in every
        if one.source != "cfn-lint" or ours.isdisjoint({(_line(one), one.rule), (_file(one), one.rule)})
    ]


def _file(finding: Finding) -> _Place:
    return (finding.location.file, "")


def _line(finding: Finding) -> _Place:
    return (finding.location.file, finding.location.line)


def _resource(finding: Finding) -> _Place:
    return (finding.location.file, finding.logical_id)


def _repeats(finding: Finding, said: dict[_Place, set[str]]) -> bool:
    if not finding.rule.startswith("SP-"):
        return False
    if finding.logical_id and OF_ONE_RESOURCE.get(finding.rule) in said.get(_resource(finding), ()):
        return True
    if {OF_ONE_FILE.get(finding.rule), WITHIN.get(finding.rule)} & said.get(_file(finding), set()):
        return True
    there = said.get(_line(finding), set())
    return bool(there) and any(
        fnmatchcase(rule, pattern)
        for ours, theirs in ECHOES.items()
        if fnmatchcase(finding.rule, ours)
        for pattern in theirs
        for rule in there
    )

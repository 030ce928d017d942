"""Which rules can say anything about a template: reading a rule costs more than running it."""

from __future__ import annotations

import functools

from stackproof.checks.guard.adapter import GuardError, evaluate
from stackproof.checks.guard.documents import encode
from stackproof.checks.guard.reach import reach
from stackproof.checks.guard.report import FAIL, statuses
from stackproof.checks.guard.source import RuleFile

# A template with a bit of everything and no resource that any rule could know.
_SECTION = {"Name": {"Type": "String", "Value": "x", "Description": "x"}}
NEUTRAL = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Description": "x",
    "Transform": "x",
    "Metadata": _SECTION,
    "Parameters": _SECTION,
    "Mappings": {"Name": {"Key": {"Value": "x"}}},
    "Rules": _SECTION,
    "Conditions": {"Name": {"Fn::Equals": ["x", "y"]}},
    "Outputs": _SECTION,
    "Resources": {"Name": {"Type": "Neutral::Neutral::Neutral", "Properties": {}}},
}


@functools.lru_cache(maxsize=4096)
def needed_types(file: RuleFile) -> frozenset[str] | None:
    """The types of which at least one must occur for the file to say anything; None: it always runs.

    Rules that name types may still speak about a template without them (``%trails !empty`` fails where
    there is no trail), so the file must also be silent about a template that has nothing of the kind.
    """
    needed: set[str] = set()
    if file.loose or not file.rules:
        return None if file.loose else frozenset()
    for name, statements in file.rules.items():
        if all(statement.parameters for statement in statements):
            continue
        types = reach(file, name).types
        if types is None:
            return None
        needed |= types
    return frozenset(needed) if _silent(file.text) else None


def concerns(file: RuleFile, document: str) -> bool:
    """Whether a file has to run over the JSON text of a document."""
    needed = needed_types(file)
    return needed is None or any(kind in document for kind in needed)


def _silent(text: str) -> bool:
    try:
        reports = [evaluate(document, text) for document in ("{}", encode(NEUTRAL))]
    except GuardError:
        return False
    return all(FAIL not in statuses(report).values() for report in reports)

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


def concerned(file: RuleFile, types: frozenset[str]) -> frozenset[str]:
    """The rules of a file that can say anything about a template with resources of these types.

    A rule that selects resources of named types is left out when none of them occurs, unless it speaks
    about a template without them as well (``%trails !empty`` fails where there is no trail).
    """
    return frozenset(name for name, needed in _needs(file) if needed is None or needed & types)


def selections(file: RuleFile, rules: frozenset[str]) -> list[tuple[frozenset[str], frozenset[str] | None]]:
    """The rules in groups that can be judged together, each with the types of the resources that it selects.

    What else stands in a template cannot change the answer of a rule that selects by type, and to leave it
    out is most of the work saved. None: the group needs the whole template.
    """
    typed = {name: kinds for name in rules if (kinds := reach(file, name).types) is not None}
    if file.loose or not typed:
        return [(rules, None)]
    groups = [(frozenset(typed), frozenset[str]().union(*typed.values()))]
    rest = rules - frozenset(typed)
    return [*groups, (rest, None)] if rest else [*groups]


@functools.lru_cache(maxsize=4096)
def text_of(file: RuleFile, rules: frozenset[str]) -> str:
    """The text of these rules with everything they need: the whole file when that is all of it."""
    if file.loose or len(rules) == len(_needs(file)):
        return file.text
    return file.part(rules)


@functools.lru_cache(maxsize=4096)
def _needs(file: RuleFile) -> tuple[tuple[str, frozenset[str] | None], ...]:
    """For each rule the types of which one must occur for it to say anything; None: it always runs."""
    if file.loose:
        return (*((name, None) for name in file.rules), ("default", None))
    silent = _silent(file.text)
    return tuple(
        (name, reach(file, name).types if name in silent else None)
        for name, statements in file.rules.items()
        if not all(statement.parameters for statement in statements)
    )


def _silent(text: str) -> frozenset[str]:
    """The rules that do not fail a template which has nothing of any kind."""
    try:
        answers = [statuses(evaluate(document, text)) for document in ("{}", encode(NEUTRAL))]
    except GuardError:
        return frozenset()
    return frozenset(
        name for name in answers[0] if FAIL not in {answer.get(name, FAIL) for answer in answers}
    )

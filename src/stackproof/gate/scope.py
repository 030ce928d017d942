"""How much of the project a run judged, and whether as strictly as its configuration asks.

Only a run that judged everything so proves a change; the others say why they do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from stackproof.checks.guard.rulesets import matches
from stackproof.config import Config, RuleSet
from stackproof.gate.request import CheckRequest
from stackproof.gate.results import EstateResult
from stackproof.gate.selection import Selection
from stackproof.template.discover import discover

_NAMED = 3
_PARTS = re.compile(r"[\w.-]+")
"""A child's configuration names its parent's environment as well."""


def weaker(configured: Config, asked: Config) -> tuple[str, ...]:
    """What ``asked`` (the command line's settings) holds back of what the configuration demands."""
    found = []
    for name, strictest_first in (
        ("fail_on", ("info", "warning", "error", "never")),
        ("undecided", ("error", "warning", "info")),
    ):
        old, new = getattr(configured, name), getattr(asked, name)
        if strictest_first.index(new) > strictest_first.index(old):
            option = name.replace("_", "-")
            found.append(f"--{option} {new} is weaker than the configured {old}")
    return tuple(found)


def left_out(
    request: CheckRequest, config: Config, root: Path, selection: Selection, answer: EstateResult
) -> list[str]:
    """Why the run proves less than a change needs; nothing when it is complete.

    A shard alone gives exactly ``shard i/n``: ``verdict`` joins such results.
    """
    because = [selection.partial_because] if selection.partial_because else []
    if request.paths and not request.hook and not _covers(config, root, selection):
        because.append("only some paths")
    if request.select or request.ignore:
        because.append("only some rules")
    if request.as_written:
        because.append("only as written")
    because += request.weakened
    if answer.cut_off:
        because.append(f"not judged to the end: {_some(answer.cut_off)}")
    return because


def _covers(config: Config, root: Path, selection: Selection) -> bool:
    """Whether the named paths hold every template of the configured folders."""
    if not config.file and not (root / ".git").exists():
        # Without a project nobody can tell what else there is; the whole disk is not searched for it.
        return False
    found = {template.path for template in selection.discovery.templates}
    return found >= {template.path for template in discover(root, (), config).templates}


def remarks(request: CheckRequest, config: Config, answer: EstateResult, *, complete: bool) -> Iterator[str]:
    """What a reader of the verdict must know of its terms: what was given, which rule sets lay idle."""
    yield from request.given
    if request.baseline is not None and request.use_baseline:
        yield f"the baseline was given on the command line: {request.baseline}"
    if not config.file:
        yield "no configuration found: no rule set judged"
    if complete:
        for number, ruleset in enumerate(config.rulesets, start=1):
            yield from _idle(ruleset, number, answer)


def _idle(ruleset: RuleSet, number: int, answer: EstateResult) -> Iterator[str]:
    name = ruleset.name or ruleset.path or ruleset.package or str(number)
    judged = [one for one in answer.judged if not ruleset.templates or matches(one.file, ruleset.templates)]
    if not judged:
        yield f"rule set {name} judged nothing: its templates match no file"
    elif ruleset.configurations and not any(
        matches(part, ruleset.configurations)
        for one in judged
        for configuration in one.configurations
        for part in (configuration, *_PARTS.findall(configuration))
    ):
        yield f"rule set {name} judged nothing: its configurations match none"


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more

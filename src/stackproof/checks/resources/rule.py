"""What a rule across resources is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stackproof.model import DocPath, RuleInfo, Severity
from stackproof.template.model import Unknown

if TYPE_CHECKING:
    from stackproof.checks.resources.stack import Stack


@dataclass(frozen=True, slots=True)
class Hit:
    """A place where a rule does not hold, or, with ``unknowns``, where these decide whether it does.

    ``path`` is in the resolved tree; ``related`` are logical ids of the other resources concerned.
    """

    path: DocPath
    message: str
    related: tuple[str, ...] = ()
    unknowns: tuple[Unknown, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: what is known of it, and the function that looks for places where it does not hold."""

    info: RuleInfo
    examine: Callable[[Stack], Iterator[Hit]]


def describe(
    rule: str, title: str, *, why: str, fix: str, source: str, severity: Severity = Severity.ERROR
) -> RuleInfo:
    """The ``RuleInfo`` of a rule across resources. ``rule`` is the id after ``SP-RES-``."""
    return RuleInfo(
        id=f"SP-RES-{rule}",
        title=title,
        severity=severity,
        why=why,
        fix=fix,
        source=source,
        engine="check",
        ruleset="resources",
    )

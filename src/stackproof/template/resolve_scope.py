"""What one resolution knows and collects: inputs, decided values, findings, where values came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from stackproof.model import DocPath, Finding, Location, Outcome, Related, Severity
from stackproof.template.live import Live
from stackproof.template.model import Configuration, Expanded, Unknown

SOURCE = "template"
MAX_DEPTH = 150
"""Levels of nesting that are followed; CloudFormation itself refuses far fewer."""

NestedOutputs = Callable[[str, Mapping[str, Any]], Mapping[str, Any] | None]
"""Outputs of a nested stack by the logical id and resolved properties of its resource; None if unknown."""


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What holds inside a branch: conditions, and parameters that are or are not some text."""

    conditions: Mapping[str, bool] = field(default_factory=dict)
    equals: Mapping[str, Any] = field(default_factory=dict)
    differs: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.conditions or self.equals or self.differs)


@dataclass(slots=True)
class Scope:
    """The state of one resolution; made once, used by every part of the evaluator.

    ``values`` are what ``Ref`` gives for a parameter, ``secret`` the NoEcho ones as they really are
    (they decide conditions and never reach the tree or a message). ``live`` answers while a stack deploys.
    """

    expanded: Expanded
    configuration: Configuration
    exports: Mapping[str, Any] | None = None
    nested: NestedOutputs | None = None
    parents: tuple[str, ...] = ()
    values: dict[str, Any] = field(default_factory=dict)
    secret: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    moves: dict[DocPath, tuple[DocPath, ...]] = field(default_factory=dict)
    used: dict[DocPath, tuple[str, ...]] = field(default_factory=dict)
    origins: dict[str, Related] = field(default_factory=dict)
    assumed: Assumptions = field(default_factory=Assumptions)
    live: Live | None = None
    _seen: set[tuple[str, DocPath, str]] = field(default_factory=set)
    _collecting: list[dict[str, None]] = field(default_factory=list)

    @property
    def tree(self) -> dict[str, Any]:
        return self.expanded.tree

    def section(self, name: str) -> Mapping[str, Any]:
        """A top-level section, empty when it is missing or no object (cfn-lint reports the latter)."""
        found = self.tree.get(name)
        return found if isinstance(found, dict) else {}

    def report(
        self,
        rule: str,
        message: str,
        path: DocPath,
        *,
        location: Location | None = None,
        severity: Severity = Severity.ERROR,
        outcome: Outcome = Outcome.FAIL,
        related: Sequence[Related] = (),
        fix: str = "",
        evidence: Mapping[str, str] | None = None,
    ) -> None:
        """Add a finding at a path of the expanded tree, once."""
        key = (rule, path, message)
        if key in self._seen:
            return
        self._seen.add(key)
        name = self.configuration.name
        self.findings.append(
            Finding(
                rule=rule,
                message=message,
                location=location or self.expanded.locate(path),
                outcome=outcome,
                severity=severity,
                source=SOURCE,
                path=path,
                logical_id=str(path[1]) if len(path) > 1 and path[0] == "Resources" else "",
                configurations=(name,) if name else (),
                related=tuple(related),
                evidence=evidence or {},
                fix=fix,
            )
        )

    def invalid(self, rule: str, message: str, path: DocPath, expression: Any, fix: str = "") -> Unknown:
        """Report something that cannot be evaluated; its value is unknown from there on."""
        self.report(rule, message, path, fix=fix)
        return Unknown(expression=expression, reason=message, may_be_empty=True)

    def use(self, origin: str) -> None:
        """Note that an outside value (``parameter:Size``) takes part in what is evaluated now."""
        for frame in self._collecting:
            frame[origin] = None

    @contextmanager
    def collecting(self, target: DocPath | None) -> Iterator[None]:
        """Attribute the outside values used inside to a path of the resolved tree."""
        if target is None:
            yield
            return
        frame: dict[str, None] = {}
        self._collecting.append(frame)
        try:
            yield
        finally:
            self._collecting.pop()
            if frame:
                self.used[target] = tuple(dict.fromkeys((*self.used.get(target, ()), *frame)))

    @contextmanager
    def assuming(self, assumptions: Assumptions) -> Iterator[None]:
        """Evaluate a branch of an unknown condition."""
        before, self.assumed = self.assumed, assumptions
        try:
            yield
        finally:
            self.assumed = before

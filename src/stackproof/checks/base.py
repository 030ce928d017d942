"""The contract of a check, and the checks that are installed.

A check judges one resolved template. It is found through the entry point group ``stackproof.checks``:
each entry point names a callable without arguments (a class will do) that returns a ``Check``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, runtime_checkable

from stackproof.model import Finding, Problem, RuleInfo
from stackproof.template.model import Resolved

GROUP = "stackproof.checks"


@runtime_checkable
class Check(Protocol):
    """One or more rules that judge a template as it will be deployed."""

    def rules(self) -> Iterable[RuleInfo]:
        """What is known of each rule that ``run`` can report."""

    def run(self, resolved: Resolved) -> Iterable[Finding]:
        """The findings in one resolved template; a finding's ``rule`` is the id of one of ``rules``."""


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks that were found, and the entry points that could not be used."""

    checks: tuple[Check, ...] = ()
    problems: tuple[Problem, ...] = ()

    def rules(self) -> list[RuleInfo]:
        """The rules of all checks, sorted by id."""
        return sorted((rule for check in self.checks for rule in check.rules()), key=lambda rule: rule.id)

    def run(self, resolved: Resolved) -> list[Finding]:
        """The findings of all checks in one resolved template."""
        return [finding for check in self.checks for finding in check.run(resolved)]


def load_checks(names: Sequence[str] = (), *, points: Iterable[EntryPoint] | None = None) -> Checks:
    """Load the installed checks whose entry point name matches one of the globs ``names`` (empty: all).

    ``names`` is the configuration's ``checks``; a glob that matches nothing is a problem, as is an
    entry point that cannot be imported or does not return a ``Check``. The others still load.
    """
    available = sorted(entry_points(group=GROUP) if points is None else points, key=lambda point: point.name)
    problems = [
        Problem(
            f"no check is called '{name}'",
            hint=f"installed checks: {', '.join(point.name for point in available) or 'none'}",
        )
        for name in names
        if not any(fnmatchcase(point.name, name) for point in available)
    ]
    checks: list[Check] = []
    for point in available:
        if names and not any(fnmatchcase(point.name, name) for name in names):
            continue
        loaded = _load(point)
        if isinstance(loaded, Problem):
            problems.append(loaded)
        else:
            checks.append(loaded)
    return Checks(tuple(checks), tuple(problems))


def _load(point: EntryPoint) -> Check | Problem:
    hint = "fix or uninstall the package that brings it"
    try:
        check = point.load()()
    except Exception as error:  # noqa: BLE001 - whoever wrote the check decides what it raises
        said = f"{type(error).__name__}: {error}"
        return Problem(f"the check '{point.name}' ({point.value}) cannot be loaded: {said}", hint=hint)
    if not isinstance(check, Check):
        return Problem(f"the check '{point.name}' ({point.value}) has no 'rules' and 'run'", hint=hint)
    return check

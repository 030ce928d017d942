"""Suppressions as they are written inside templates.

``Metadata.stackproof.suppress`` of a template or a resource is a list of
``{rule, reason, until, configurations}``; ``rule`` and ``configurations`` may hold globs.
The tools' own mechanisms are read too: cfn-lint's ``Metadata.cfn-lint.config.ignore_checks``
(https://github.com/aws-cloudformation/cfn-lint, "Metadata" in its README) and
``Metadata.guard.SuppressedRules`` as the Guard rules registry uses it. They carry no reason and no date.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stackproof.model import DocPath, Finding, Location, Severity

MALFORMED = "SP-SUPPRESS-MALFORMED"
_NOWHERE = Location("")
Locate = Callable[[DocPath], Location]
_KEYS = ("rule", "reason", "until", "configurations")


@dataclass(frozen=True, slots=True)
class InlineSuppression:
    """One suppression: who it silences, why, until when (ISO date) and where it is written.

    ``logical_id`` is "" for the whole template. ``span`` is the place of that resource in the file,
    ``(line, column)`` of its start and of what follows it: findings of generated resources point there.
    ``origin`` is ``stackproof``, ``cfn-lint``, ``guard`` or ``config``; only the latter uses
    ``templates`` and ``resources`` (globs, empty for all) and has no ``file`` of its own scope.
    """

    rule: str
    reason: str = ""
    until: str = ""
    configurations: tuple[str, ...] = ()
    file: str = ""
    logical_id: str = ""
    location: Location = _NOWHERE
    governed: bool = True
    origin: str = "stackproof"
    span: tuple[tuple[int, int], tuple[int, int]] | None = None
    templates: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()

    @property
    def identity(self) -> tuple[str, Location, str]:
        """The same for the copies that a loop or an anchor makes of one written suppression."""
        return (self.origin, self.location, self.rule)


def collect(
    tree: Mapping[str, Any], locate: Locate, file: str
) -> tuple[list[InlineSuppression], list[Finding]]:
    """Every suppression of a template, and a finding for each that cannot be understood.

    ``tree`` is the written or the expanded template; ``locate`` gives the span of a path in it.
    """
    suppressions: list[InlineSuppression] = []
    findings: list[Finding] = []
    for owner, logical_id, span in _owners(tree, locate):
        metadata = _at(tree, (*owner, "Metadata"))
        if not isinstance(metadata, Mapping):
            continue
        reader = _Reader(locate, file, logical_id, span, suppressions, findings)
        reader.ours(metadata, (*owner, "Metadata"))
        reader.native(metadata, (*owner, "Metadata", "cfn-lint", "config", "ignore_checks"), "cfn-lint")
        reader.native(metadata, (*owner, "Metadata", "guard", "SuppressedRules"), "guard")
    return suppressions, findings


_Span = tuple[tuple[int, int], tuple[int, int]]
_END = (2**31, 1)
_LOOP = 3
"""Elements of an ``Fn::ForEach``: identifier, collection, and what is repeated."""


def _owners(tree: Mapping[str, Any], locate: Locate) -> Iterator[tuple[DocPath, str, _Span | None]]:
    """The template, then each resource with its span in the file."""
    yield (), "", None
    resources = tuple(_resources(tree.get("Resources"), ("Resources",)))
    with_metadata = [path for path, body in resources if isinstance(body, Mapping) and body.get("Metadata")]
    if not with_metadata:
        return
    sections = (_start(locate((key,))) for key in tree)
    starts = sorted({*sections, *(_start(locate(path)) for path, _ in resources)})
    for path in with_metadata:
        start = _start(locate(path))
        after = next((one for one in starts if one > start), _END)
        yield path, str(path[-1]), (start, after)


def _resources(section: Any, path: DocPath) -> Iterator[tuple[DocPath, Any]]:
    """Each resource with its path; those in ``Fn::ForEach`` under their name as written (``Queue${X}``)."""
    if not isinstance(section, Mapping):
        return
    for key, body in section.items():
        yield (*path, key), body
        if str(key).startswith("Fn::ForEach::") and isinstance(body, list) and len(body) == _LOOP:
            yield from _resources(body[-1], (*path, key, _LOOP - 1))


def _start(location: Location) -> tuple[int, int]:
    return (location.line, location.column)


def _at(tree: Any, path: DocPath) -> Any:
    """What stands at a path; None when nothing does."""
    for key in path:
        if isinstance(tree, Mapping):
            tree = tree.get(key)
        elif isinstance(tree, list) and isinstance(key, int) and key < len(tree):
            tree = tree[key]
        else:
            return None
    return tree


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the suppressions of one ``Metadata`` section into the two lists."""

    locate: Locate
    file: str
    logical_id: str
    span: _Span | None
    suppressions: list[InlineSuppression]
    findings: list[Finding]

    def ours(self, metadata: Mapping[str, Any], path: DocPath) -> None:
        section = metadata.get("stackproof")
        if section is None:
            return
        here = (*path, "stackproof")
        if not isinstance(section, Mapping):
            self._malformed(
                here, f"'Metadata.stackproof' is {_kind(section)}, expected a map with 'suppress'"
            )
            return
        for key in section:
            if key != "suppress":
                self._malformed(
                    (*here, key), f"unknown key '{key}' in 'Metadata.stackproof', expected 'suppress'"
                )
        entries = section.get("suppress", [])
        if not isinstance(entries, list):
            self._malformed((*here, "suppress"), f"'suppress' is {_kind(entries)}, expected a list")
            return
        for position, entry in enumerate(entries):
            self._entry(entry, (*here, "suppress", position))

    def _entry(self, entry: Any, path: DocPath) -> None:
        if not isinstance(entry, Mapping):
            self._malformed(path, f"a suppression is {_kind(entry)}, expected a map with {', '.join(_KEYS)}")
            return
        for key in entry:
            if key not in _KEYS:
                known = ", ".join(_KEYS)
                self._malformed((*path, key), f"unknown key '{key}' in a suppression, expected {known}")
                return
        rule, reason = entry.get("rule"), entry.get("reason", "")
        if not isinstance(rule, str) or not rule.strip():
            self._malformed(path, "a suppression needs 'rule', the id or a glob of the rules it silences")
            return
        if not isinstance(reason, str):
            self._malformed((*path, "reason"), f"'reason' is {_kind(reason)}, expected text")
            return
        until = iso_date(entry.get("until", ""))
        if until is None:
            shown = entry.get("until")
            self._malformed((*path, "until"), f"'until' is '{shown}', expected a date like \"2026-12-31\"")
            return
        names = entry.get("configurations", [])
        names = [names] if isinstance(names, str) else names
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            self._malformed((*path, "configurations"), "'configurations' is no list of names or globs")
            return
        self._add(
            rule, path, origin="stackproof", reason=reason, until=until, configurations=tuple(map(str, names))
        )

    def native(self, metadata: Mapping[str, Any], path: DocPath, origin: str) -> None:
        inside = path[path.index("Metadata") + 1 :]
        names = _at(metadata, inside)
        if isinstance(names, str):
            names = [names]
        if not isinstance(names, list):
            return
        for position, name in enumerate(names):
            if isinstance(name, str) and name:
                self._add(name, (*path, position), origin=origin)

    def _add(
        self,
        rule: str,
        path: DocPath,
        *,
        origin: str,
        reason: str = "",
        until: str = "",
        configurations: tuple[str, ...] = (),
    ) -> None:
        self.suppressions.append(
            InlineSuppression(
                rule=str(rule),
                reason=" ".join(reason.split()),
                until=until,
                configurations=configurations,
                file=self.file,
                logical_id=self.logical_id,
                location=self.locate(path),
                governed=origin == "stackproof",
                origin=origin,
                span=self.span,
            )
        )

    def _malformed(self, path: DocPath, message: str) -> None:
        self.findings.append(malformed(message, self.locate(path), self.logical_id, path))


def malformed(message: str, location: Location, logical_id: str = "", path: DocPath = ()) -> Finding:
    """The finding for a suppression that cannot be understood."""
    return Finding(
        rule=MALFORMED,
        message=message,
        location=location,
        severity=Severity.ERROR,
        source="verdict",
        path=path,
        logical_id=logical_id,
        fix='Write it as {rule: RULE, reason: why it is right here, until: "2026-12-31"}.',
    )


def iso_date(value: Any) -> str | None:
    """An ISO date from what YAML or TOML decoded: "" for none, None for something else."""
    if value is None or value == "":
        return ""
    if isinstance(value, datetime.datetime):
        return value.date().isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    if not isinstance(value, str):
        return None
    try:
        return datetime.date.fromisoformat(value.strip()).isoformat()
    except ValueError:
        return None


def _kind(value: Any) -> str:
    if value is None:
        return "empty"
    names = {
        dict: "a map",
        list: "a list",
        str: "text",
        bool: "a boolean",
        int: "a number",
        float: "a number",
    }
    return next((name for kind, name in names.items() if isinstance(value, kind)), type(value).__name__)

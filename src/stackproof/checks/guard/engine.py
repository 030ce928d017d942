"""Guard over a template: the native verdict for every rule, with what hangs on the unknown told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from stackproof.checks.guard import findings as build
from stackproof.checks.guard.adapter import GuardError, evaluate, fails
from stackproof.checks.guard.documents import doc_path
from stackproof.checks.guard.ground import Ground, ground, owner_of
from stackproof.checks.guard.handed import handed_over
from stackproof.checks.guard.headers import Described
from stackproof.checks.guard.prefilter import concerned, selections, text_of
from stackproof.checks.guard.probe import Probed, clause_key, probe
from stackproof.checks.guard.report import Clause, RuleResult, results
from stackproof.checks.guard.rules import EVALUATION
from stackproof.checks.guard.rulesets import LoadedFile, LoadedSet, RuleSets
from stackproof.checks.guard.scene import Scene
from stackproof.checks.guard.scene import scene as prepare
from stackproof.checks.guard.views import View, of_document, of_resolved
from stackproof.checks.guard.worlds import World
from stackproof.model import Finding, Related, RuleInfo, Severity
from stackproof.template.model import Document, Resolved


class GuardEngine:
    """Judges templates by rule sets; keep one for a whole run."""

    def __init__(self, rulesets: RuleSets) -> None:
        self._rulesets = rulesets

    def rules(self) -> list[RuleInfo]:
        """What is known of every rule that can run."""
        return [*self._rulesets.rules(), EVALUATION]

    def judge(self, resolved: Resolved) -> list[Finding]:
        """The findings of every rule set that applies to the template and its configuration.

        One finding for each rule and failing path. Failures that hang on something unknown have the
        outcome ``undecided``.
        """
        scenes: dict[str, Scene] = {}
        names = (resolved.configuration.name, resolved.configuration.environment)
        found: list[Finding] = []
        for loaded in self._rulesets.sets:
            if not loaded.applies(resolved.expanded.document.file, names):
                continue
            for view_name, file, rules in _by_view(loaded):
                if view_name not in scenes:
                    scenes[view_name] = prepare(of_resolved(resolved, view_name))
                found.extend(_judge_file(scenes[view_name], loaded, file, rules))
        return _once(found)

    def judge_written(self, document: Document) -> list[Finding]:
        """Every rule on the template as written, as the native tool judges it; nothing is unknown."""
        written = prepare(of_document(document))
        found: list[Finding] = []
        for loaded in self._rulesets.sets:
            if loaded.applies(document.file):
                for file in loaded.files:
                    found.extend(_judge_file(written, loaded, file, dict(file.described)))
        return _once(found)


def _by_view(loaded: LoadedSet) -> Iterator[tuple[str, LoadedFile, dict[str, Described]]]:
    for file in loaded.files:
        grouped: dict[str, dict[str, Described]] = {}
        for name, described in file.described.items():
            view = described.view or loaded.config.view or "resolved"
            grouped.setdefault(view, {})[name] = described
        for view, rules in grouped.items():
            yield view, file, rules


def _judge_file(
    scene: Scene, loaded: LoadedSet, file: LoadedFile, rules: dict[str, Described]
) -> Iterator[Finding]:
    parameters, severity, view = loaded.config.parameters, loaded.config.severity, scene.view
    names = concerned(file.source, scene.types) & frozenset(rules)
    if not names:
        return
    native, errors = _native(scene, file, names, parameters)
    for name, described in rules.items():
        if name not in names:
            continue
        handed = handed_over(scene, file.source, name)
        for hanging in handed.values():
            yield build.undecided(view, described.info, severity, hanging)
        if name in errors:
            if not handed:
                yield _gave_up(view, file, name, errors[name])
            continue
        told = frozenset({*handed, ""}) if handed else frozenset[str]()
        clauses = [clause for result in native if result.name == name for clause in result.failures]
        probed = _probe(scene, file, name, parameters, clauses)
        if probed is None:
            probed = Probed(tuple((clause, World()) for clause in clauses), ())
        for clause, where in probed.definite:
            if owner_of(doc_path(view.tree, clause.path, where.side)) not in told:
                yield build.failure(view, described.info, severity, clause, where.side)
        for hanging in probed.hanging:
            if hanging.owner not in told:
                yield build.undecided(view, described.info, severity, hanging)


def _native(
    scene: Scene, file: LoadedFile, names: frozenset[str], parameters: dict[str, Any]
) -> tuple[list[RuleResult], dict[str, GuardError]]:
    """The native answers, and the rules that the engine gives up on, which keep no other from its own."""
    native: list[RuleResult] = []
    errors: dict[str, GuardError] = {}
    for group, types in selections(file.source, names):
        document = scene.document(parameters, types)
        try:
            native += _failing(document, text_of(file.source, group))
        except GuardError:
            for name in sorted(group):
                try:
                    found = _failing(document, file.source.alone(name))
                    native += [result for result in found if result.name == name]
                except GuardError as error:
                    errors[name] = error
    return native, errors


def _failing(document: str, text: str) -> list[RuleResult]:
    return results(evaluate(document, text)) if fails(document, text) else []


def _probe(
    scene: Scene, file: LoadedFile, name: str, parameters: dict[str, Any], native: list[Clause]
) -> Probed | None:
    """What stands and what hangs on the unknown; None when the rule sees nothing unknown.

    Only the part of the template that the rule selects is evaluated again and again. That part must give
    the native answer for the whole template, or else the whole is taken.
    """
    part = ground(scene, file.source, name, parameters)
    if part is None or not part.open():
        return None
    parts = [one for one in part.split() if one.open()]
    apart = _agreed(parts, native)
    if apart is None and parts != [part]:
        parts = [part]
        apart = _agreed(parts, native)
    if apart is None:
        parts = [ground(scene, file.source, name, parameters, whole=True) or part]
    probed = [found for one in parts if (found := probe(one)) is not None]
    if len(probed) < len(parts):
        return None
    definite = [(clause, scene.base) for clause in apart or ()]
    definite += [pair for found in probed for pair in found.definite]
    return Probed(tuple(definite), tuple(hanging for found in probed for hanging in found.hanging))


def _agreed(parts: list[Ground], native: list[Clause]) -> list[Clause] | None:
    """The native failures that are about none of the parts; None when the parts do not give the others."""
    apart = [clause for clause in native if all(part.leaves_out(clause) for part in parts)]
    expected = Counter(clause_key(clause) for clause in native if clause not in apart)
    for part in parts:
        answer = part.judge(part.scene.base)
        if answer is None or not part.covers(answer):
            return None
        expected.subtract(clause_key(clause) for clause in answer.clauses())
    return None if any(expected.values()) else apart


def _gave_up(view: View, file: LoadedFile, name: str, error: GuardError) -> Finding:
    place = file.described[name].info.location
    return Finding(
        rule=EVALUATION.id,
        message=f"rule {name} of {file.source.file} cannot be evaluated: {error.message}",
        location=view.locate(("Resources",)),
        severity=Severity.ERROR,
        source="guard",
        path=("Resources",),
        configurations=view.configurations,
        related=(Related(place, "the rule"),) if place else (),
        fix=EVALUATION.fix,
    )


def _once(found: list[Finding]) -> list[Finding]:
    """A rule that says the same of the same path twice says it once; in the order of the file."""
    unique = {(f.rule, f.path, f.message, f.outcome): f for f in reversed(found)}
    return sorted(unique.values(), key=lambda f: (f.location, f.rule, f.message))

"""Guard over a template: the native verdict for every rule, with what hangs on the unknown told apart."""

from __future__ import annotations

from collections.abc import Iterator

from stackproof.checks.guard import findings as build
from stackproof.checks.guard.adapter import GuardError, evaluate
from stackproof.checks.guard.documents import encode, merge_parameters
from stackproof.checks.guard.headers import Described
from stackproof.checks.guard.prefilter import concerns
from stackproof.checks.guard.report import RuleResult, results
from stackproof.checks.guard.rulesets import LoadedFile, LoadedSet, RuleSets
from stackproof.checks.guard.samples import fresh_values
from stackproof.checks.guard.views import View, of_document, of_resolved
from stackproof.checks.guard.worlds import World, materialise, spots
from stackproof.model import Finding, Related, RuleInfo, Severity
from stackproof.template.model import Document, Resolved, Unknown

EVALUATION = RuleInfo(
    id="SP-GUARD-EVALUATION",
    title="A Guard rule cannot be evaluated on this template",
    why="The engine gave up on the rule, so nobody knows whether the template keeps it.",
    fix="Guard the clause with `when ... exists` or compare values of one kind.",
    engine="guard",
)


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
        views: dict[str, View] = {}
        names = (resolved.configuration.name, resolved.configuration.environment)
        found: list[Finding] = []
        for loaded in self._rulesets.sets:
            if not loaded.applies(resolved.expanded.document.file, names):
                continue
            for view_name, file, rules in _by_view(loaded):
                if view_name not in views:
                    views[view_name] = of_resolved(resolved, view_name)
                found.extend(_judge_file(views[view_name], loaded, file, rules))
        return _once(found)

    def judge_written(self, document: Document) -> list[Finding]:
        """Every rule on the template as written, as the native tool judges it; nothing is unknown."""
        view = of_document(document)
        found: list[Finding] = []
        for loaded in self._rulesets.sets:
            if loaded.applies(document.file):
                for file in loaded.files:
                    found.extend(_judge_file(view, loaded, file, dict(file.described)))
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
    view: View, loaded: LoadedSet, file: LoadedFile, rules: dict[str, Described]
) -> list[Finding]:
    unknowns = [spot.item for spot in spots(view.tree) if isinstance(spot.item, Unknown)]
    world = World(fresh_values(unknowns))
    document = encode(merge_parameters(materialise(view.tree, world), loaded.config.parameters))
    if not concerns(file.source, document):
        return []
    found: list[Finding] = []
    for result in _evaluate(view, file, document, found):
        described = rules.get(result.name)
        if described:
            found.extend(
                build.failure(view, described.info, loaded.config.severity, clause)
                for clause in result.failures
            )
    return found


def _evaluate(view: View, file: LoadedFile, document: str, found: list[Finding]) -> list[RuleResult]:
    try:
        return results(evaluate(document, file.source.text))
    except GuardError as error:
        found.append(_gave_up(view, file, error))
    return []


def _gave_up(view: View, file: LoadedFile, error: GuardError) -> Finding:
    places = [d.info.location for d in file.described.values() if d.info.location]
    return Finding(
        rule=EVALUATION.id,
        message=f"{file.source.file} cannot be evaluated: {error.message}",
        location=view.locate(("Resources",)),
        severity=Severity.ERROR,
        source="guard",
        path=("Resources",),
        configurations=view.configurations,
        related=tuple(Related(place, "the rule file") for place in places[:1]),
        fix=EVALUATION.fix,
    )


def _once(found: list[Finding]) -> list[Finding]:
    """A rule that says the same of the same path twice says it once; in the order of the file."""
    unique = {(f.rule, f.path, f.message, f.outcome): f for f in reversed(found)}
    return sorted(unique.values(), key=lambda f: (f.location, f.rule, f.message))

"""``stackproof test``: expectations, coverage, mutation, as ordinary findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stackproof.checks.guard.adapter import GuardError, evaluate
from stackproof.checks.guard.documents import encode, plain
from stackproof.checks.guard.literals import literals
from stackproof.checks.guard.prefilter import NEUTRAL
from stackproof.checks.guard.queries import compared_keys
from stackproof.checks.guard.reach import reach
from stackproof.checks.guard.report import RuleResult, results, statuses
from stackproof.checks.guard.rulesets import SUFFIXES, LoadedFile, is_rule_file, load_files, shown_path
from stackproof.checks.guard.testing.cases import Case, load_cases, orphans, test_files
from stackproof.checks.guard.testing.mutate import Property, compared, mutations
from stackproof.checks.guard.testing.rules import COVERAGE, EXPECTATION, MUTATION, ORPHAN
from stackproof.config import RuleSet
from stackproof.errors import NothingToJudge, UsageError
from stackproof.model import Finding, Judged, Location, Problem, Related, RuleInfo


@dataclass(slots=True)
class TestRun:
    """What a run of policy tests saw."""

    __test__ = False

    findings: list[Finding] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    rules: int = 0
    cases: int = 0
    mutations: int = 0


def run_tests(paths: Sequence[Path], root: Path, *, mutation: bool = True) -> TestRun:
    """Run the tests of every rule file below ``paths`` (folders, rule files or their test files).

    Raises ``UsageError`` for a path that is not there, ``NothingToJudge`` when there is no rule or no test.
    """
    run = TestRun()
    for path in rule_paths(paths):
        loaded = list(load_files([path], root, RuleSet(path=str(path)), path.stem, run.problems))
        cases: list[Case] = []
        for file in test_files(path):
            found, problems = load_cases(file, root)
            cases.extend(found)
            run.problems.extend(problems)
        run.cases += len(cases)
        run.judged.append(Judged(shown_path(path, root), resources=len(cases)))
        for one in loaded:
            _test_file(one, cases, run, mutation)
    lost = dict.fromkeys(one for folder in paths if folder.is_dir() for one in orphans(folder, SUFFIXES))
    for path in lost:
        message = f"no rule file of the name {path.stem.removesuffix('_tests')} stands beside these tests"
        run.findings.append(_finding(ORPHAN, message, Location(shown_path(path, root))))
    if not run.problems and not lost and (not run.rules or not run.cases):
        what = "rule" if not run.rules else "test"
        shown = ", ".join(map(str, paths))
        raise NothingToJudge(f"there is no {what} below {shown}", hint="X.guard is tested by X_tests.yaml")
    return run


def rule_paths(paths: Iterable[Path]) -> list[Path]:
    """The rule files that paths name: every one in a folder, the one that a test file belongs to."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found.extend(
                p for suffix in SUFFIXES for p in sorted(path.rglob(f"*{suffix}")) if is_rule_file(p)
            )
        elif path.is_symlink() and path.suffix in SUFFIXES:
            found.append(path)  # where it leads nowhere, loading it says so
        elif not path.exists():
            raise UsageError(f"there is no '{path}'")
        elif path.suffix in SUFFIXES:
            found.append(path)
        else:
            stem = path.stem.removesuffix("_tests")
            owners = [f / f"{stem}{s}" for f in (path.parent, path.parent.parent) for s in SUFFIXES]
            owner = next((one for one in owners if one.is_file()), None)
            if owner is None:
                raise UsageError(f"'{path}' is neither a rule file nor the test file of one")
            found.append(owner)
    return list(dict.fromkeys(found))


def _test_file(file: LoadedFile, cases: list[Case], run: TestRun, mutation: bool) -> None:
    run.rules += len(file.described)
    answered: list[tuple[Case, dict[str, list[RuleResult]]]] = []
    for case in cases:
        answers = _answers(file, case, run)
        if answers is not None:
            answered.append((case, answers))
            run.findings.extend(_wrong(file, case, answers))
    for name, described in file.described.items():
        run.findings.extend(_uncovered(file, name, described.info, answered))
        if mutation:
            run.findings.extend(_blind(file, name, described.info, answered, run))


def _answers(file: LoadedFile, case: Case, run: TestRun) -> dict[str, list[RuleResult]] | None:
    try:
        found = results(evaluate(encode(plain(case.input)), file.source.text))
    except GuardError as error:
        message = f"{file.source.file} cannot be evaluated on '{case.name}': {error.message}"
        run.problems.append(Problem(message, location=case.location))
        return None
    answers: dict[str, list[RuleResult]] = {}
    for result in found:
        answers.setdefault(result.name, []).append(result)
    return answers


def _agrees(expected: str, answers: list[RuleResult]) -> bool:
    """As ``cfn-guard test`` counts a name that stands more than once: SKIP means all, the others any."""
    quantifier = all if expected == "SKIP" else any
    return quantifier(answer.status == expected for answer in answers)


def _wrong(file: LoadedFile, case: Case, answers: dict[str, list[RuleResult]]) -> Iterable[Finding]:
    for expectation in case.expectations:
        got = answers.get(expectation.rule)
        if got is None:
            message = f"'{case.name}' expects {expectation.rule}, which is no rule of {file.source.file}"
            yield _finding(EXPECTATION, message, expectation.location)
        elif not _agrees(expectation.status, got):
            shown = "/".join(dict.fromkeys(answer.status for answer in got))
            message = f"{expectation.rule} is {shown} on '{case.name}', expected {expectation.status}"
            yield _finding(
                EXPECTATION,
                message + _because(got),
                expectation.location,
                related=_defined(file, expectation.rule),
                evidence={"rule": expectation.rule, "expected": expectation.status, "got": shown},
            )


def _because(answers: list[RuleResult]) -> str:
    clauses = [clause for answer in answers for clause in answer.failures]
    return f": {' '.join(clauses[0].text.split())} at {clauses[0].path or '/'}" if clauses else ""


def _uncovered(
    file: LoadedFile,
    name: str,
    info: RuleInfo,
    answered: list[tuple[Case, dict[str, list[RuleResult]]]],
) -> Iterable[Finding]:
    tested = {e.status for case, _ in answered for e in case.expectations if e.rule == name}
    wanted = ["PASS", "FAIL", *(["SKIP"] if _can_skip(file, name) else [])]
    missing = [status for status in wanted if status not in tested]
    if missing and info.location:
        message = f"{name} has no case that expects {' or '.join(missing)}"
        yield _finding(
            COVERAGE, message, info.location, evidence={"rule": name, "missing": ", ".join(missing)}
        )


def _can_skip(file: LoadedFile, name: str) -> bool:
    """Whether the rule steps aside from a template that has nothing to do with it."""
    try:
        reports = [evaluate(document, file.source.alone(name)) for document in ("{}", encode(NEUTRAL))]
    except GuardError:
        return True
    return any(statuses(report).get(name) == "SKIP" for report in reports)


def _blind(
    file: LoadedFile,
    name: str,
    info: RuleInfo,
    answered: list[tuple[Case, dict[str, list[RuleResult]]]],
    run: TestRun,
) -> Iterable[Finding]:
    """The properties that the rule names and whose breaking it notices in no compliant case."""
    compliant = [case for case, answers in answered if _agrees("PASS", answers.get(name, []))]
    survivors: dict[Property, tuple[Case, list[str]]] = {}
    noticed: set[Property] = set()
    extent, (before, ends) = reach(file.source, name), compared_keys(file.source, name)
    for case in compliant:
        document = plain(case.input)
        for prop, path in compared(document, extent, before, ends):
            if prop in noticed:
                continue
            tried: list[str] = []
            for mutation in mutations(document, path, literals(file.source, name)):
                run.mutations += 1
                tried.append(mutation.what)
                if not _passes(file, name, mutation.document):
                    noticed.add(prop)
                    break
            else:
                survivors.setdefault(prop, (case, list(dict.fromkeys(tried))))
    for prop, (case, tried) in survivors.items():
        if prop not in noticed and info.location:
            yield _survivor(name, info.location, prop, case, tried)


def _survivor(name: str, location: Location, prop: Property, case: Case, tried: list[str]) -> Finding:
    shown = ", ".join(tried[:6]) + (" …" if len(tried) > 6 else "")
    message = f"{name} passes whatever stands in {prop} (case '{case.name}'; tried: {shown})"
    evidence = {"rule": name, "property": str(prop), "mutations": ", ".join(tried)}
    return _finding(MUTATION, message, location, (Related(case.location, "the compliant case"),), evidence)


def _passes(file: LoadedFile, name: str, document: object) -> bool:
    try:
        found = results(evaluate(encode(document), file.source.alone(name)))
    except GuardError:
        return False
    return _agrees("PASS", [result for result in found if result.name == name])


def _defined(file: LoadedFile, rule: str) -> tuple[Related, ...]:
    described = file.described.get(rule)
    place = described.info.location if described else None
    return (Related(place, "the rule"),) if place else ()


def _finding(
    info: RuleInfo,
    message: str,
    location: Location,
    related: tuple[Related, ...] = (),
    evidence: dict[str, str] | None = None,
) -> Finding:
    return Finding(
        rule=info.id,
        message=message,
        location=location,
        severity=info.severity,
        source="test",
        related=related,
        evidence=evidence or {},
        fix=info.fix,
    )

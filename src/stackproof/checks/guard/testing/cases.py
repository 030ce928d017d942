"""Test files for Guard rules, in the format of ``cfn-guard test``, with a place for everything in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stackproof.checks.guard.rulesets import is_rule_file, shown_path, unreadable
from stackproof.model import JSON, Location, Problem

STATUSES = ("PASS", "FAIL", "SKIP")
SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a case expects of a rule, and where that is written."""

    rule: str
    status: str
    location: Location


@dataclass(frozen=True, slots=True)
class Case:
    """One ``input`` with the status that each named rule must have on it."""

    name: str
    input: JSON
    expectations: tuple[Expectation, ...]
    location: Location


def test_files(rules: Path) -> list[Path]:
    """The test files of ``X.guard``: ``X_tests.yaml|yml|json`` beside it or in ``tests/``."""
    folders = (rules.parent, rules.parent / "tests")
    names = [f"{rules.stem}_tests{suffix}" for suffix in SUFFIXES]
    return [folder / name for folder in folders for name in names if is_rule_file(folder / name)]


def orphans(folder: Path, owners: tuple[str, ...]) -> list[Path]:
    """The test files below a folder whose rule file (with one of the suffixes ``owners``) is not there."""
    found = []
    for path in sorted(path for suffix in SUFFIXES for path in folder.rglob(f"*_tests{suffix}")):
        stem = path.stem.removesuffix("_tests")
        beside = [path.parent, *([path.parent.parent] if path.parent.name == "tests" else [])]
        if path.is_file() and not any(
            (one / f"{stem}{owner}").is_file() for one in beside for owner in owners
        ):
            found.append(path)
    return found


def load_cases(path: Path, root: Path) -> tuple[list[Case], list[Problem]]:
    """The cases of a test file, and what is wrong with it (file, line, column); the other cases still run."""
    shown = shown_path(path, root)
    try:
        node = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.CSafeLoader)
    except OSError as error:
        return [], [Problem(unreadable(path, error), location=Location(shown))]
    except UnicodeDecodeError:
        return [], [Problem("is not UTF-8 text", location=Location(shown))]
    except yaml.YAMLError as error:
        return [], [Problem(f"is not valid YAML: {_problem(error)}", location=_mark(shown, error))]
    if not isinstance(node, yaml.SequenceNode):
        message = "a test file is a list of cases with name, input and expectations"
        return [], [Problem(message, location=Location(shown))]
    problems: list[Problem] = []
    try:
        cases = [case for item in node.value if (case := _case(shown, item, problems))]
    except RecursionError:
        return [], [Problem("an anchor contains itself", location=Location(shown))]
    return cases, problems


def _case(file: str, node: yaml.Node, problems: list[Problem]) -> Case | None:
    fields = _fields(node)
    place = _place(file, node)
    for key in ("input", "expectations"):
        if key not in fields:
            problems.append(Problem(f"a case needs '{key}'", location=place))
            return None
    problems.extend(
        Problem(f"unknown key '{key}' in a case", location=_place(file, value))
        for key, value in fields.items()
        if key not in {"name", "input", "expectations"}
    )
    rules = _fields(fields["expectations"]).get("rules")
    if not isinstance(rules, yaml.MappingNode):
        message = "'expectations' needs 'rules' with a status for each rule"
        problems.append(Problem(message, location=_place(file, fields["expectations"])))
        return None
    name = str(value_of(fields["name"])) if "name" in fields else f"case at line {place.line}"
    return Case(name, value_of(fields["input"]), tuple(_expectations(file, rules, problems)), place)


def _expectations(file: str, rules: yaml.MappingNode, problems: list[Problem]) -> Iterator[Expectation]:
    for key, value in rules.value:
        status = str(getattr(value, "value", ""))
        place = _place(file, key)
        if status not in STATUSES:
            problems.append(Problem(f"'{status}' is no status, expected PASS, FAIL or SKIP", location=place))
            continue
        yield Expectation(str(key.value), status, place)


def value_of(node: yaml.Node) -> JSON:
    """The JSON of a YAML node: short intrinsic functions in their long form, dates as text."""
    tag = node.tag or ""
    if tag.startswith("!") and not tag.startswith("!!"):
        return _intrinsic(tag[1:], node)
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): value_of(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [value_of(item) for item in node.value]
    return _scalar(node)


def _intrinsic(name: str, node: yaml.Node) -> JSON:
    bare = {yaml.ScalarNode: "str", yaml.SequenceNode: "seq", yaml.MappingNode: "map"}[type(node)]
    value = value_of(type(node)(f"tag:yaml.org,2002:{bare}", node.value, node.start_mark, node.end_mark))
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in {"Ref", "Condition"} else f"Fn::{name}": value}


def _scalar(node: yaml.Node) -> JSON:
    kind = node.tag.rpartition(":")[2]
    if kind not in {"bool", "int", "float", "null"}:
        return str(node.value)
    constructor = yaml.constructor.SafeConstructor()
    build: Any = getattr(constructor, f"construct_yaml_{kind}")
    return build(node)


def _fields(node: yaml.Node) -> dict[str, yaml.Node]:
    return {str(key.value): value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}


def _place(file: str, node: yaml.Node) -> Location:
    return Location(file, node.start_mark.line + 1, node.start_mark.column + 1)


def _problem(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or error).splitlines()[0]


def _mark(file: str, error: yaml.YAMLError) -> Location:
    mark = getattr(error, "problem_mark", None)
    return Location(file, mark.line + 1, mark.column + 1) if mark else Location(file)

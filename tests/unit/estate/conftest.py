"""The reference estate as the tests see it: one system at a time, as it is or with a fault put in."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stackproof import config as configuration
from stackproof.checks.resources.engine import ResourceChecks
from stackproof.config import Config
from stackproof.gate.request import CheckRequest
from stackproof.gate.run import check
from stackproof.model import Finding, Outcome, Report, Status
from stackproof.template.discover import discover
from stackproof.template.estate import Estate
from stackproof.template.model import Resolved

Edit = tuple[str, str, str]
"""A file of the system, a text in it, and what stands there instead. The text must be there."""


@dataclass
class System:
    """A copy of one system of the estate, in a project of its own with the repository's rule sets."""

    name: str
    root: Path
    config: Config
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder = self.root / "templates" / self.name

    @cached_property
    def estate(self) -> Estate:
        return Estate(self.root, self.config, discover(self.root, [self.folder], self.config).templates)

    def file(self, name: str) -> str:
        return f"templates/{self.name}/{name}"

    def instances(self, name: str) -> tuple[Resolved, ...]:
        return self.estate.instances(self.file(name))

    def resolved(self, name: str, environment: str) -> Resolved:
        """The template as it is deployed to one environment."""
        found = [one for one in self.instances(name) if one.configuration.environment == environment]
        assert len(found) == 1, f"{name} has {len(found)} instances in {environment}"
        return found[0]

    def resources(self, name: str, environment: str, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of all resources of a type."""
        tree = self.resolved(name, environment).tree
        return {
            logical_id: resource.get("Properties", {})
            for logical_id, resource in tree["Resources"].items()
            if resource["Type"] == kind
        }

    def findings(self) -> list[Finding]:
        """What loading and resolving says of every template and configuration."""
        found = list(self.estate.findings)
        for file in self.estate.files:
            for instance in self.estate.instances(file):
                found.extend(instance.findings)
        return found

    def rules(self) -> set[str]:
        """The rules that are broken while loading and resolving; notes left out."""
        return {finding.rule for finding in self.findings() if finding.outcome is not Outcome.NOTE}

    def wiring(self, name: str) -> set[str]:
        """The rules across resources that a template breaks, in any configuration."""
        checks = ResourceChecks()
        return {finding.rule for instance in self.instances(name) for finding in checks.run(instance)}

    def check(self, path: str = "", *sets: str) -> Report:
        """What the gate answers for a template or all, by some of the rule sets or all."""
        rulesets = tuple(one for one in self.config.rulesets if not sets or one.name in sets)
        assert len(rulesets) == (len(sets) or len(self.config.rulesets))
        config = msgspec.structs.replace(self.config, rulesets=rulesets)
        return check(CheckRequest(paths=(self.folder / path,), use_cache=False), config, self.root)

    def refused(self, path: str = "", *sets: str) -> set[str]:
        """The rules that the gate finds broken."""
        report = self.check(path, *sets)
        assert not report.problems
        return {
            finding.rule
            for finding in report.findings
            if finding.status is Status.ACTIVE and finding.outcome is not Outcome.NOTE
        }


@pytest.fixture(scope="session")
def project(root: Path) -> Config:
    """The configuration of this repository."""
    return configuration.load(root)


@pytest.fixture
def system(root: Path, project: Config, tmp_path: Path) -> Callable[..., System]:
    """``system(name, *edits)``: a copy of a system with each edit made."""
    copies = iter(range(100))

    def copy(name: str, *edits: Edit) -> System:
        place = tmp_path / f"project{next(copies)}"
        shutil.copytree(root / "templates" / name, place / "templates" / name)
        (place / "policies").symlink_to(root / "policies")
        for file, old, new in edits:
            path = place / "templates" / name / file
            text = path.read_text(encoding="utf-8")
            assert old in text, f"{old!r} is not in {file}"
            path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return System(name, place, msgspec.structs.replace(project, root=str(place), workers=1))

    return copy


class Pipeline:
    """A pipeline as a reader of its stages sees it."""

    def __init__(self, properties: Mapping[str, Any]) -> None:
        self.stages: list[dict[str, Any]] = properties["Stages"]

    @property
    def names(self) -> list[str]:
        return [stage["Name"] for stage in self.stages]

    def stage(self, name: str) -> dict[str, Any]:
        return next(stage for stage in self.stages if stage["Name"] == name)

    def actions(self) -> Iterator[tuple[int, int, str, dict[str, Any]]]:
        """Every action in the order it runs: number of the stage, run order, name of the stage, action."""
        for number, stage in enumerate(self.stages):
            for action in sorted(stage["Actions"], key=lambda action: int(action.get("RunOrder", 1))):
                yield number, int(action.get("RunOrder", 1)), stage["Name"], action

    def action(self, stage: str, name: str) -> dict[str, Any]:
        return next(
            action for *_, where, action in self.actions() if (where, action["Name"]) == (stage, name)
        )

    def when(self, stage: str, name: str) -> tuple[int, int]:
        """When an action runs, to be compared with another."""
        return next(
            (number, order)
            for number, order, where, action in self.actions()
            if (where, action["Name"]) == (stage, name)
        )

    def approvals(self) -> list[tuple[int, int]]:
        """When somebody is asked."""
        return [
            (number, order)
            for number, order, _, action in self.actions()
            if action["ActionTypeId"]["Category"] == "Approval"
        ]


@pytest.fixture
def pipeline() -> Callable[[System, str, str], Pipeline]:
    """``pipeline(system, file, environment)``: the one pipeline of a template."""

    def read(system: System, name: str, environment: str) -> Pipeline:
        (properties,) = system.resources(name, environment, "AWS::CodePipeline::Pipeline").values()
        return Pipeline(properties)

    return read

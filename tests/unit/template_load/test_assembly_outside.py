"""What a cloud assembly names outside of the project is a finding, and is not read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stackproof.config import Config
from stackproof.model import Finding
from stackproof.template.assembly import check_assembly
from stackproof.template.discover import discover

SECRET = json.dumps({"Resources": {"Hidden": {"Type": "AWS::SNS::Topic"}}})
STACK = "aws:cloudformation:stack"


class Assembly:
    """A project with an assembly, and files beside the project that it must not name."""

    def __init__(self, base: Path) -> None:
        self.root = base / "project"
        self.folder = self.root / "cdk.out"
        self.folder.mkdir(parents=True)
        self.elsewhere = base / "elsewhere"
        self.elsewhere.mkdir()
        (self.elsewhere / "secret.template.json").write_text(SECRET)
        listed = {"files": {"x": {"source": {"path": "secret.template.json"}}}}
        (self.elsewhere / "secret.assets.json").write_text(json.dumps(listed))
        stack = {"type": STACK, "properties": {"templateFile": "secret.template.json"}}
        self.write(self.elsewhere / "manifest.json", {"Hidden": stack})
        self.artifacts: dict[str, Any] = {}

    @staticmethod
    def write(path: Path, artifacts: dict[str, Any]) -> None:
        path.write_text(json.dumps({"version": "39.0.0", "artifacts": artifacts}, indent=1))

    def names(self, kind: str, key: str, value: str) -> None:
        self.artifacts["One"] = {"type": kind, "properties": {key: value}}

    def found(self) -> tuple[Finding, ...]:
        self.write(self.folder / "manifest.json", self.artifacts)
        return check_assembly(self.folder, self.root).findings

    def judged(self) -> list[str]:
        checked = {template.file for template in check_assembly(self.folder, self.root).templates}
        searched = {template.file for template in discover(self.root, [self.root], Config()).templates}
        return sorted(checked | searched)


@pytest.fixture
def assembly(tmp_path: Path) -> Assembly:
    return Assembly(tmp_path)


def upwards(assembly: Assembly, name: str) -> str:
    return f"../../elsewhere/{name}"


def absolute(assembly: Assembly, name: str) -> str:
    return str(assembly.elsewhere / name)


def linked(assembly: Assembly, name: str) -> str:
    (assembly.folder / f"inner-{name}").symlink_to(assembly.elsewhere / name)
    return f"inner-{name}"


def behind_a_linked_folder(assembly: Assembly, name: str) -> str:
    (assembly.folder / "inner").symlink_to(assembly.elsewhere)
    return f"inner/{name}"


def in_a_circle(assembly: Assembly, name: str) -> str:
    (assembly.folder / "round").symlink_to("round")
    return f"round/{name}"


def too_long(assembly: Assembly, name: str) -> str:
    return "x" * 300 + "/" + name


def with_nul(assembly: Assembly, name: str) -> str:
    return f"a\0{name}"


Way = Callable[[Assembly, str], str]
AWAY: list[Way] = [upwards, absolute, linked, behind_a_linked_folder]
ODD: list[Way] = [in_a_circle, too_long, with_nul]
NAMED = [
    (STACK, "templateFile", "secret.template.json"),
    ("cdk:asset-manifest", "file", "secret.assets.json"),
    ("cdk:cloud-assembly", "directoryName", "."),
]


@pytest.mark.parametrize("way", AWAY + ODD)
@pytest.mark.parametrize(("kind", "key", "name"), NAMED, ids=[key for _, key, _ in NAMED])
def test_a_path_that_leads_away_is_a_finding_at_its_line(
    assembly: Assembly, way: Way, kind: str, key: str, name: str
) -> None:
    assembly.names(kind, key, way(assembly, name))
    (found,) = assembly.found()
    assert found.rule == "SP-ASSEMBLY-OUTSIDE"
    assert (found.location.file, found.location.line > 1) == ("cdk.out/manifest.json", True)
    assert assembly.judged() == []


@pytest.mark.parametrize("way", AWAY + ODD)
def test_an_asset_that_lies_elsewhere_is_a_finding_and_not_judged(assembly: Assembly, way: Way) -> None:
    assembly.names("cdk:asset-manifest", "file", "One.assets.json")
    written = way(assembly, "secret.template.json")
    entry = {"source": {"path": written, "packaging": "file"}, "destinations": {"c": {"objectKey": "k"}}}
    (assembly.folder / "One.assets.json").write_text(json.dumps({"files": {"x": entry}}, indent=1))
    (found,) = assembly.found()
    assert (found.rule, found.location.file) == ("SP-ASSEMBLY-OUTSIDE", "cdk.out/One.assets.json")
    assert assembly.judged() == []


def test_a_manifest_that_is_a_link_out_of_the_project_is_not_read(assembly: Assembly) -> None:
    (assembly.folder / "manifest.json").symlink_to(assembly.elsewhere / "manifest.json")
    (assembly.folder / "cdk.out").write_text("{}")
    (found,) = check_assembly(assembly.folder, assembly.root).findings
    assert found.rule == "SP-ASSEMBLY-OUTSIDE"
    assert check_assembly(assembly.folder, assembly.root).templates == ()


def test_a_file_of_the_project_outside_of_the_assembly_may_be_named(assembly: Assembly) -> None:
    (assembly.root / "own.template.json").write_text(SECRET)
    assembly.names(STACK, "templateFile", "../own.template.json")
    assert assembly.found() == ()
    assert [Path(name).name for name in assembly.judged()] == ["own.template.json"]


def test_an_assembly_outside_of_the_project_is_its_own_home(assembly: Assembly, tmp_path: Path) -> None:
    stage = assembly.elsewhere / "assembly-Stage"
    stage.mkdir()
    stack = {"type": STACK, "properties": {"templateFile": "../secret.template.json"}}
    assembly.write(stage / "manifest.json", {"Inner": stack})
    nested = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Stage"}}
    assembly.write(assembly.elsewhere / "manifest.json", {"Stage": nested})
    result = check_assembly(assembly.elsewhere, assembly.root)
    assert result.findings == ()
    assert [template.path.name for template in result.templates] == ["secret.template.json"]
    (assembly.elsewhere / "secret.template.json").rename(tmp_path / "secret.template.json")
    stack["properties"] = {"templateFile": "../../secret.template.json"}
    assembly.write(stage / "manifest.json", {"Inner": stack})
    assert [found.rule for found in check_assembly(assembly.elsewhere, assembly.root).findings] == [
        "SP-ASSEMBLY-OUTSIDE"
    ]

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from stackproof.config import Config
from stackproof.errors import UsageError
from stackproof.template.discover import discover

TEMPLATE = "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n"
NOT_TEMPLATES = {
    "docker-compose.yml": "services:\n  web:\n    image: nginx\n",
    "buildspec.yml": "version: 0.2\nphases:\n  build:\n    commands: [make]\n",
    ".github/workflows/ci.yml": "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n",
    "config/dev.json": '{"Parameters": {"Size": "small"}}',
    "config/list.json": '[{"ParameterKey": "A", "ParameterValue": "b"}]',
    "package.json": '{"name": "x", "dependencies": {"Resources": "1"}}',
    "openapi.yaml": "openapi: 3.0.0\ninfo:\n  title: Resources\npaths: {}\n",
    "rules_tests.yaml": f"- name: a\n  input:\n    {TEMPLATE}",
    ".cfnlintrc": "templates: ['**/*.yaml']\n",
    "deployment.yaml": "apiVersion: apps/v1\nkind: Deployment\nspec: {}\n---\napiVersion: v1\n",
    "nested.json": '{"input": {"Resources": {"A": {"Type": "AWS::SNS::Topic"}}}}',
    "serverless.yml": f"service: a\nresources:\n  {TEMPLATE}",
    "README.md": f"A template:\n\n{TEMPLATE}",
}
TEMPLATES = {
    "a.yaml": TEMPLATE,
    "b.json": '{"Resources": {"A": {"Type": "AWS::SNS::Topic"}}}',
    "no-suffix": TEMPLATE,
    "c.template": "# comment\n---\nAWSTemplateFormatVersion: '2010-09-09'\nResources: {}\n",
    "flow.yaml": "{Resources: {A: {Type: AWS::SNS::Topic}}}",
    "indented.yaml": "  Resources:\n    A:\n      Type: AWS::SNS::Topic\n",
    "broken.yaml": TEMPLATE + "  Bad: [\n",
    "broken.json": '{"Resources": {"A": {"Type": "AWS::SNS::Topic", }}\n',
    "utf16.yaml": TEMPLATE.encode("utf-16"),
    "looped.yaml": "Resources:\n  Fn::ForEach::T: [X, [A], {}]\n",
}


def names(root: Path, config: Config | None = None, *paths: Path) -> list[str]:
    return [template.file for template in discover(root, paths or [root], config or Config()).templates]


def test_templates_are_found_by_content_and_other_files_left_alone(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    for name, text in {**NOT_TEMPLATES, **TEMPLATES}.items():
        write(name, text)
    assert names(tmp_path) == sorted(TEMPLATES)


@pytest.mark.parametrize("folder", [".git", "node_modules", ".venv", ".tox", ".stackproof"])
def test_tool_folders_are_skipped(tmp_path: Path, write: Callable[..., Path], folder: str) -> None:
    write(f"{folder}/a.yaml", TEMPLATE)
    write("kept/a.yaml", TEMPLATE)
    assert names(tmp_path) == ["kept/a.yaml"]


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("drafts", ["a.yaml", "x/y/a.yaml"]),
        ("drafts/**", ["a.yaml", "x/y/a.yaml"]),
        ("**/a.yaml", ["drafts/b.yaml", "drafts/deep/b.yaml"]),
        ("a.yaml", ["drafts/b.yaml", "drafts/deep/b.yaml"]),
        ("drafts/*.yaml", ["a.yaml", "drafts/deep/b.yaml", "x/y/a.yaml"]),
        ("x/*/a.yaml", ["a.yaml", "drafts/b.yaml", "drafts/deep/b.yaml"]),
    ],
)
def test_exclude_globs(tmp_path: Path, write: Callable[..., Path], pattern: str, left: list[str]) -> None:
    for name in ("a.yaml", "drafts/b.yaml", "drafts/deep/b.yaml", "x/y/a.yaml"):
        write(name, TEMPLATE)
    assert names(tmp_path, Config(exclude=(pattern,))) == left


def test_a_named_file_is_taken_whatever_it_holds(tmp_path: Path, write: Callable[..., Path]) -> None:
    path = write("docker-compose.yml", NOT_TEMPLATES["docker-compose.yml"])
    (found,) = discover(tmp_path, [path], Config(exclude=("*.yml",))).templates
    assert (found.file, found.named) == ("docker-compose.yml", True)


def test_a_path_outside_the_root_has_its_absolute_name(tmp_path: Path, write: Callable[..., Path]) -> None:
    path = write("elsewhere/a.yaml", TEMPLATE)
    assert names(tmp_path / "project", None, path.parent) == [path.as_posix()]


def test_a_missing_path_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        discover(tmp_path, [tmp_path / "nowhere"], Config())


def test_a_missing_configured_folder_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'stacks' does not exist"):
        discover(tmp_path, [], Config(templates=("stacks",)))


def test_configured_folders_are_searched_by_default(tmp_path: Path, write: Callable[..., Path]) -> None:
    write("stacks/a.yaml", TEMPLATE)
    write("other/b.yaml", TEMPLATE)
    config = Config(templates=("stacks",))
    assert [template.file for template in discover(tmp_path, [], config).templates] == ["stacks/a.yaml"]


def test_link_loops_end_and_a_linked_template_is_judged_once(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    path = write("one/a.yaml", TEMPLATE)
    os.symlink(tmp_path, tmp_path / "one" / "loop")
    os.symlink(path, tmp_path / "link.yaml")
    assert names(tmp_path) == ["one/a.yaml"]


def test_an_unreadable_file_is_a_finding_and_the_rest_is_found(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    write("a.yaml", TEMPLATE)
    os.symlink(tmp_path / "gone.yaml", tmp_path / "dangling.yaml")
    found = discover(tmp_path, [tmp_path], Config())
    assert [template.file for template in found.templates] == ["a.yaml"]
    assert [(f.rule, f.location.file) for f in found.findings] == [("SP-LOAD-READ", "dangling.yaml")]


def test_an_assembly_yields_the_templates_of_its_manifest_only(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    stack = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "A.template.json"}}
    manifest = {"version": "36.0.0", "artifacts": {"A": stack}}
    write("cdk.out/manifest.json", json.dumps(manifest))
    write("cdk.out/A.template.json", TEMPLATES["b.json"])
    write("cdk.out/asset.abc/template.yaml", TEMPLATE)
    found = discover(tmp_path, [tmp_path], Config())
    assert [(t.file, t.assembly) for t in found.templates] == [("cdk.out/A.template.json", "cdk.out")]
    assert found.assemblies == (tmp_path / "cdk.out",)


def test_a_broken_manifest_hides_no_template(tmp_path: Path, write: Callable[..., Path]) -> None:
    write("cdk.out/manifest.json", '{"version": ')
    write("cdk.out/A.template.json", TEMPLATES["b.json"])
    found = discover(tmp_path, [tmp_path], Config())
    assert [t.file for t in found.templates] == ["cdk.out/A.template.json"]
    assert found.assemblies == (tmp_path / "cdk.out",)

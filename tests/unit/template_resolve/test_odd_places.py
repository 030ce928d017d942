"""A path that the system cannot even ask about hides nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from stackproof.config import Config
from stackproof.model import Finding
from stackproof.template.discover import discover
from stackproof.template.estate import Estate

PLACES = {
    "too long": "x" * 300,
    "with NUL": '"a\\0b"',
    "links in a circle": "loop.yaml",
    "below a file": "plain.yaml/x",
    "a folder": "folder",
}
PLAIN = "Resources: {Topic: {Type: 'AWS::SNS::Topic'}}\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "config").mkdir()
    (tmp_path / "config/prod.json").symlink_to("prod.json")
    (tmp_path / "folder").mkdir()
    (tmp_path / "plain.yaml").write_text(PLAIN)
    (tmp_path / "samconfig.toml").write_text(
        'version = 0.1\n[x.deploy.parameters]\ntemplate_file = "a\\u0000b"\n'
    )
    return tmp_path


def judge(root: Path, file: str) -> tuple[int, Sequence[Finding]]:
    """How many instances a template has, and what is said of it."""
    templates = discover(root, [root / file], Config()).templates
    estate = Estate(root, Config(root=str(root)), templates)
    instances = estate.instances(file)
    said = [found for one in instances for found in (*one.findings, *one.expanded.findings)]
    return len(instances), [*said, *estate.findings_for(file)]


def test_links_in_a_circle_beside_a_template_do_not_hide_it(root: Path) -> None:
    count, found = judge(root, "plain.yaml")
    assert count == 1
    assert [one for one in found if one.rule.startswith("SP-PARAM")] == []


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_an_include_of_an_odd_place_is_a_finding(root: Path, place: str) -> None:
    text = f"Resources:\n  Fn::Transform: {{Name: 'AWS::Include', Parameters: {{Location: {place}}}}}\n"
    (root / "t.yaml").write_text(text)
    count, found = judge(root, "t.yaml")
    assert count == 1
    assert "SP-TRANSFORM-INCLUDE" in {one.rule for one in found}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_child_at_an_odd_place_is_a_finding(root: Path, place: str) -> None:
    text = f"Resources: {{C: {{Type: 'AWS::CloudFormation::Stack', Properties: {{TemplateURL: {place}}}}}}}\n"
    (root / "t.yaml").write_text(text)
    count, found = judge(root, "t.yaml")
    assert count == 1
    assert "SP-NEST-MISSING" in {one.rule for one in found}

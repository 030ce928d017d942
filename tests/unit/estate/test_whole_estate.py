"""What holds for every system of the estate."""

from __future__ import annotations

import json
import re

import pytest

from stackproof.model import Outcome, Status

SYSTEMS = (
    "cloud-assembly", "continuous-infrastructure", "gc-monitor", "guard-pipeline", "job-events",
    "list-updates", "messaging-patterns", "nested-stacks", "order-processing", "queue-cleaner",
    "serverless-pipeline", "shared-network", "static-site", "tenant-pipeline", "two-tier-web", "vpc-launch",
    "word-counter",
)  # fmt: skip


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_passes_the_gate_with_every_configuration_it_ships(system, name):
    report = system(name).check()
    assert not report.problems
    found = [finding for finding in report.findings if finding.outcome is not Outcome.NOTE]
    counting = [finding for finding in found if finding.status is Status.ACTIVE]
    assert [f"{finding.location} {finding.rule}: {finding.message}" for finding in counting] == []
    assert report.exit_code == 0
    for finding in found:
        assert finding.suppression.governed
        assert len(finding.suppression.reason) > 20
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", finding.suppression.until)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_template_is_deployed_to_two_environments_or_more(system, name):
    found = system(name)
    for file in found.estate.files:
        if "/cdk.out/" in file:
            continue
        environments = {one.configuration.environment for one in found.estate.instances(file)}
        assert len(environments - {""}) >= 2, file


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_readme_tells_facts_and_what_waits(root, name):
    text = (root / "templates" / name / "README.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n")
    for word in ("Facts of the post", "Modernised", "Waits"):
        assert word in text
    assert 10 <= len(text.splitlines()) <= 22


def test_every_form_of_configuration_occurs(root):
    forms = set()
    for path in (root / "templates").glob("*/config/*.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        forms |= {"parameter file"} if isinstance(document, list) else set(document)
    assert forms == {"parameter file", "Parameters", "Tags", "StackPolicy"}
    assert list((root / "templates").glob("*/samconfig.toml"))


def test_no_template_names_an_account_an_image_or_a_resource_of_one_network(root):
    known = {"Z2FDTNDATAQYW2"}
    pattern = re.compile(
        r"\b(?:ami|vpc|subnet|sg|rtb|igw|nat|eipalloc)-[0-9a-f]{8,17}\b|\b\d{12}\b|\bZ[0-9A-Z]{12,}\b"
    )
    for path in (root / "templates").rglob("*.yaml"):
        assert set(pattern.findall(path.read_text(encoding="utf-8"))) <= known, path

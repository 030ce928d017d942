"""continuous-infrastructure: itself first, then test, then the inspection, and only then production."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping

import pytest
import yaml

from stackproof.netmodel import Reach, State, matrix, part_of, read

ENVIRONMENTS = ("tooling", "tooling-sandbox")
ORDER = [
    ("Source", "Checkout"),
    ("Pipeline", "UpdatePipeline"),
    ("Test", "DeployEnvironment"),
    ("Test", "Inspect"),
    ("Production", "CreateChangeSet"),
    ("Production", "Approve"),
    ("Production", "ExecuteChangeSet"),
]


def stages(system, environment):
    (found,) = (
        system("continuous-infrastructure")
        .resources("pipeline.yaml", environment, "AWS::CodePipeline::Pipeline")
        .values()
    )
    return found


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_order_of_the_post(system, environment):
    pipeline = stages(system, environment)
    actions = [
        (stage["Name"], action["Name"])
        for stage in pipeline["Stages"]
        for action in sorted(stage["Actions"], key=lambda one: one.get("RunOrder", 1))
    ]
    assert actions == ORDER
    assert pipeline["RestartExecutionOnUpdate"] is True


def test_the_pipeline_changes_its_own_stack_with_its_own_template(system):
    written = system("continuous-infrastructure").resolved("pipeline.yaml", "tooling").expanded.tree
    (stage,) = [
        one for one in written["Resources"]["Pipeline"]["Properties"]["Stages"] if one["Name"] == "Pipeline"
    ]
    (action,) = stage["Actions"]
    configuration = action["Configuration"]
    assert configuration["StackName"] == {"Ref": "AWS::StackName"}
    assert configuration["TemplatePath"].endswith("continuous-infrastructure/pipeline.yaml")


def test_production_is_entered_only_with_the_verdict_of_the_inspection(system):
    (production,) = [one for one in stages(system, "tooling")["Stages"] if one["Name"] == "Production"]
    (condition,) = production["BeforeEntry"]["Conditions"]
    (rule,) = condition["Rules"]
    assert condition["Result"] == "FAIL"
    assert rule["RuleTypeId"]["Provider"] == "VariableCheck"
    assert rule["Configuration"] == {"Variable": "#{inspect.VERDICT}", "Operator": "EQ", "Value": "PASS"}


def verdict(root, tmp_path, environment: Mapping[str, str], code: int) -> tuple[str, int]:
    """What the build's last phase makes of a stackproof that ends with ``code``."""
    specification = yaml.safe_load(
        (root / "templates/continuous-infrastructure/buildspec.yml").read_text(encoding="utf-8")
    )
    assert specification["env"]["variables"]["VERDICT"] == "FAIL"
    assert specification["env"]["exported-variables"] == ["VERDICT"]
    tool = tmp_path / ".venv" / "bin" / "stackproof"
    tool.parent.mkdir(parents=True, exist_ok=True)
    tool.write_text(f"#!/bin/sh\nexit {code}\n", encoding="utf-8")
    tool.chmod(0o755)
    script = "\n".join(specification["phases"]["post_build"]["commands"])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "VERDICT": "FAIL", **environment},
        capture_output=True,
        text=True,
    )
    found = re.search(r"VERDICT=(\w+)", done.stdout)
    assert found
    return found[1], done.returncode


@pytest.mark.parametrize(
    ("succeeding", "code", "answer"),
    [("1", 0, ("PASS", 0)), ("1", 1, ("FAIL", 1)), ("0", 0, ("FAIL", 1)), ("", 0, ("FAIL", 1))],
)
def test_a_failing_check_stops_the_promotion(root, tmp_path, succeeding, code, answer):
    environment = {"CODEBUILD_BUILD_SUCCEEDING": succeeding} if succeeding else {}
    assert verdict(root, tmp_path, environment, code) == answer


@pytest.mark.parametrize("environment", ["test", "prod"])
def test_a_port_is_reachable_ssh_is_for_operators_and_another_port_is_not(system, environment):
    resolved = system("continuous-infrastructure").resolved("environment.yaml", environment)
    reach = Reach(read([part_of(resolved)]), {"office": "198.51.100.7", "internet": "203.0.113.9"})
    found = {
        (one.source, one.target, str(one.flow))
        for one in matrix(reach, ["tcp/22", "tcp/80", "tcp/443", "tcp/3306", "tcp/8080"])
        if one.passes
    }
    assert found == {
        ("office", "JumpHost", "tcp 22"),
        ("JumpHost", "WebServer", "tcp 22"),
        ("JumpHost", "ApplicationServer", "tcp 22"),
        ("WebServer", "ApplicationServer", "tcp 8080"),
        ("office", "WebServer", "tcp 80"),
        ("internet", "WebServer", "tcp 80"),
        ("JumpHost", "WebServer", "tcp 80"),
        ("ApplicationServer", "WebServer", "tcp 80"),
    }
    assert reach.ask("internet", "JumpHost", "tcp/22").state is State.FILTERED


def test_the_description_of_the_environment_fits_the_template(system):
    found = system("continuous-infrastructure")
    details = yaml.safe_load((found.folder / "env-details.yml").read_text(encoding="utf-8"))
    tree = found.resolved("environment.yaml", "test").tree
    assert set(details["outputs"]) <= set(tree["Outputs"])
    for logical_id, resource in details["resources"].items():
        assert tree["Resources"][logical_id]["Type"] == resource["type"]

"""guard-pipeline: the gate decides, and production opens for PASS alone."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

DATA = Path(__file__).parent / "data" / "guard-pipeline-faults"


def opens(stage: dict[str, Any], variables: dict[str, str]) -> bool:
    """Whether CodePipeline would let an execution with these variables into the stage."""
    for condition in stage.get("BeforeEntry", {}).get("Conditions", []):
        for rule in condition["Rules"]:
            assert rule["RuleTypeId"]["Provider"] == "VariableCheck"
            settings = rule["Configuration"]
            assert settings["Operator"] == "EQ"
            name = re.fullmatch(r"#\{(.+)\}", settings["Variable"])
            assert name is not None
            if variables.get(name[1]) != settings["Value"] and condition["Result"] == "FAIL":
                return False
    return True


@pytest.mark.parametrize("environment", ["tooling", "tooling-sandbox"])
def test_production_opens_for_a_passed_gate_and_for_nothing_else(system, pipeline, environment):
    production = pipeline(system("guard-pipeline"), "pipeline.yaml", environment).stage("Production")
    assert opens(production, {"validate.VERDICT": "PASS"})
    for verdict in ("FAIL", "pass", "", "PASSED"):
        assert not opens(production, {"validate.VERDICT": verdict})
    assert not opens(production, {})


def test_the_variable_comes_from_the_build_that_runs_the_gate(system, root):
    guarded = system("guard-pipeline")
    written = guarded.resolved("pipeline.yaml", "tooling").expanded.tree["Resources"]
    actions = [action for stage in written["Pipeline"]["Properties"]["Stages"] for action in stage["Actions"]]
    (gate,) = [action for action in actions if action.get("Namespace") == "validate"]
    assert gate["ActionTypeId"]["Provider"] == "CodeBuild"
    project = written[gate["Configuration"]["ProjectName"]["Ref"]]["Properties"]
    variables = {item["Name"]: item["Value"] for item in project["Environment"]["EnvironmentVariables"]}
    assert variables == {"STAGE": "validate"}
    build = yaml.safe_load((root / project["Source"]["BuildSpec"]).read_text(encoding="utf-8"))
    assert "VERDICT" in build["env"]["exported-variables"]


def test_the_gate_comes_before_everything_that_is_deployed(system, pipeline):
    read = pipeline(system("guard-pipeline"), "pipeline.yaml", "tooling")
    gate = read.when("Validate", "Gate")
    deployed = [
        (number, order)
        for number, order, _, action in read.actions()
        if action["ActionTypeId"]["Category"] == "Deploy"
    ]
    assert deployed
    assert all(gate < when for when in deployed)
    assert read.names.index("Staging") < read.names.index("Production")


def test_somebody_approves_the_change_set_of_production_before_it_is_executed(system, pipeline):
    read = pipeline(system("guard-pipeline"), "pipeline.yaml", "tooling")
    created = read.when("Production", "CreateChangeSet")
    executed = read.when("Production", "ExecuteChangeSet")
    assert any(created < asked < executed for asked in read.approvals())


def test_two_stages_run_the_same_build_with_different_tasks(system, pipeline):
    read = pipeline(system("guard-pipeline"), "pipeline.yaml", "tooling")
    gate, tests = read.action("Validate", "Gate"), read.action("Test", "Tests")
    assert gate["Configuration"]["ProjectName"] == tests["Configuration"]["ProjectName"]
    assert json.loads(tests["Configuration"]["EnvironmentVariables"]) == [
        {"name": "STAGE", "type": "PLAINTEXT", "value": "test"}
    ]


def test_the_stack_that_is_promoted_obeys_the_rule_set_of_the_post(system):
    assert system("guard-pipeline").refused("subject.yaml", "seed") == set()


def test_the_two_seeded_faults_give_exactly_two_failures(system):
    faulty = system("guard-pipeline")
    shutil.copytree(DATA, faulty.folder, dirs_exist_ok=True)
    report = faulty.check("subject.yaml", "seed")
    assert sorted((finding.rule, finding.logical_id) for finding in report.findings) == [
        ("SEED_EBS_ENCRYPTED", "DataVolume"),
        ("SEED_EC2_INSTANCE_TYPE", "Instance"),
    ]
    assert report.exit_code == 1


@pytest.mark.parametrize(
    ("parameter", "value", "rule"),
    [
        ('"us-east-1a"', '"us-east-1c"', "SEED_EC2_AVAILABILITY_ZONE"),
        ('"t3.nano"', '"m5.large"', "SEED_EC2_INSTANCE_TYPE"),
        ('"ami-0323c3dd2da7fb37d"', '"ami-0323c3dd2da7fb37e"', "SEED_EC2_IMAGE"),
        ('"sg-07b8b339aa95dcab2"', '"sg-07b8b339aa95dcab3"', "SEED_EC2_SECURITY_GROUPS"),
        ('"subnet-0407a7aa68410e558"', '"subnet-0407a7aa68410e559"', "SEED_EC2_SUBNET"),
    ],
)
def test_each_fact_of_the_rule_set_is_held_against_the_configuration(system, parameter, value, rule):
    broken = system("guard-pipeline", ("config/subject.test.json", parameter, value))
    assert rule in broken.refused("subject.yaml", "seed")


def test_a_volume_is_50_or_100_gib_and_nothing_else(system):
    broken = system(
        "guard-pipeline", ("config/subject.test.json", '"VolumeSize": "50"', '"VolumeSize": "60"')
    )
    assert any(rule.startswith("SP-PARAM-") for rule in broken.rules())

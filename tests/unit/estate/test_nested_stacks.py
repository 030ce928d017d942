"""nested-stacks: parent and children fit together, and the pipeline asks before it changes anything."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

import pytest
import yaml

from stackproof.model import Outcome

ENVIRONMENTS = ("test", "uat", "prod")
CHILDREN = ("security.yaml", "database.yaml", "server.yaml")


@pytest.fixture(scope="module")
def validate_env(root) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "validate_env", root / "templates" / "nested-stacks" / "validate_env.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("child", CHILDREN)
def test_every_environment_makes_each_child_through_the_master(system, child):
    instances = system("nested-stacks").instances(child)
    assert sorted(one.configuration.environment for one in instances) == sorted(ENVIRONMENTS)
    assert all("master.yaml" in one.parents[-1] for one in instances)


def test_the_stacks_fit_together_in_every_environment(system):
    assert system("nested-stacks").rules() == set()


@pytest.mark.parametrize(
    ("edit", "rule"),
    [
        pytest.param(
            ("master.yaml", "        AssetsBucketName:", "        AssetsBucket:"),
            "SP-NEST-PARAMETER",
            id="a parameter that the child does not declare",
        ),
        pytest.param(
            ("master.yaml", "        MasterUsername: !Ref DatabaseUsername\n", ""),
            "SP-NEST-PARAMETER",
            id="a parameter that the child needs",
        ),
        pytest.param(
            ("security.yaml", "  WebGroupId:\n", "  WebServerGroupId:\n"),
            "SP-NEST-OUTPUT",
            id="an output that the child does not have",
        ),
        pytest.param(
            ("server.yaml", "[t3.large, m6i.large, m6i.xlarge, c6i.large]", "[t3.large, c6i.large]"),
            "SP-NEST-VALUE",
            id="a value that the child does not take",
        ),
        pytest.param(
            ("master.yaml", 'SubnetIds: !Join [",", !Ref PrivateSubnetIds]', "SubnetIds: [a, b]"),
            "SP-NEST-VALUE",
            id="a list where a nested stack takes text",
        ),
        pytest.param(
            ("master.yaml", "${TemplatePath}/database.yaml", "${TemplatePath}/databases.yaml"),
            "SP-NEST-MISSING",
            id="a template that is not there",
        ),
        pytest.param(
            ("config/master.prod.json", '"DatabaseMultiZone": "true"', '"DatabaseMultiZone": "false"'),
            "SP-RULES-ASSERTION",
            id="production without a standby",
        ),
    ],
)
def test_a_broken_contract_is_refused(system, edit, rule):
    assert rule in system("nested-stacks", edit).rules()


def test_the_database_is_opened_to_the_web_servers_by_the_outputs_of_another_stack(system):
    for environment in ENVIRONMENTS:
        master = system("nested-stacks").resolved("master.yaml", environment)
        stacks = {name: item["Properties"]["Parameters"] for name, item in master.tree["Resources"].items()}
        assert "SecurityStack" in str(stacks["DatabaseStack"]["DatabaseGroupId"])
        assert "SecurityStack" in str(stacks["ServerStack"]["DatabaseClientGroupId"])


def test_configurations_hold_a_placeholder_that_the_build_replaces(system):
    nested = system("nested-stacks")
    build = yaml.safe_load((nested.folder / "buildspec.yml").read_text(encoding="utf-8"))
    commands = "\n".join(build["phases"]["build"]["commands"])
    for environment in ENVIRONMENTS:
        text = (nested.folder / "config" / f"master.{environment}.json").read_text(encoding="utf-8")
        assert text.count("TEMPLATE_PATH_PLACEHOLDER") == 1
    assert re.search(r"sed .*TEMPLATE_PATH_PLACEHOLDER.* config/master\.\*\.json", commands)
    uploaded = re.search(r"for child in ([a-z ]+); do", commands)
    assert uploaded is not None
    assert {f"{name}.yaml" for name in uploaded[1].split()} == set(CHILDREN)
    assert {"master.yaml", "config/master.*.json"} <= set(build["artifacts"]["files"])


def test_a_placeholder_that_nothing_maps_leaves_the_children_unjudged_and_says_so(system):
    nested = system("nested-stacks", ("config/master.uat.json", "TEMPLATE_PATH_PLACEHOLDER", "ELSEWHERE"))
    (master,) = [one for one in nested.instances("master.yaml") if one.configuration.environment == "uat"]
    assert [finding for finding in master.findings if finding.rule.startswith("SP-NEST-")]


def test_the_pipeline_has_the_stages_of_the_post(system, pipeline):
    read = pipeline(system("nested-stacks"), "pipeline.yaml", "tooling")
    assert read.names == ["Source", "BuildAndTest", "Staging", "Production"]


def test_the_test_stack_is_inspected_before_it_is_taken_down(system, pipeline):
    read = pipeline(system("nested-stacks"), "pipeline.yaml", "tooling")
    order = [
        read.when("BuildAndTest", name)
        for name in ("Validate", "CreateTestStack", "Inspect", "DeleteTestStack")
    ]
    assert order == sorted(set(order))
    removed = read.action("BuildAndTest", "DeleteTestStack")["Configuration"]
    created = read.action("BuildAndTest", "CreateTestStack")["Configuration"]
    assert removed["ActionMode"] == "DELETE_ONLY"
    assert removed["StackName"] == created["StackName"]


@pytest.mark.parametrize("stage", ["Staging", "Production"])
def test_stacks_change_by_change_sets(system, pipeline, stage):
    read = pipeline(system("nested-stacks"), "pipeline.yaml", "tooling")
    created, executed = read.action(stage, "CreateChangeSet"), read.action(stage, "ExecuteChangeSet")
    assert created["Configuration"]["ActionMode"] == "CHANGE_SET_REPLACE"
    assert executed["Configuration"]["ActionMode"] == "CHANGE_SET_EXECUTE"
    for setting in ("StackName", "ChangeSetName"):
        assert created["Configuration"][setting] == executed["Configuration"][setting]
    assert read.when(stage, "CreateChangeSet") < read.when(stage, "ExecuteChangeSet")


def test_staging_is_approved_after_it_changed_and_production_before(system, pipeline):
    read = pipeline(system("nested-stacks"), "pipeline.yaml", "tooling")
    tried, reviewed = read.approvals()
    assert read.when("Staging", "ExecuteChangeSet") < tried < read.when("Production", "CreateChangeSet")
    assert read.when("Production", "CreateChangeSet") < reviewed < read.when("Production", "ExecuteChangeSet")


def test_the_pipeline_deploys_the_configurations_that_exist(system, pipeline):
    nested = system("nested-stacks")
    read = pipeline(nested, "pipeline.yaml", "tooling")
    named = {
        action["Configuration"]["TemplateConfiguration"].split("::")[1]
        for *_, action in read.actions()
        if "TemplateConfiguration" in action["Configuration"]
    }
    assert named == {f"config/master.{environment}.json" for environment in ENVIRONMENTS}
    assert all((nested.folder / name).is_file() for name in named)


def test_the_description_of_the_test_environment_agrees_with_the_templates(system):
    nested = system("nested-stacks")
    details = yaml.safe_load((nested.folder / "env-details.yml").read_text(encoding="utf-8"))
    children = nested.resolved("master.yaml", "test").tree["Resources"]
    assert set(details) == set(children)
    for child, wanted in details.items():
        file = children[child]["Properties"]["TemplateURL"].rsplit("/", 1)[1]
        deployed = nested.resolved(file, "test")
        assert set(wanted["outputs"]) <= set(deployed.tree["Outputs"])
        for logical_id, resource in wanted["resources"].items():
            found = deployed.tree["Resources"][logical_id]
            assert found["Type"] == resource["type"]
            for name, value in resource.get("properties", {}).items():
                assert str(found["Properties"][name]).lower() == str(value).lower(), name


def test_validate_env_names_each_difference(validate_env):
    wanted = {
        "outputs": ["Url", "Port"],
        "resources": {
            "Database": {"type": "AWS::RDS::DBInstance", "properties": {"MultiAZ": True, "Engine": "mysql"}},
            "Role": {"type": "AWS::IAM::Role"},
        },
    }
    found = {
        "outputs": ["Url"],
        "resources": {
            "Database": {
                "type": "AWS::RDS::DBInstance",
                "physical_id": "d",
                "properties": {"MultiAZ": False, "Engine": "mysql"},
            }
        },
    }
    assert list(validate_env.differences("Child", wanted, found)) == [
        "Child: output Port is missing",
        "Child/Database: MultiAZ is False, expected True",
        "Child: resource Role of type AWS::IAM::Role is missing",
    ]


def test_validate_env_is_content_with_what_was_described(validate_env):
    wanted = {"outputs": ["Url"], "resources": {"Role": {"type": "AWS::IAM::Role"}}}
    role = {"type": "AWS::IAM::Role", "physical_id": "r", "properties": {}}
    found = {"outputs": ["Url", "More"], "resources": {"Role": role}}
    assert list(validate_env.differences("Child", wanted, found)) == []


def test_nothing_of_the_children_is_left_undecided_by_their_parent(system):
    assert not [one for one in system("nested-stacks").findings() if one.outcome is Outcome.UNDECIDED]

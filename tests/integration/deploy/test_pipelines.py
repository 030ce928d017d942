"""Pipelines of a template: what of them is emulated, and stacks that their actions make."""

from __future__ import annotations

import json
from typing import Any

import pytest

ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}},
}
QUEUE = {"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": {"Ref": "Delay"}}}}}
TEMPLATE = {**QUEUE, "Parameters": {"Delay": {"Type": "Number"}}, "Outputs": {"Url": {"Value": {"Ref": "Q"}}}}


def action(name: str, category: str, provider: str, **more: Any) -> dict[str, Any]:
    """An action in a template; ``c`` is its configuration, ``o`` an output artifact."""
    kind = {"Category": category, "Owner": "AWS", "Provider": provider, "Version": "1"}
    made = {"Name": name, "ActionTypeId": kind, "Configuration": more.pop("c", {})}
    key = "OutputArtifacts" if category == "Source" else "InputArtifacts"
    return {**made, key: [{"Name": "S"}] if category != "Approval" else [], **more}


SOURCE = action("Take", "Source", "CodeCommit", c={"RepositoryName": "r", "BranchName": "main"})


def stacks(mode: str, order: int = 1, **more: str) -> dict[str, Any]:
    given = {"ActionMode": mode, "StackName": "made", "Capabilities": "CAPABILITY_IAM", **more}
    if mode in ("CREATE_UPDATE", "CHANGE_SET_REPLACE"):
        given = {"TemplatePath": "S::t/stack.json", **given}
    return action(f"{mode}{order}", "Deploy", "CloudFormation", c=given, RunOrder=order)


class Bench:
    """A deployed pipeline ``p`` over a repository ``r``."""

    def __init__(self, stack: Any, fabric: Any, aws: Any) -> None:
        self._stack, self.fabric, self.aws = stack, fabric, aws
        self.stack: Any = None

    def template(self, *actions: Any, **more: Any) -> dict[str, Any]:
        does = list(actions) or [action("Yes", "Approval", "Manual")]
        stages = [{"Name": "Source", "Actions": [SOURCE]}, {"Name": "Do", "Actions": does}]
        properties = {
            "Name": "p", "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}, "Stages": stages, "PipelineType": "V2",
            "ArtifactStore": {"Type": "S3", "Location": {"Ref": "Store"}}, **more,
        }  # fmt: skip
        repository = {"Type": "AWS::CodeCommit::Repository", "Properties": {"RepositoryName": "r"}}
        pipeline = {
            "Type": "AWS::CodePipeline::Pipeline",
            "Properties": properties,
            "DependsOn": "Repository",
        }
        return {
            "Resources": {
                "Role": ROLE,
                "Store": {"Type": "AWS::S3::Bucket"},
                "Repository": repository,
                "Pipeline": pipeline,
            }
        }

    def deploy(self, *actions: Any, **more: Any) -> Any:
        self.stack = self._stack(self.template(*actions, **more), name="p")
        self.fabric.run_until_idle()
        return self.stack

    def push(self, template: Any = TEMPLATE, **settings: Any) -> Any:
        """The execution that a commit started, at its end."""
        files = {
            "t/stack.json": json.dumps(template),
            "settings.json": json.dumps(settings or {"Parameters": {}}),
        }
        self.fabric.codecommit.commit("r", files)
        self.fabric.run_until_idle()
        return self.aws("codepipeline").list_pipeline_executions(pipelineName="p")[
            "pipelineExecutionSummaries"
        ][0]

    @property
    def made(self) -> Any:
        return self.fabric.deployer.stacks.get("made")


@pytest.fixture
def bench(stack: Any, fabric: Any, aws: Any) -> Bench:
    return Bench(stack, fabric, aws)


def test_a_stack_is_made_and_changed_with_its_configuration_and_overrides(bench: Bench) -> None:
    more = {"TemplateConfiguration": "S::settings.json", "OutputFileName": "out.json"}
    bench.deploy(stacks("CREATE_UPDATE", **more))
    assert bench.push(Parameters={"Delay": "5"}, Tags={"System": "x"})["status"] == "Succeeded"
    assert bench.made.resources["Q"].properties["DelaySeconds"] in (5, "5")
    bench.push(Parameters={"Delay": "7"})
    assert bench.made.status == "UPDATE_COMPLETE"
    assert bench.made.resources["Q"].properties["DelaySeconds"] in (7, "7")
    (details, *_) = bench.aws("codepipeline").list_action_executions(pipelineName="p")[
        "actionExecutionDetails"
    ]
    assert details["output"]["outputVariables"] == {"Url": bench.made.outputs["Url"]}


def test_overrides_win_and_may_name_files_and_artifacts(bench: Bench) -> None:
    overrides = {"Delay": {"Fn::GetParam": ["S", "settings.json", "Own"]}}
    bench.deploy(stacks("CREATE_UPDATE", ParameterOverrides=json.dumps(overrides)))
    assert bench.push(Own="9")["status"] == "Succeeded"
    assert bench.made.resources["Q"].properties["DelaySeconds"] in (9, "9")


def test_a_change_set_changes_nothing_until_it_is_executed(bench: Bench) -> None:
    change = {"ChangeSetName": "c", "ParameterOverrides": '{"Delay": "3"}'}
    yes = action("Yes", "Approval", "Manual", RunOrder=2)
    bench.deploy(
        stacks("CHANGE_SET_REPLACE", **change), yes, stacks("CHANGE_SET_EXECUTE", 3, ChangeSetName="c")
    )
    assert bench.push()["status"] == "InProgress"
    assert bench.made is None
    client = bench.aws("codepipeline")
    state = client.get_pipeline_state(name="p")["stageStates"][1]["actionStates"]
    (token,) = [one["latestExecution"]["token"] for one in state if one["actionName"] == "Yes"]
    result = {"status": "Approved", "summary": "s"}
    client.put_approval_result(pipelineName="p", stageName="Do", actionName="Yes", token=token, result=result)
    bench.fabric.run_until_idle()
    assert bench.made.status == "CREATE_COMPLETE"


def test_a_stack_is_deleted(bench: Bench) -> None:
    bench.deploy(stacks("CREATE_UPDATE", ParameterOverrides='{"Delay": "3"}'), stacks("DELETE_ONLY", 2))
    assert bench.push()["status"] == "Succeeded"
    assert bench.made is None


@pytest.mark.parametrize(
    ("template", "more", "why"),
    [
        (TEMPLATE, {}, "Delay"),
        ({"Resources": {"R": ROLE}}, {"Capabilities": "CAPABILITY_AUTO_EXPAND"}, "[CAPABILITY_IAM]"),
        (TEMPLATE, {"TemplatePath": "S::none.json"}, "does not exist in artifact"),
        (TEMPLATE, {"ParameterOverrides": '{"Strange": "1"}'}, "Strange"),
        ({"Resources": {"Q": {"Type": "AWS::Nothing::AtAll"}}}, {}, "AWS::Nothing::AtAll"),
    ],
)  # fmt: skip
def test_what_cloudformation_refuses_fails_the_action(
    bench: Bench, template: Any, more: Any, why: str
) -> None:
    bench.deploy(stacks("CREATE_UPDATE", **more))
    execution = bench.push(template)
    assert execution["status"] == "Failed"
    assert why in execution["statusSummary"]
    assert bench.made is None


def test_a_change_of_the_pipeline_starts_it_again_where_that_is_asked_for(bench: Bench) -> None:
    made = bench.deploy(action("Yes", "Approval", "Manual"))
    bench.push()
    for wanted, count in ((False, 2), (True, 3)):
        more = {"RestartExecutionOnUpdate": wanted, "ExecutionMode": "QUEUED" if wanted else "PARALLEL"}
        made.update(bench.template(action("Yes", "Approval", "Manual"), **more))
        bench.fabric.run_until_idle()
        found = bench.aws("codepipeline").list_pipeline_executions(pipelineName="p")[
            "pipelineExecutionSummaries"
        ]
        assert len(found) == count
    assert [one["status"] for one in found] == ["InProgress", "Cancelled", "Failed"]


def test_what_is_not_emulated_is_named_by_its_place(bench: Bench) -> None:
    rule = {"Name": "Hear", "RuleTypeId": {"Category": "Rule", "Owner": "AWS", "Provider": "CloudWatchAlarm"}}
    far = {**stacks("CREATE_UPDATE"), "RoleArn": "arn:aws:iam::999999999999:role/r"}
    template = bench.template(action("Roll", "Deploy", "CodeDeploy"), far)
    stage = template["Resources"]["Pipeline"]["Properties"]["Stages"][1]
    guarded = {"Conditions": [{"Result": "FAIL", "Rules": [rule]}]}
    stage |= {"OnFailure": {"Result": "ROLLBACK"}, "BeforeEntry": guarded}
    made = bench.deploy()
    made.update(template)
    verdict = made["Pipeline"].verdict
    assert str(verdict.level) == "partial"
    named = {path.rpartition(".")[2] for path in verdict.left_out}
    assert named == {"Roll", "OnFailure", "Hear", "CREATE_UPDATE1"}


def test_a_project_and_a_connection_are_changed_and_deleted(one: Any, changed: Any, aws: Any) -> None:
    properties = {
        "Name": "built", "ServiceRole": "arn:aws:iam::123456789012:role/r",
        "Artifacts": {"Type": "NO_ARTIFACTS"},
        "Source": {"Type": "NO_SOURCE", "BuildSpec": "version: 0.2\nphases: {build: {commands: [a]}}\n"},
        "Environment": {"Type": "LINUX_CONTAINER", "Image": "i", "ComputeType": "BUILD_GENERAL1_SMALL"},
    }  # fmt: skip
    connection = {
        "Type": "AWS::CodeConnections::Connection",
        "Properties": {"ConnectionName": "c", "ProviderType": "GitHub"},
    }
    made = one("AWS::CodeBuild::Project", {"Connection": connection}, **properties)
    assert str(made["It"].verdict.level) == "emulated"
    changed(
        made, TimeoutInMinutes=5, VpcConfig={"VpcId": "vpc-1", "Subnets": ["s"], "SecurityGroupIds": ["g"]}
    )
    (found,) = aws("codebuild").batch_get_projects(names=["built"])["projects"]
    assert found["timeoutInMinutes"] == 5
    assert made["It"].verdict.left_out == ("VpcConfig",)
    made.delete()
    assert aws("codebuild").list_projects()["projects"] == []
    assert aws("codeconnections").list_connections()["Connections"] == []

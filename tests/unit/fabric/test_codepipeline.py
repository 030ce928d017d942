"""Executions: stages, modes, sources, builds, functions, approvals, objects, and what is refused."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from stackproof.errors import CapabilityMissing, UsageError
from stackproof.fabric.trees import Blob, zipped

ROLE = "arn:aws:iam::123456789012:role/pipeline"
SPEC = (
    "version: 0.2\nenv: {exported-variables: [V]}\nphases: {build: {commands: [export V=$(cat v), '%s']}}\n"
)


def action(name: str, category: str, provider: str, **more: Any) -> dict[str, Any]:
    """An action; ``i`` and ``o`` are names of artifacts, ``c`` its configuration."""
    found: dict[str, Any] = {
        "name": name,
        "actionTypeId": {"category": category, "owner": "AWS", "provider": provider, "version": "1"},
        "inputArtifacts": [{"name": one} for one in more.pop("i", ())],
        "outputArtifacts": [{"name": one} for one in more.pop("o", ())],
        "configuration": more.pop("c", {}),
    }
    return {**found, **more}


def approval(name: str = "Yes", **more: Any) -> dict[str, Any]:
    return action(name, "Approval", "Manual", **more)


SOURCE = action(
    "Take", "Source", "CodeCommit", o=["S"], namespace="src",
    c={"RepositoryName": "r", "BranchName": "main", "PollForSourceChanges": "true"},
)  # fmt: skip


class Bench:
    """A repository ``r``, a bucket ``store``, a pipeline ``p``."""

    def __init__(self, backend: Any) -> None:
        self.backend, self.world, self.aws = backend, backend.world, backend.client
        self.pipelines, self.s3 = backend.client("codepipeline"), backend.client("s3")
        self.s3.create_bucket(Bucket="store")
        self.s3.put_bucket_versioning(Bucket="store", VersioningConfiguration={"Status": "Enabled"})
        backend.client("codecommit").create_repository(repositoryName="r")

    def project(self, name: str, command: str = "true") -> None:
        self.aws("codebuild").create_project(
            name=name, serviceRole=ROLE, artifacts={"type": "CODEPIPELINE"},
            source={"type": "CODEPIPELINE", "buildspec": SPEC % command},
            environment={"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
        )  # fmt: skip

    def pipeline(self, *stages: Any, source: Any = SOURCE, **more: Any) -> None:
        """Each stage is a list of actions, or a mapping with its conditions; its name is a letter."""
        shaped = [{"name": "Source", "actions": [source]}]
        for name, one in zip("ABCDE", stages, strict=False):
            shaped.append({"name": name, **(one if isinstance(one, dict) else {"actions": one})})
        wanted = {
            "name": "p", "roleArn": ROLE, "pipelineType": "V2", "stages": shaped,
            "artifactStore": {"type": "S3", "location": "store"}, **more,
        }  # fmt: skip
        self.pipelines.create_pipeline(pipeline=wanted)
        self.world.run_until_idle()

    def push(self, **files: str) -> str:
        found: str = self.world.service("codecommit").commit("r", files or {"v": "1"})
        self.world.run_until_idle()
        return found

    def all(self) -> list[str]:
        found = self.pipelines.list_pipeline_executions(pipelineName="p")["pipelineExecutionSummaries"]
        return [one["status"] for one in reversed(found)][1:]

    def last(self) -> Any:
        found = self.pipelines.list_pipeline_executions(pipelineName="p")["pipelineExecutionSummaries"][0]
        wanted = {"pipelineName": "p", "pipelineExecutionId": found["pipelineExecutionId"]}
        return self.pipelines.get_pipeline_execution(**wanted)["pipelineExecution"]

    def runs(self) -> dict[str, Any]:
        wanted = {"pipelineExecutionId": self.last()["pipelineExecutionId"]}
        found = self.pipelines.list_action_executions(pipelineName="p", filter=wanted)
        return {one["actionName"]: one for one in reversed(found["actionExecutionDetails"])}

    def state(self, stage: str) -> Any:
        found = self.pipelines.get_pipeline_state(name="p")["stageStates"]
        return next(one for one in found if one["stageName"] == stage)

    def answer(self, stage: str = "A", name: str = "Yes", status: str = "Approved") -> None:
        found = {one["actionName"]: one for one in self.state(stage)["actionStates"]}
        self.pipelines.put_approval_result(
            pipelineName="p", stageName=stage, actionName=name,
            token=found[name]["latestExecution"]["token"], result={"summary": "s", "status": status},
        )  # fmt: skip
        self.world.run_until_idle()


@pytest.fixture
def bench(backend: Any) -> Bench:
    return Bench(backend)


def build(name: str, **more: Any) -> dict[str, Any]:
    return action(name, "Build", "CodeBuild", **{"i": ["S"], "c": {"ProjectName": name.lower() * 2}, **more})


def test_a_new_pipeline_starts_at_once_and_fails_without_a_source(bench: Bench) -> None:
    bench.pipeline([approval()])
    assert bench.last()["trigger"]["triggerType"] == "CreatePipeline"
    assert bench.last()["status"] == "Failed"


def test_actions_run_by_their_order_and_hand_variables_on(bench: Bench) -> None:
    seen: list[str] = []
    bench.world.service("codebuild").tool("say", lambda call: seen.append(" ".join(call.arguments)))
    bench.project("xx", "say x $V")
    bench.project("yy", "say y $FROM $MESSAGE")
    told = [
        {"name": "FROM", "value": "#{x.V}"},
        {
            "name": "MESSAGE",
            "value": "#{src.CommitMessage} #{variables.W} #{codepipeline.PipelineExecutionId}",
        },
    ]
    second = build("Y", runOrder=2, c={"ProjectName": "yy", "EnvironmentVariables": json.dumps(told)})
    bench.pipeline([second, build("X", namespace="x")], variables=[{"name": "W", "defaultValue": "word"}])
    commit = bench.push(v="7")
    bench.pipelines.start_pipeline_execution(name="p", variables=[{"name": "W", "value": "other"}])
    bench.world.run_until_idle()
    last = bench.last()
    assert seen[-2:] == ["x 7", f"y 7 a commit other {last['pipelineExecutionId']}"]
    assert last["artifactRevisions"] == [{"name": "S", "revisionId": commit}]
    assert last["status"] == "Succeeded"


def test_a_source_does_not_tell_what_was_executable(bench: Bench, tmp_path: Any) -> None:
    (tmp_path / "v").write_text("1", encoding="utf-8")
    (tmp_path / "run.sh").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "run.sh").chmod(0o755)
    bench.project("xx", "test ! -x run.sh && bash run.sh")
    bench.pipeline([build("X")])
    bench.world.service("codecommit").commit("r", tmp_path)
    bench.world.run_until_idle()
    assert bench.last()["status"] == "Succeeded"


TWO = """
version: 0.2
phases: {build: {commands: [mkdir one two, "echo 1 > one/f", "echo 2 > two/g"]}}
artifacts:
  secondary-artifacts:
    First: {base-directory: one, files: "**/*"}
    Second: {base-directory: two, files: "**/*"}
"""
BOTH = """
version: 0.2
phases: {build: {commands: ["echo $(ls $CODEBUILD_SRC_DIR) $(ls $CODEBUILD_SRC_DIR_First)"]}}
"""


def test_a_build_has_several_artifacts_and_takes_several(bench: Bench) -> None:
    bench.project("xx")
    bench.project("yy")
    for name, spec in (("xx", TWO), ("yy", BOTH)):
        source = {"type": "CODEPIPELINE", "buildspec": spec}
        bench.aws("codebuild").update_project(name=name, source=source)
    given = {"ProjectName": "yy", "PrimarySource": "Second"}
    bench.pipeline(
        [build("X", o=["First", "Second"]), build("Y", runOrder=2, i=["First", "Second"], c=given)]
    )
    bench.push()
    assert bench.last()["status"] == "Succeeded"
    service = bench.world.service("codebuild")
    lines = service.log(bench.runs()["Y"]["output"]["executionResult"]["externalExecutionId"]).splitlines()
    assert "g f" in lines
    with pytest.raises(ClientError, match="CODEPIPELINE cannot be started"):
        bench.aws("codebuild").start_build(projectName="xx")


def test_a_variable_that_nobody_set_fails_its_action(bench: Bench) -> None:
    bench.project("xx")
    told = json.dumps([{"name": "A", "value": "#{none.V}"}])
    bench.pipeline([build("X", c={"ProjectName": "xx", "EnvironmentVariables": told})])
    bench.push()
    assert "#{none.V}" in bench.last()["statusSummary"]


def test_a_failure_waits_for_its_neighbours_and_stops_the_rest(bench: Bench) -> None:
    bench.project("xx", "false")
    bench.project("yy")
    bench.pipeline([build("X"), build("Y"), approval(runOrder=2)], [approval("No")])
    bench.push()
    assert {name: one["status"] for name, one in bench.runs().items()} == {
        "Take": "Succeeded", "X": "Failed", "Y": "Succeeded",
    }  # fmt: skip
    assert bench.last()["status"] == "Failed"


def test_what_failed_is_tried_again(bench: Bench) -> None:
    codes = [1, 0]
    bench.world.service("codebuild").tool("once", lambda call: codes.pop(0))
    bench.project("xx", "once")
    bench.project("yy")
    bench.pipeline([build("X"), build("Y")])
    bench.push()
    wanted = {"pipelineName": "p", "stageName": "A", "retryMode": "FAILED_ACTIONS"}
    identifier = bench.last()["pipelineExecutionId"]
    bench.pipelines.retry_stage_execution(pipelineExecutionId=identifier, **wanted)
    bench.world.run_until_idle()
    assert (bench.last()["status"], bench.last()["pipelineExecutionId"]) == ("Succeeded", identifier)
    assert len(bench.world.journal.entries(verb="codebuild.Built", target="yy")) == 1


@pytest.mark.parametrize(
    ("mode", "after"),
    [
        ("SUPERSEDED", ["InProgress", "Superseded", "InProgress"]),
        ("QUEUED", ["InProgress", "InProgress", "InProgress"]),
    ],
)
def test_one_execution_is_in_a_stage_and_others_wait(bench: Bench, mode: str, after: list[str]) -> None:
    bench.pipeline([approval()], executionMode=mode)
    for number in range(3):
        bench.push(v=str(number))
    assert bench.all() == after
    bench.answer()
    assert bench.all()[0] == "Succeeded"
    waits = bench.state("A")["latestExecution"]["pipelineExecutionId"]
    found = bench.pipelines.list_pipeline_executions(pipelineName="p")["pipelineExecutionSummaries"]
    assert waits == found[1 if mode == "QUEUED" else 0]["pipelineExecutionId"]


def test_parallel_executions_do_not_wait(bench: Bench) -> None:
    bench.pipeline([approval()], executionMode="PARALLEL")
    bench.push(v="1")
    bench.push(v="2")
    bench.answer()
    assert bench.all() == ["InProgress", "Succeeded"]


@pytest.mark.parametrize(
    ("operator", "value", "status"),
    [
        ("EQ", "1", "Succeeded"), ("EQ", "2", "Failed"), ("NE", "2", "Succeeded"),
        ("CONTAINS", "1", "Succeeded"), ("CONTAINS", "11", "Failed"),
        ("MATCHES", "[0-9]", "Succeeded"), ("MATCHES", "x", "Failed"),
    ],
)  # fmt: skip
def test_a_stage_is_entered_when_its_condition_holds(
    bench: Bench, operator: str, value: str, status: str
) -> None:
    bench.project("xx")
    bench.project("yy")
    rule = {
        "name": "Check", "ruleTypeId": {"category": "Rule", "owner": "AWS", "provider": "VariableCheck"},
        "configuration": {"Variable": "#{x.V}", "Operator": operator, "Value": value},
    }  # fmt: skip
    guarded = {"actions": [build("Y")], "beforeEntry": {"conditions": [{"result": "FAIL", "rules": [rule]}]}}
    bench.pipeline([build("X", namespace="x")], guarded)
    bench.push(v="1")
    assert bench.last()["status"] == status
    assert ("Y" in bench.runs()) is (status == "Succeeded")


def test_a_condition_may_skip_its_stage(bench: Bench) -> None:
    rule = {
        "name": "Check", "ruleTypeId": {"category": "Rule", "owner": "AWS", "provider": "VariableCheck"},
        "configuration": {"Variable": "#{src.BranchName}", "Operator": "EQ", "Value": "prod"},
    }  # fmt: skip
    skipped = {"actions": [approval()], "beforeEntry": {"conditions": [{"result": "SKIP", "rules": [rule]}]}}
    bench.pipeline(skipped, [approval("Later")])
    bench.push()
    assert list(bench.runs()) == ["Take", "Later"]


def test_an_approval_is_answered_once_by_its_token_or_times_out(bench: Bench) -> None:
    bench.pipeline([approval()], executionMode="PARALLEL")
    bench.push()
    wanted = {"pipelineName": "p", "stageName": "A", "actionName": "Yes"}
    with pytest.raises(ClientError, match="InvalidApprovalTokenException"):
        bench.pipelines.put_approval_result(
            **wanted, token="0" * 36, result={"summary": "", "status": "Approved"}
        )
    bench.world.advance(7 * 86_400 - 1)
    assert bench.last()["status"] == "InProgress"
    bench.world.advance(1)
    assert bench.last()["status"] == "Failed"


def test_a_test_answers_the_approval_that_waits(bench: Bench) -> None:
    bench.pipeline([approval("One"), approval("Two")])
    bench.push()
    service = bench.world.service("codepipeline")
    with pytest.raises(UsageError, match="there wait: A/One, A/Two"):
        service.answer("p")
    service.answer("p", action="Two", summary="fine")
    service.answer("p", approved=False)
    bench.world.run_until_idle()
    assert {name: one["status"] for name, one in bench.runs().items()} == {
        "Take": "Succeeded", "One": "Failed", "Two": "Succeeded",
    }  # fmt: skip
    with pytest.raises(UsageError, match="there wait: none"):
        service.answer("p")


def test_an_execution_is_stopped_at_once_or_after_what_runs(bench: Bench) -> None:
    bench.project("xx")
    bench.pipeline([build("X")], [approval()])
    bench.world.service("codecommit").commit("r", {"v": "1"})
    bench.world.advance(30)
    wanted = {"pipelineName": "p", "pipelineExecutionId": bench.last()["pipelineExecutionId"]}
    bench.pipelines.stop_pipeline_execution(**wanted, reason="enough")
    assert bench.last()["status"] == "Stopping"
    bench.world.run_until_idle()
    assert (bench.last()["status"], bench.runs()["X"]["status"]) == ("Stopped", "Succeeded")
    bench.push()
    wanted["pipelineExecutionId"] = bench.last()["pipelineExecutionId"]
    bench.pipelines.stop_pipeline_execution(**wanted, abandon=True)
    assert (bench.last()["status"], bench.runs()["Yes"]["status"]) == ("Stopped", "Abandoned")


def test_a_closed_transition_holds_an_execution(bench: Bench) -> None:
    bench.project("xx")
    bench.pipeline([build("X")])
    wanted = {"pipelineName": "p", "stageName": "A", "transitionType": "Inbound"}
    bench.pipelines.disable_stage_transition(**wanted, reason="frozen")
    bench.push()
    assert bench.last()["status"] == "InProgress"
    assert bench.state("A")["inboundTransitionState"] == {"enabled": False, "disabledReason": "frozen"}
    bench.pipelines.enable_stage_transition(**wanted)
    bench.world.run_until_idle()
    assert bench.last()["status"] == "Succeeded"


def test_a_changed_definition_cancels_what_runs(bench: Bench) -> None:
    bench.pipeline([approval()])
    bench.push()
    given = bench.pipelines.get_pipeline(name="p")["pipeline"]
    bench.pipelines.update_pipeline(pipeline={**given, "executionMode": "QUEUED"})
    assert bench.last()["status"] == "Cancelled"
    assert bench.pipelines.get_pipeline(name="p")["pipeline"]["version"] == 2


def test_an_object_is_a_source_and_a_bucket_a_destination(bench: Bench) -> None:
    bench.s3.put_object(
        Bucket="store", Key="s.zip", Body=zipped({"site/a.html": Blob(b"a"), "b": Blob(b"b")})
    )
    take = action("Take", "Source", "S3", o=["S"], c={"S3Bucket": "store", "S3ObjectKey": "s.zip"})
    put = action(
        "Put", "Deploy", "S3", i=["S"], c={"BucketName": "site", "Extract": "true", "ObjectKey": "x"}
    )
    whole = action(
        "Whole", "Deploy", "S3", i=["S"], c={"BucketName": "site", "Extract": "false", "ObjectKey": "y"}
    )
    bench.s3.create_bucket(Bucket="site")
    bench.pipeline([put, whole], source=take)
    assert bench.last()["status"] == "Succeeded"
    assert bench.runs()["Take"]["output"]["outputVariables"]["ObjectKey"] == "s.zip"
    keys = [one["Key"] for one in bench.s3.list_objects_v2(Bucket="site")["Contents"]]
    assert keys == ["x/b", "x/site/a.html", "y"]


CODE = """
import json, boto3
def handler(event, context):
    job = event["CodePipeline.job"]
    client = boto3.client("codepipeline")
    told = job["data"]["actionConfiguration"]["configuration"]["UserParameters"]
    if told == "fail":
        details = {"type": "JobFailed", "message": "no"}
        client.put_job_failure_result(jobId=job["id"], failureDetails=details)
    elif told == "again" and "continuationToken" not in job["data"]:
        client.put_job_success_result(jobId=job["id"], continuationToken="t")
    elif told != "silent":
        place = job["data"]["inputArtifacts"][0]["location"]["s3Location"]
        boto3.client("s3").head_object(Bucket=place["bucketName"], Key=place["objectKey"])
        client.put_job_success_result(jobId=job["id"], outputVariables={"V": "made"})
"""


@pytest.mark.parametrize(
    ("told", "status", "seconds"),
    [("go", "Succeeded", 0), ("again", "Succeeded", 30), ("fail", "Failed", 0), ("silent", "Failed", 3600)],
)
def test_a_function_tells_the_end_of_its_job(bench: Bench, told: str, status: str, seconds: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("app.py", CODE)
    bench.aws("lambda").create_function(
        FunctionName="f", Runtime="python3.12", Handler="app.handler", Role=ROLE,
        Code={"ZipFile": buffer.getvalue()},
    )  # fmt: skip
    call = action("Call", "Invoke", "Lambda", i=["S"], c={"FunctionName": "f", "UserParameters": told})
    bench.pipeline([call])
    start = bench.world.clock.elapsed
    bench.push()
    assert bench.last()["status"] == status
    assert round(bench.world.clock.elapsed - start) // 10 * 10 == seconds
    made = bench.runs()["Call"]["output"]["outputVariables"]
    assert made == ({"V": "made"} if status == "Succeeded" else {})


@pytest.mark.parametrize(
    ("trigger", "branch", "path", "starts"),
    [
        ({"branches": {"includes": ["main"]}}, "main", "a", True),
        ({"branches": {"includes": ["release/*"]}}, "main", "a", False),
        ({"branches": {"includes": ["*"], "excludes": ["wip-*"]}}, "wip-1", "a", False),
        ({"filePaths": {"includes": ["src/**"]}}, "main", "src/x/y", True),
        ({"filePaths": {"includes": ["src/**"]}}, "main", "docs/x", False),
        (None, "main", "a", True),
        (None, "other", "a", False),
    ],
)
def test_which_pushes_start_a_pipeline(
    bench: Bench, trigger: Any, branch: str, path: str, starts: bool
) -> None:
    service = bench.world.service("codeconnections")
    made = bench.aws("codeconnections").create_connection(ConnectionName="c", ProviderType="GitHub")
    arn = made["ConnectionArn"]
    service.handshake(arn)
    given = {"ConnectionArn": arn, "FullRepositoryId": "o/n", "BranchName": "main"}
    take = action("Take", "Source", "CodeStarSourceConnection", o=["S"], c=given)
    git = {"sourceActionName": "Take", "push": [trigger]}
    more = (
        {"triggers": [{"providerType": "CodeStarSourceConnection", "gitConfiguration": git}]}
        if trigger
        else {}
    )
    bench.pipeline([approval()], source=take, **more)
    service.push("o/n", {path: "1"}, branch=branch)
    assert bool(bench.all()) is starts


def test_rules_hear_of_executions_stages_and_actions(bench: Bench) -> None:
    bench.pipeline([approval()])
    bench.push()
    bench.answer(status="Rejected")
    entries = bench.world.journal.entries(verb="codepipeline.*", actor="p")
    found = [json.loads(one.detail) for one in entries]
    last = bench.last()["pipelineExecutionId"]
    told = [(one.get("action") or one.get("stage", ""), one["state"]) for one in found if one["id"] == last]
    assert told == [
        ("", "STARTED"), ("Source", "STARTED"), ("Take", "STARTED"), ("Take", "SUCCEEDED"),
        ("Source", "SUCCEEDED"), ("A", "STARTED"), ("Yes", "STARTED"), ("Yes", "FAILED"), ("A", "FAILED"),
        ("", "FAILED"),
    ]  # fmt: skip
    emitted = bench.world.journal.entries(verb="events.Emit")
    assert sum("CodePipeline" in one.detail for one in emitted) == len(found)


def test_a_snapshot_holds_an_execution_that_waits(bench: Bench) -> None:
    bench.pipeline([approval()])
    bench.push()
    before = bench.world.snapshot()
    texts = []
    for _ in range(2):
        bench.world.restore(before)
        bench.answer()
        texts.append(bench.world.journal.timeline())
        assert bench.last()["status"] == "Succeeded"
    assert texts[0] == texts[1]


def test_what_is_not_emulated_says_so(bench: Bench) -> None:
    bench.pipeline([action("Roll", "Deploy", "CodeDeploy", i=["S"])])
    bench.world.service("codecommit").commit("r", {"v": "1"})
    with pytest.raises(CapabilityMissing, match="not emulated: Deploy action Roll of p"):
        bench.world.run_until_idle()


@pytest.mark.parametrize(
    ("stages", "why"),
    [
        ([], "less than 2 stages"),
        ([[build("X", i=["T"])]], "input artifact T"),
        ([[SOURCE]], "The first stage"),
    ],
)
def test_a_structure_that_cannot_be_is_refused(bench: Bench, stages: Any, why: str) -> None:
    with pytest.raises(ClientError, match=why):
        bench.pipeline(*stages)

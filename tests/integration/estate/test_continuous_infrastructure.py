"""continuous-infrastructure: itself first, then test and its inspection, production only after two yeses."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from stackproof.fabric.trees import tree_of
from stackproof.model import Report, Verdict
from stackproof.verdict.document import dumps

FOLDER = "templates/continuous-infrastructure"
NAME, REPOSITORY = "infrastructure", "example-org/estate"
OWN, TEST, PROD = "infrastructure-pipeline", "infrastructure-test", "infrastructure-prod"
IMAGE = "/image"
"""Names below /aws/ are AWS's own: nobody can store one here, so the environments name another parameter."""
PYTHON = """#!/bin/sh
mkdir -p .venv/bin
for name in pip stackproof; do printf '#!/bin/sh\\nexec %s "$@"\\n' $name > .venv/bin/$name; done
chmod +x .venv/bin/*
"""
STACKPROOF = f"""#!/bin/sh
[ "$1" = verdict ] && exec "{sys.executable}" -m stackproof "$@"
exec inspects "$@"
"""
"""The real verdict of what stands in for the inspection."""


class System:
    """The deployed pipeline, and the repository that it listens to."""

    def __init__(self, fabric: Any, aws: Any, root: Any, stack: Any) -> None:
        self.fabric, self.aws = fabric, aws
        self.verdict, self.asked = Verdict.PASS, []
        self.files = {f"{FOLDER}/{path}": blob.content for path, blob in tree_of(root / FOLDER).items()}
        for name in ("test", "prod"):
            path = f"{FOLDER}/config/environment.{name}.json"
            settings = json.loads(self.files[path])
            settings["Parameters"]["ImageId"] = IMAGE
            self.files[path] = json.dumps(settings).encode()
        aws("ssm").put_parameter(Name=IMAGE, Value="ami-12c6146b", Type="String")
        for name, stand in (("python3", PYTHON), ("pip", "#!/bin/sh\n"), ("stackproof", STACKPROOF)):
            fabric.codebuild.tool(name, stand)
        fabric.codebuild.tool("inspects", self.inspects)
        self.stack = stack(f"{FOLDER}/pipeline.yaml", config="tooling", name=OWN)

    def inspects(self, call: Any) -> None:
        """What the inspection would find."""
        self.asked.append(call.arguments[:2])
        if call.arguments[0] == "inspect":
            assert TEST in self.stacks
            commit = call.environment["CODEBUILD_RESOLVED_SOURCE_VERSION"]
            report = Report("inspect", self.verdict, int(self.verdict is not Verdict.PASS), commit=commit)
            (call.folder / "reports").mkdir()
            (call.folder / "reports" / "inspect.json").write_bytes(dumps(report))

    @property
    def stacks(self) -> Any:
        return self.fabric.deployer.stacks

    def push(self, **changed: str) -> None:
        """A commit; ``pipeline_yaml="…"`` is another content of a file."""
        files = {**self.files, **{f"{FOLDER}/{n.replace('_', '.')}": text for n, text in changed.items()}}
        self.fabric.codeconnections.push(REPOSITORY, files)
        self.fabric.run_until_idle()

    def text(self, name: str) -> str:
        return self.files[f"{FOLDER}/{name}"].decode()

    def executions(self) -> list[Any]:
        found = self.aws("codepipeline").list_pipeline_executions(pipelineName=NAME)
        return list(found["pipelineExecutionSummaries"])

    def actions(self) -> list[tuple[str, str]]:
        """The actions of the latest execution in their order, with how each stands."""
        wanted = {"pipelineExecutionId": self.executions()[0]["pipelineExecutionId"]}
        found = self.aws("codepipeline").list_action_executions(pipelineName=NAME, filter=wanted)
        return [(one["actionName"], one["status"]) for one in reversed(found["actionExecutionDetails"])]

    def answer(self, *, approved: bool) -> None:
        """Answer the approval that waits."""
        self.fabric.codepipeline.answer(NAME, approved=approved, summary="looked at")
        self.fabric.run_until_idle()


@pytest.fixture
def system(fabric: Any, aws: Any, root: Any, stack: Any) -> System:
    made = System(fabric, aws, root, stack)
    fabric.run_until_idle()
    return made


@pytest.fixture
def connected(system: System) -> System:
    """With the handshake of its connection completed."""
    system.fabric.codeconnections.handshake(system.stack.outputs["ConnectionArn"])
    return system


DONE = [
    (name, "Succeeded")
    for name in ("Checkout", "UpdatePipeline", "DeployEnvironment", "Inspect", "CreateChangeSet")
]


def test_nothing_starts_before_the_handshake(system: System) -> None:
    system.push()
    (only,) = system.executions()
    assert (only["trigger"]["triggerType"], only["status"]) == ("CreatePipeline", "Failed")
    assert "not available" in only["statusSummary"]


def test_a_commit_reaches_production_after_test_inspection_and_approval(
    connected: System, look: Any, aws: Any
) -> None:
    queue = aws("sqs").create_queue(QueueName="approvers")["QueueUrl"]
    topic = connected.stack.topic("ApprovalTopic")
    look.let_in(queue, topic)
    arn = f"arn:aws:sqs:us-east-1:123456789012:{queue.rpartition('/')[2]}"
    aws("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
    )
    connected.push()
    assert connected.actions() == [*DONE, ("Approve", "InProgress")]
    assert [one[0] for one in connected.asked] == ["validate-env", "inspect"]
    assert (TEST in connected.stacks, PROD in connected.stacks) == (True, False)
    (asked,) = look.take(queue)
    approval = json.loads(asked["Body"])["approval"]
    assert (approval["stageName"], approval["actionName"]) == ("Production", "Approve")
    connected.fabric.snapshot()
    connected.answer(approved=True)
    assert connected.actions() == [*DONE, ("Approve", "Succeeded"), ("ExecuteChangeSet", "Succeeded")]
    assert connected.stacks[PROD].resources["Vpc"].properties["CidrBlock"] == "10.51.0.0/16"


def test_what_the_inspection_refuses_never_reaches_production(connected: System) -> None:
    connected.verdict = Verdict.FAIL
    connected.push()
    assert connected.actions() == [*DONE[:3], ("Inspect", "Failed")]
    assert connected.executions()[0]["status"] == "Failed"
    assert PROD not in connected.stacks


def test_a_build_that_passes_without_its_verdict_does_not_open_production(connected: System) -> None:
    connected.verdict = Verdict.FAIL
    careless = connected.text("buildspec.yml").replace('- test "$VERDICT" = PASS', "- true")
    connected.push(buildspec_yml=careless)
    assert connected.actions() == DONE[:4]
    (latest, *_) = connected.executions()
    assert latest["status"] == "Failed"
    assert "'FAIL' EQ 'PASS' does not hold" in latest["statusSummary"]
    assert PROD not in connected.stacks


def test_a_rejection_keeps_production_as_it_is(connected: System) -> None:
    connected.push()
    connected.answer(approved=False)
    assert connected.actions()[-1] == ("Approve", "Failed")
    assert connected.executions()[0]["status"] == "Failed"
    assert PROD not in connected.stacks


def test_a_pipeline_that_changes_itself_starts_again_by_its_new_definition(connected: System) -> None:
    text = connected.text("pipeline.yaml")
    assert "ready for review" in text
    connected.push(pipeline_yaml=text.replace("ready for review", "ready to be read"))
    again, first, *_ = [one["status"] for one in connected.executions()]
    assert (again, first) == ("InProgress", "Cancelled")
    assert connected.actions() == [*DONE, ("Approve", "InProgress")]
    given = connected.aws("codepipeline").get_pipeline(name=NAME)["pipeline"]
    (approve,) = [one for one in given["stages"][-1]["actions"] if one["name"] == "Approve"]
    assert approve["configuration"]["CustomData"].endswith("ready to be read.")
    assert [one[0] for one in connected.asked] == ["validate-env", "inspect"]


def test_an_environment_that_cannot_be_deployed_is_not_inspected(connected: System) -> None:
    wrong = connected.text("config/environment.test.json").replace(IMAGE, "/nowhere")
    connected.files[f"{FOLDER}/config/environment.test.json"] = wrong.encode()
    connected.push()
    assert connected.actions() == [*DONE[:2], ("DeployEnvironment", "Failed")]
    assert connected.asked == []

"""ami-builder: a commit becomes an image and its id a mail; a build without an image tells nobody."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from stackproof.backends.awscli import aws as cli
from stackproof.fabric.access import effect
from stackproof.fabric.codebuild.tools import Answer

SYSTEM = "templates/ami-builder"
IMAGE = "ami-0a1b2c3d4e5f60718"
NAME, PROJECT = "ami-tooling", "ami-tooling-image"


@pytest.fixture
def system(stack: Any) -> Any:
    return stack(SYSTEM, config="tooling")


@pytest.fixture
def mails(system: Any, aws: Any, look: Any, fabric: Any) -> Any:
    """``mails()``: what the topic told its readers since the last look."""
    queue = aws("sqs").create_queue(QueueName="reader")["QueueUrl"]
    names = ["QueueArn"]
    arn = aws("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]["QueueArn"]
    look.let_in(queue, system.topic("ImageTopic"))
    raw = {"RawMessageDelivery": "true"}
    aws("sns").subscribe(TopicArn=system.topic("ImageTopic"), Protocol="sqs", Endpoint=arn, Attributes=raw)
    fabric.run_until_idle()
    return lambda: [message["Body"] for message in look.take(queue)]


class Packer:
    """Stands in for packer: says what a build says, and ends with a code."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.says = f"--> amazon-ebs.image: AMIs were created:\nus-east-1: {IMAGE}\n"
        self.code = 0

    def __call__(self, call: Any) -> Any:
        self.calls.append(call.arguments)
        assert (call.folder / "packer" / "aws" / "image.pkr.hcl").is_file()
        if call.arguments[0] != "build":
            return 0
        (call.folder / "manifest.json").write_text("{}", encoding="utf-8")
        return Answer(self.code, self.says)


@pytest.fixture
def packer(fabric: Any) -> Packer:
    """The tools of the build's image; what it installs is there already."""
    found = Packer()
    fabric.codebuild.tool("packer", found)
    fabric.codebuild.tool("dnf", "#!/bin/sh\nexit 0\n")
    fabric.codebuild.tool("aws", cli)
    return found


@pytest.fixture
def pushed(root: Any, fabric: Any, mails: Any, packer: Packer, aws: Any) -> Any:
    """``pushed()``: the system's own folder as a commit, and how the execution that it started ended."""

    def push(branch: str = "main") -> Any:
        fabric.codecommit.commit(NAME, root / SYSTEM, branch=branch)
        fabric.run_until_idle()
        listed = aws("codepipeline").list_pipeline_executions(pipelineName=NAME)
        return listed["pipelineExecutionSummaries"][0]

    return push


def test_a_commit_becomes_an_image_and_its_id_a_mail(
    pushed: Any, mails: Any, packer: Packer, fabric: Any
) -> None:
    execution = pushed()
    assert execution["status"] == "Succeeded"
    assert execution["trigger"]["triggerType"] == "CloudWatchEvent"
    assert [call[0] for call in packer.calls] == ["init", "validate", "build"]
    assert "subnet_id=subnet-0a1b2c3d4e5f60718" in packer.calls[-1]
    (mail,) = mails()
    assert json.loads(mail) == f"Image {IMAGE} in {fabric.world.region}: Created"
    (entry,) = fabric.journal.entries(verb="events.PutEvents")
    assert entry.actor == PROJECT


def test_the_image_is_an_exported_variable_and_the_log_an_artifact(
    system: Any, pushed: Any, look: Any, aws: Any
) -> None:
    pushed()
    (details, *_) = aws("codepipeline").list_action_executions(pipelineName=NAME)["actionExecutionDetails"]
    assert details["output"]["outputVariables"] == {"AMI_ID": IMAGE}
    assert any("/ImageOutpu/" in key for key in look.objects(system.bucket("ArtifactBucket")))


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ("==> Builds finished but no artifacts were created.\n", 0),
        ("Error: the temporary key was refused\n", 1),
    ],
)
def test_a_build_without_an_image_fails_and_tells_nobody(
    pushed: Any, mails: Any, packer: Packer, says: str, code: int
) -> None:
    packer.says, packer.code = says, code
    execution = pushed()
    assert execution["status"] == "Failed"
    assert "POST_BUILD" in execution["statusSummary"]
    assert mails() == []


def test_an_image_that_lacks_its_tools_is_none(pushed: Any, mails: Any, fabric: Any) -> None:
    del fabric.codebuild.stands["packer"]
    execution = pushed()
    assert "exit status 127" in execution["statusSummary"]
    assert mails() == []


def test_another_branch_builds_nothing(pushed: Any, mails: Any, packer: Packer) -> None:
    assert pushed("other")["trigger"]["triggerType"] == "CreatePipeline"
    assert (packer.calls, mails()) == ([], [])


def test_commits_wait_for_one_another_and_each_is_built(
    pushed: Any, mails: Any, packer: Packer, fabric: Any, root: Any
) -> None:
    for number in range(2):
        fabric.codecommit.commit(NAME, root / SYSTEM, message=str(number))
    pushed()
    assert len(mails()) == 3
    built = [entry.ms for entry in fabric.journal.entries(verb="codebuild.Built")]
    assert [after - before for before, after in itertools.pairwise(built)] == [60_000, 60_000]


RESOURCES = {
    "codebuild": "arn:aws:codebuild:{region}:{account}:project/{projectName}",
    "codecommit": "arn:aws:codecommit:{region}:{account}:{repositoryName}",
    "codepipeline": "arn:aws:codepipeline:{region}:{account}:{name}",
    "events": "arn:aws:events:{region}:{account}:event-bus/default",
    "logs": "arn:aws:logs:{region}:{account}:log-group:{logGroupName}:log-stream:{logStreamName}",
    "s3": "arn:aws:s3:::{Bucket}/{Key}",
}


def test_each_role_may_do_what_is_done_as_it(system: Any, pushed: Any, aws: Any, fabric: Any) -> None:
    calls: set[tuple[str, str, str]] = set()

    def note(service: str, operation: str, params: Any, caller: Any) -> None:
        if ":assumed-role/" in caller.arn:
            place = {"region": caller.region, "account": caller.account, **params}
            role = caller.arn.split("/")[1]
            calls.add((role, f"{service}:{operation}", RESOURCES[service].format(**place)))

    fabric.world.guards.append(note)
    assert pushed()["status"] == "Succeeded"
    roles = {system[name].physical_id: name for name in ("BuildRole", "PipelineRole", "SourceRuleRole")}
    assert {roles[role] for role, _, _ in calls} == set(roles.values())
    for role, action, resource in sorted(calls):
        names = aws("iam").list_role_policies(RoleName=role)["PolicyNames"]
        found = [aws("iam").get_role_policy(RoleName=role, PolicyName=name) for name in names]
        context = {"events:source": "com.ami.builder"}
        effects = {effect(one["PolicyDocument"], action, resource, context) for one in found}
        assert effects == {"Allow"}, (roles[role], action, resource)


def test_an_event_of_somebody_else_is_no_image(mails: Any, aws: Any, fabric: Any) -> None:
    entry = {"Source": "com.example", "DetailType": "AmiBuilder", "Resources": [IMAGE], "Detail": "{}"}
    aws("events").put_events(Entries=[entry])
    fabric.run_until_idle()
    assert mails() == []


def test_the_mail_goes_to_who_the_configuration_names(system: Any, aws: Any) -> None:
    found = aws("sns").list_subscriptions_by_topic(TopicArn=system.topic("ImageTopic"))["Subscriptions"]
    assert [(one["Protocol"], one["Endpoint"]) for one in found] == [("email", "platform@example.com")]

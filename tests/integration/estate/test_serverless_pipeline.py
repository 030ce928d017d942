"""serverless-pipeline: a push deploys backend and site to test, and to production when somebody says yes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stackproof.backends.awscli import aws as cli
from stackproof.fabric.codebuild.tools import Answer, Call
from stackproof.fabric.trees import tree_of

SYSTEM = "templates/serverless-pipeline"
NAME, REPOSITORY = "serverless", "example-org/estate"


class Tools:
    """Stands in for sam, which deploys here by the world's own deployer, and for what ``aws`` does beside
    single calls."""

    def __init__(self, fabric: Any, root: Path) -> None:
        self._fabric, self._root = fabric, root
        self.deploys = True

    def sam(self, call: Call) -> Answer:
        if call.arguments[0] == "build":
            assert (call.folder / "backend.yaml").is_file()
        if call.arguments[0] == "deploy":
            if not self.deploys:
                return Answer(1, errors="Error: Failed to create/update the stack\n")
            stage = call.arguments[call.arguments.index("--config-env") + 1]
            template, name = self._root / SYSTEM / "backend.yaml", f"serverless-backend-{stage}"
            self._fabric.note(self._fabric.deployer.deploy(template, config=stage, name=name))
        return Answer()

    def aws(self, call: Call) -> Answer:
        if call.arguments[:2] == ("cloudformation", "describe-stacks"):
            name = call.arguments[call.arguments.index("--stack-name") + 1]
            return Answer(output=f"{self._fabric.deployer.stacks[name].outputs['ServiceEndpoint']}\n")
        if call.arguments[:2] == ("s3", "sync"):
            *_, folder, to = call.arguments
            bucket, _, prefix = to.removeprefix("s3://").partition("/")
            for path, blob in tree_of(call.folder / folder).items():
                client = self._fabric.backend.client("s3")
                client.put_object(Bucket=bucket, Key=f"{prefix}/{path}", Body=blob.content)
            return Answer()
        return cli(call)


@pytest.fixture
def tools(fabric: Any, root: Path) -> Tools:
    found = Tools(fabric, root)
    fabric.codebuild.tool("sam", found.sam)
    fabric.codebuild.tool("aws", found.aws)
    return found


@pytest.fixture
def pushed(stack: Any, fabric: Any, root: Path, tools: Tools) -> Any:
    """The deployed pipeline; ``pushed()`` pushes the system's own folder."""
    made = stack(f"{SYSTEM}/pipeline.yaml", config="tooling", name="one-button")
    fabric.codeconnections.handshake(made["SourceConnection"].physical_id)
    fabric.run_until_idle()
    files = {f"{SYSTEM}/{path}": blob.content for path, blob in tree_of(root / SYSTEM).items()}

    def push() -> Any:
        fabric.codeconnections.push(REPOSITORY, files)
        fabric.run_until_idle()
        return made

    return push


def test_the_site_knows_its_backend_in_each_environment(
    pushed: Any, fabric: Any, aws: Any, look: Any
) -> None:
    bucket = pushed().outputs["FrontendBucketName"]
    assert set(look.objects(bucket)) == {"test/config.json", "test/index.html"}
    fabric.codepipeline.answer(NAME)
    fabric.run_until_idle()
    objects = look.objects(bucket)
    found = {stage: json.loads(objects[f"{stage}/config.json"])["endpoint"] for stage in ("test", "prod")}
    for stage, endpoint in found.items():
        assert endpoint == fabric.deployer.stacks[f"serverless-backend-{stage}"].outputs["ServiceEndpoint"]
    assert found["test"] != found["prod"]


def test_a_backend_that_cannot_be_deployed_hands_no_address_on(
    pushed: Any, tools: Tools, aws: Any, look: Any
) -> None:
    tools.deploys = False
    bucket = pushed().outputs["FrontendBucketName"]
    (latest, *_) = aws("codepipeline").list_pipeline_executions(pipelineName=NAME)[
        "pipelineExecutionSummaries"
    ]
    assert latest["status"] == "Failed"
    assert "sam deploy" in latest["statusSummary"]
    assert look.objects(bucket) == {}

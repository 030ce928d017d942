"""Runtimes that AWS does not know, or lets nobody create functions with any more."""

from __future__ import annotations

import shutil
from datetime import datetime

import pytest

from stackproof import schemas
from stackproof.errors import DeploymentFailed

ROLE = "arn:aws:iam::123456789012:role/r"


def template(runtime, code="def handler(event, context):\n    return event"):
    properties = {"Runtime": runtime, "Handler": "index.handler", "Role": ROLE, "Code": {"ZipFile": code}}
    return {
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue"},
            "It": {"Type": "AWS::Lambda::Function", "DependsOn": "Queue", "Properties": properties},
        }
    }


def test_an_unknown_runtime_fails_the_deployment_and_leaves_nothing(stack, aws):
    wanted = (
        r"It: Value python3\.99 at 'runtime' failed to satisfy constraint: Member must satisfy enum value"
    )
    with pytest.raises(DeploymentFailed, match=wanted) as caught:
        stack(template("python3.99"))
    allowed = caught.value.reason.partition("[")[2].partition("]")[0].split(", ")
    assert {"python3.13", "python3.9"} <= set(allowed)
    assert "python2.7" not in allowed
    assert aws.sqs.list_queues().get("QueueUrls", []) == []


def test_an_unknown_runtime_of_a_sam_function_fails_too(stack):
    text = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: pyton3.12}}
Resources:
  It: {Type: AWS::Serverless::Function, Properties: {Handler: i.h, InlineCode: "x = 1"}}
"""
    with pytest.raises(DeploymentFailed, match=r"Value pyton3\.12 at 'runtime'"):
        stack(text)


@pytest.mark.parametrize("runtime", ["python2.7", "nodejs12.x", "ruby2.5", "go1.x"])
def test_a_runtime_that_nobody_may_create_is_refused_as_aws_does(stack, runtime):
    with pytest.raises(DeploymentFailed, match=f"The runtime parameter of {runtime} is no longer supported"):
        stack(template(runtime))


@pytest.mark.parametrize(
    ("runtime", "said"),
    [
        ("python3.7", "creates no functions with python3.7 since 2024-01-09"),
        ("python3.8", "deprecated python3.8 on 2024-10-14"),
        ("python3.12", ""),
    ],
)
def test_an_old_python_3_runs_and_a_remark_says_what_aws_would_say(stack, aws, fabric, runtime, said):
    made = stack(template(runtime))
    assert str(made["It"].verdict.level) == "emulated"
    assert said in "".join(made.remarks())
    assert bool(made.remarks()) == bool(said)
    answer = aws("lambda").invoke(FunctionName=made["It"].physical_id, Payload=b"[1]")
    assert answer["Payload"].read() == b"[1]"


def test_the_date_is_the_worlds(stack, fabric):
    made = stack(template("python3.14"))
    assert made.remarks() == []
    fabric.advance(4 * 365 * 86_400)
    made.update(template("python3.14", "def handler(event, context):\n    return 1"))
    assert "creates no functions with python3.14" in "".join(made.remarks())


def until(fabric, what):
    """Let time pass until a date of nodejs22.x."""
    when = datetime.fromisoformat(f"{schemas.lambda_runtimes()['nodejs22.x'][what]}T00:00:00+00:00")
    fabric.advance((when - datetime.fromisoformat(fabric.now)).total_seconds() + 1)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed: nothing would run it")
def test_a_function_that_is_there_may_be_updated_a_month_longer(stack, fabric):
    made = stack(template("nodejs22.x", "exports.handler = async () => 1;"), name="old")
    until(fabric, "create-block")
    with pytest.raises(DeploymentFailed, match="no longer supported"):
        stack(template("nodejs22.x"), name="new")
    made.update(template("nodejs22.x", "exports.handler = async () => 2;"))
    until(fabric, "update-block")
    with pytest.raises(DeploymentFailed, match=r"no longer supported.*UpdateFunctionConfiguration"):
        made.update(template("nodejs22.x", "exports.handler = async () => 3;"))

"""Helpers of the deployment tests: templates as Python, and a stack of one resource."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def one(stack: Any) -> Callable[..., Any]:
    """``one("AWS::SQS::Queue", VisibilityTimeout=60)`` deploys it as ``It``; ``others`` come with it."""

    def deploy(kind: str, others: dict[str, Any] | None = None, /, **properties: Any) -> Any:
        resource = {"Type": kind, "Properties": properties}
        return stack({"Resources": {**(others or {}), "It": resource}}, name="round-trip")

    return deploy


@pytest.fixture
def changed() -> Callable[..., Any]:
    """``changed(made, VisibilityTimeout=90)`` updates ``It``; None takes a property away."""

    def update(made: Any, **properties: Any) -> Any:
        tree = {"Resources": {}}
        for name, resource in made.state.blueprint.expanded.tree["Resources"].items():
            tree["Resources"][name] = dict(resource)
        it = tree["Resources"]["It"]
        wanted = {**it.get("Properties", {}), **properties}
        it["Properties"] = {name: value for name, value in wanted.items() if value is not None}
        return made.update(tree)

    return update


@pytest.fixture
def refused() -> Callable[..., str]:
    """The error code that a call ends with."""

    def code(call: Callable[..., Any], **params: Any) -> str:
        from botocore.exceptions import ClientError

        with pytest.raises(ClientError) as caught:
            call(**params)
        return str(caught.value.response["Error"]["Code"])

    return code


ROLE = {
    "Role": {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "lambda.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            }
        },
    }
}


@pytest.fixture
def role() -> dict[str, Any]:
    """A role ``Role`` that functions may take."""
    return dict(ROLE)


@pytest.fixture
def function(role: dict[str, Any]) -> dict[str, Any]:
    """A role, and a function ``Function`` that answers its event."""
    properties = {
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"ZipFile": "def handler(event, context):\n    return event\n"},
    }
    return {**role, "Function": {"Type": "AWS::Lambda::Function", "Properties": properties}}

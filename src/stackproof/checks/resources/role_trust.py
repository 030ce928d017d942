"""A role can only be used by a service that it trusts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stackproof.checks.resources.grants import matches_action, principals, statements
from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.stack import Resource, Stack
from stackproof.template.model import Unknown

_USERS = {
    "AWS::Lambda::Function": (("Role",), "lambda.amazonaws.com"),
    "AWS::StepFunctions::StateMachine": (("RoleArn",), "states.amazonaws.com"),
    "AWS::CodeBuild::Project": (("ServiceRole",), "codebuild.amazonaws.com"),
    "AWS::CodePipeline::Pipeline": (("RoleArn",), "codepipeline.amazonaws.com"),
    "AWS::CodeDeploy::DeploymentGroup": (("ServiceRoleArn",), "codedeploy.amazonaws.com"),
    "AWS::ECS::TaskDefinition": (("TaskRoleArn",), "ecs-tasks.amazonaws.com"),
    "AWS::Scheduler::Schedule": (("Target", "RoleArn"), "scheduler.amazonaws.com"),
    "AWS::Pipes::Pipe": (("RoleArn",), "pipes.amazonaws.com"),
    "AWS::EC2::FlowLog": (("DeliverLogsPermissionArn",), "vpc-flow-logs.amazonaws.com"),
}


def _examine(stack: Stack) -> Iterator[Hit]:
    for kind, (steps, service) in _USERS.items():
        for user in stack.of(kind):
            role = stack.target(user.get(*steps), "AWS::IAM::Role")
            if role is None:
                continue
            answer, unknowns = _trusts(role, service)
            if answer is None:
                message = f"Whether the role {role.id} trusts {service} is not known"
                yield Hit(user.at(*steps), message, (role.id,), unknowns)
            elif answer is False:
                message = (
                    f"The role {role.id} does not trust {service}: the deployment fails; allow "
                    f"sts:AssumeRole to the "
                    f"service in its AssumeRolePolicyDocument"
                )
                yield Hit(user.at(*steps), message, (role.id,))


def _trusts(role: Resource, service: str) -> tuple[bool | None, tuple[Unknown, ...]]:
    document: Any = role.get("AssumeRolePolicyDocument")
    if isinstance(document, Unknown):
        return None, (document,)
    unknowns: list[Unknown] = []
    for _, statement in statements(document, ()):
        if statement.get("Effect") != "Allow" or not matches_action(
            statement.get("Action"), "sts:AssumeRole"
        ):
            continue
        for principal in principals(statement, "Service"):
            if isinstance(principal, Unknown):
                unknowns.append(principal)
            elif principal == "*" or str(principal).startswith(service.split(".")[0] + "."):
                return True, ()
    return (None, tuple(unknowns)) if unknowns else (False, ())


RULE = Rule(
    describe(
        "ROLE-TRUST",
        "A role trusts the service that is given it",
        why="A service can only assume a role whose trust policy names it; otherwise the deployment, "
        "or the first "
        "run, fails.",
        fix="Name the service in AssumeRolePolicyDocument, or give the resource another role.",
        source="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-service.html",
    ),
    _examine,
)

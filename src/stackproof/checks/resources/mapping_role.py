"""Lambda polls a source with the rights of the function's role."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stackproof.checks.resources.grants import matches_action, statements, wildcard_covers
from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.stack import Resource, Stack, listed
from stackproof.checks.resources.wiring import QUEUE, mappings
from stackproof.template.model import Unknown

_ROLE = "AWS::IAM::Role"
_STREAM = ("GetRecords", "GetShardIterator", "DescribeStream", "ListStreams")
_NEEDED = {
    QUEUE: tuple(f"sqs:{name}" for name in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")),
    "AWS::DynamoDB::Table": tuple(f"dynamodb:{name}" for name in _STREAM),
    "AWS::Kinesis::Stream": tuple(f"kinesis:{name}" for name in _STREAM[:3]),
}
# "ListStreams" knows no resource but "*" or every stream of the account.
_UNSCOPED = frozenset({"dynamodb:ListStreams"})
_EVERYTHING = ("/AdministratorAccess", "/PowerUserAccess")
_ENOUGH = {
    QUEUE: ("AWSLambdaSQSQueueExecutionRole", "AmazonSQSFullAccess"),
    "AWS::DynamoDB::Table": ("AWSLambdaDynamoDBExecutionRole", "AmazonDynamoDBFullAccess"),
    "AWS::Kinesis::Stream": ("AWSLambdaKinesisExecutionRole", "AmazonKinesisFullAccess"),
}
_AWS_POLICY = ":iam::aws:policy/"


def _examine(stack: Stack) -> Iterator[Hit]:
    for mapping, source, function in mappings(stack, *_NEEDED):
        role = stack.target(function.get("Role"), _ROLE) if function else None
        if function is None or role is None:
            continue
        documents, outside = _documents(stack, role, source)
        if outside is True:
            continue
        missing = [action for action in _NEEDED[source.type] if not _allows(stack, documents, action, source)]
        if not missing:
            continue
        related = (role.id, function.id, source.id)
        if isinstance(outside, Unknown):
            message = f"Whether the role {role.id} may read {source.id} is not known"
            yield Hit(mapping.at("EventSourceArn"), message, related, (outside,))
            continue
        message = (
            f"The role {role.id} of {function.id} may not read {source.id}: the deployment fails; "
            f"allow {', '.join(missing)} on it"
        )
        yield Hit(mapping.at("EventSourceArn"), message, related)


def _documents(stack: Stack, role: Resource, source: Resource) -> tuple[list[Any], bool | Unknown]:
    """The policy documents of a role; True, or the unknown, when a policy outside may be enough."""
    documents: list[Any] = [
        item.get("PolicyDocument") for item in listed(role.get("Policies")) if isinstance(item, dict)
    ]
    for policy in stack.of("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"):
        roles = [*listed(policy.get("Roles")), *listed(policy.get("RoleName"))]
        if any(stack.means(item, role) for item in roles):
            documents.append(policy.get("PolicyDocument"))
    outside: bool | Unknown = False
    for arn in listed(role.get("ManagedPolicyArns")):
        own = stack.target(arn, "AWS::IAM::ManagedPolicy")
        if own is not None:
            documents.append(own.get("PolicyDocument"))
            continue
        text = arn.pattern.replace("\\", "") if isinstance(arn, Unknown) else str(arn)
        if _AWS_POLICY in text:
            if text.endswith((*_ENOUGH[source.type], *_EVERYTHING)):
                return documents, True
        elif isinstance(arn, Unknown):
            outside = arn
        else:
            return documents, True
    return documents, outside


def _allows(stack: Stack, documents: list[Any], action: str, source: Resource) -> bool:
    for document in documents:
        if isinstance(document, Unknown):
            return True
        for _, statement in statements(document, ()):
            if statement.get("Effect") != "Allow":
                continue
            if not matches_action(statement.get("Action"), action) and "NotAction" not in statement:
                continue
            if action in _UNSCOPED or wildcard_covers(stack, statement.get("Resource"), source):
                return True
    return False


RULE = Rule(
    describe(
        "MAPPING-ROLE",
        "A function may read the source that it is mapped to",
        why="Lambda checks the role when the mapping is made and refuses it.",
        fix="Allow the named actions on the source, or attach AWS's policy for this kind of source.",
        source="https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html",
    ),
    _examine,
)

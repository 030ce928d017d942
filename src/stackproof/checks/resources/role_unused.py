"""A role that nothing uses."""

from __future__ import annotations

from collections.abc import Iterator

from stackproof.checks.resources.grants import principals, statements
from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.stack import Resource, Stack
from stackproof.checks.resources.usage import referring
from stackproof.model import Severity

_POLICIES = frozenset({"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"})


def _examine(stack: Stack) -> Iterator[Hit]:
    users = referring(stack)
    for role in stack.of("AWS::IAM::Role"):
        if role.get("RoleName") is not None or not _for_services(role):
            continue
        used = [
            user
            for user in users.get(role.id, ())
            if user not in stack.resources or stack.resources[user].type not in _POLICIES
        ]
        if not used:
            yield Hit(
                role.path,
                "Nothing in the template uses the role: give it to a resource, export it or remove it",
            )


def _for_services(role: Resource) -> bool:
    """Roles for people and other accounts are assumed from outside the template."""
    found = [statement for _, statement in statements(role.get("AssumeRolePolicyDocument"), ())]
    return bool(found) and all(
        isinstance(statement.get("Principal"), dict)
        and set(statement["Principal"]) == {"Service"}
        and principals(statement, "Service")
        for statement in found
    )


RULE = Rule(
    describe(
        "ROLE-UNUSED",
        "Every service role is used",
        why="Rights that nobody needs are rights for an intruder.",
        fix="Give the role to a resource, make it an output, or remove it.",
        source="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",
        severity=Severity.INFO,
    ),
    _examine,
)

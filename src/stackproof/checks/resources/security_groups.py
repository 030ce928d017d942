"""A security group that nothing uses."""

from __future__ import annotations

from collections.abc import Iterator

from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.stack import Stack
from stackproof.checks.resources.usage import referring
from stackproof.model import Severity

_OWN_RULES = frozenset({"AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"})


def _examine(stack: Stack) -> Iterator[Hit]:
    users = referring(stack)
    for group in stack.of("AWS::EC2::SecurityGroup"):
        used = [
            user
            for user in users.get(group.id, ())
            if user != group.id
            and (user not in stack.resources or stack.resources[user].type not in _OWN_RULES)
        ]
        if not used:
            message = "Nothing in the template uses the security group: attach it, export it or remove it"
            yield Hit(group.path, message)


RULE = Rule(
    describe(
        "SECURITY-GROUP-UNUSED",
        "Every security group is used",
        why="An unused group is one that somebody attaches later without looking what it opens.",
        fix="Attach the group to a resource, make it an output, or remove it.",
        source="https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html",
        severity=Severity.INFO,
    ),
    _examine,
)

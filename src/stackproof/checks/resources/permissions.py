"""Lambda permissions: resource policies of functions, one statement a resource."""

from __future__ import annotations

from collections.abc import Iterator

from stackproof.checks.resources.grants import Answer, Grant
from stackproof.checks.resources.stack import Resource, Stack
from stackproof.checks.resources.wiring import function_of
from stackproof.template.model import Unknown


def permissions(stack: Stack, function: Resource) -> Iterator[Resource]:
    """The permissions of a function."""
    for permission in stack.of("AWS::Lambda::Permission"):
        found = function_of(stack, permission.get("FunctionName"))
        if found is not None and found.id == function.id:
            yield permission


def function_grant(stack: Stack, function: Resource, service: str, source: Resource) -> Answer:
    """What a function's permissions say to ``service`` invoking it for ``source``."""
    best = Answer()
    for permission in permissions(stack, function):
        if permission.get("Principal") != service:
            continue
        if permission.get("Action") not in ("lambda:InvokeFunction", "lambda:*", "*"):
            continue
        answer = _one(stack, permission, source)
        if answer.grant.value < best.grant.value:
            best = answer
    return best


def _one(stack: Stack, permission: Resource, source: Resource) -> Answer:
    arn = permission.get("SourceArn")
    if arn is None:
        scoped = permission.get("SourceAccount") is not None or permission.get("PrincipalOrgID") is not None
        return Answer(Grant.SCOPED if scoped else Grant.WIDE, permission.at("Principal"))
    means = stack.means(arn, source)
    if means:
        return Answer(Grant.SCOPED, permission.at("SourceArn"))
    if means is None:
        unknowns = tuple(item for item in (arn, stack.arn(source)) if isinstance(item, Unknown))
        return Answer(Grant.UNKNOWN, permission.at("SourceArn"), unknowns[:1])
    text = arn.pattern if isinstance(arn, Unknown) else str(arn)
    if "*" in text.replace(".*", "") and source.type.split("::")[1].lower() in text:
        return Answer(Grant.SCOPED, permission.at("SourceArn"))
    return Answer()

"""A rule's target receives nothing until it lets EventBridge in, for that rule."""

from __future__ import annotations

from collections.abc import Iterator

from stackproof.checks.resources.grants import Answer, Grant, service_grant
from stackproof.checks.resources.permissions import function_grant
from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.stack import Resource, Stack
from stackproof.checks.resources.wiring import (
    FUNCTION,
    QUEUE,
    TOPIC,
    function_of,
    queue_policies,
    targets,
    topic_policies,
)

_SERVICE = "events.amazonaws.com"


def _examine(stack: Stack) -> Iterator[Hit]:
    for path, rule, target in targets(stack):
        resource = stack.target(target.get("Arn"), QUEUE, TOPIC) or function_of(stack, target.get("Arn"))
        if resource is None or (target.get("RoleArn") is not None and resource.type != FUNCTION):
            continue
        answer = _grant(stack, resource, rule)
        at, related = (*path, "Arn"), (resource.id, rule.id)
        if answer.grant is Grant.NONE:
            message = (
                f"Nothing lets the rule {rule.id} reach {resource.id}: EventBridge drops every event; "
                f"{_advice(resource)} with the rule's ARN as the source"
            )
            yield Hit(at, message, related)
        elif answer.grant is Grant.WIDE:
            message = (
                f"Every rule of every account may reach {resource.id}: add the ARN of {rule.id} "
                f"as the source (aws:SourceArn)"
            )
            yield Hit(answer.path, message, related)
        elif answer.grant is Grant.UNKNOWN:
            yield Hit(
                at,
                f"Whether the rule {rule.id} may reach {resource.id} is not known",
                related,
                answer.unknowns,
            )


def _grant(stack: Stack, resource: Resource, rule: Resource) -> Answer:
    if resource.type == QUEUE:
        return service_grant(
            stack, queue_policies(stack, resource), _SERVICE, "sqs:SendMessage", resource, rule
        )
    if resource.type == TOPIC:
        return service_grant(stack, topic_policies(stack, resource), _SERVICE, "sns:Publish", resource, rule)
    return function_grant(stack, resource, _SERVICE, rule)


def _advice(resource: Resource) -> str:
    if resource.type == FUNCTION:
        return "add an AWS::Lambda::Permission for events.amazonaws.com"
    kind = "queue" if resource.type == QUEUE else "topic"
    return f"add a {kind} policy for events.amazonaws.com"


RULE = Rule(
    describe(
        "EVENTS-TARGET",
        "The target of an EventBridge rule lets this rule in, and no other",
        why="Without the permission EventBridge drops events after 24 hours of retries; without the "
        "source's ARN "
        "any account's rule can invoke the target.",
        fix="Add the queue policy, topic policy or Lambda permission with the rule's ARN as aws:SourceArn.",
        source="https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html",
    ),
    _examine,
)

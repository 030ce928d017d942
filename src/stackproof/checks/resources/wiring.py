"""How resources are wired: functions behind aliases, targets of rules, queues behind mappings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stackproof.checks.resources.stack import Resource, Stack, listed
from stackproof.model import DocPath

FUNCTION = "AWS::Lambda::Function"
QUEUE = "AWS::SQS::Queue"
TOPIC = "AWS::SNS::Topic"
MAPPING = "AWS::Lambda::EventSourceMapping"


def function_of(stack: Stack, value: Any) -> Resource | None:
    """The function that a name or ARN means, also through an alias or a version."""
    found = stack.target(value, FUNCTION, "AWS::Lambda::Alias", "AWS::Lambda::Version")
    if found is not None and found.type != FUNCTION:
        return stack.target(found.get("FunctionName"), FUNCTION)
    if found is None and isinstance(value, str) and ":function:" in value:
        head, _, name = value.partition(":function:")
        return stack.target(f"{head}:function:{name.split(':')[0]}", FUNCTION)
    return found


def mappings(stack: Stack, *types: str) -> Iterator[tuple[Resource, Resource, Resource | None]]:
    """Event source mappings whose source is in the template: mapping, source, function (when it is too)."""
    for mapping in stack.of(MAPPING):
        value = mapping.get("EventSourceArn")
        source = stack.target(value, *types)
        if source is not None:
            yield mapping, source, function_of(stack, mapping.get("FunctionName"))


def subscriptions(stack: Stack) -> Iterator[tuple[DocPath, Resource, Any, Any]]:
    """Subscriptions to topics of the template: the endpoint's path, the topic, protocol and endpoint."""
    for subscription in stack.of("AWS::SNS::Subscription"):
        topic = stack.target(subscription.get("TopicArn"), TOPIC)
        if topic is not None:
            path = subscription.at("Endpoint")
            yield path, topic, subscription.get("Protocol"), subscription.get("Endpoint")
    for topic in stack.of(TOPIC):
        for index, item in enumerate(listed(topic.get("Subscription"))):
            if isinstance(item, dict):
                path = topic.at("Subscription", index, "Endpoint")
                yield path, topic, item.get("Protocol"), item.get("Endpoint")


def targets(stack: Stack) -> Iterator[tuple[DocPath, Resource, dict[str, Any]]]:
    """Targets of EventBridge rules: the target's path, the rule and the target."""
    for rule in stack.of("AWS::Events::Rule"):
        for index, item in enumerate(listed(rule.get("Targets"))):
            if isinstance(item, dict):
                yield rule.at("Targets", index), rule, item


def queue_policies(stack: Stack, queue: Resource) -> Iterator[Resource]:
    """The policies of a queue."""
    for policy in stack.of("AWS::SQS::QueuePolicy", "AWS::SQS::QueueInlinePolicy"):
        queues = [*listed(policy.get("Queues")), *listed(policy.get("Queue"))]
        if any(stack.means(item, queue) is not False for item in queues):
            yield policy


def topic_policies(stack: Stack, topic: Resource) -> Iterator[Resource]:
    """The policies of a topic."""
    for policy in stack.of("AWS::SNS::TopicPolicy", "AWS::SNS::TopicInlinePolicy"):
        topics = [*listed(policy.get("Topics")), *listed(policy.get("TopicArn"))]
        if any(stack.means(item, topic) is not False for item in topics):
            yield policy


def dead_letter_targets(stack: Stack) -> Iterator[tuple[Resource, Resource]]:
    """Pairs of a queue and the dead-letter queue of the template that its redrive policy names."""
    for queue in stack.of(QUEUE):
        target = stack.target(queue.get("RedrivePolicy", "deadLetterTargetArn"), QUEUE)
        if target is not None:
            yield queue, target

"""A subscription of a queue delivers nothing until the queue's policy lets the topic send."""

from __future__ import annotations

from collections.abc import Iterator

from stackproof.checks.resources.grants import Grant, service_grant
from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.stack import Stack
from stackproof.checks.resources.wiring import QUEUE, queue_policies, subscriptions


def _examine(stack: Stack) -> Iterator[Hit]:
    for path, topic, protocol, endpoint in subscriptions(stack):
        queue = stack.target(endpoint, QUEUE) if protocol == "sqs" else None
        if queue is None:
            continue
        answer = service_grant(
            stack, queue_policies(stack, queue), "sns.amazonaws.com", "sqs:SendMessage", queue, topic
        )
        related = (topic.id, queue.id)
        if answer.grant is Grant.NONE:
            message = (
                f"No policy of {queue.id} lets {topic.id} send: SNS drops every message; add a queue "
                f"policy that "
                f"allows sqs:SendMessage to sns.amazonaws.com with ArnEquals aws:SourceArn"
            )
            yield Hit(path, message, related)
        elif answer.grant is Grant.WIDE:
            message = (
                f"The policy of {queue.id} lets every topic of every account send: add the condition "
                f"ArnEquals aws:SourceArn with the ARN of {topic.id}"
            )
            yield Hit(answer.path, message, related)
        elif answer.grant is Grant.UNKNOWN:
            message = f"Whether the policy of {queue.id} lets {topic.id} send is not known"
            yield Hit(path, message, related, answer.unknowns)


RULE = Rule(
    describe(
        "SNS-SQS",
        "A queue that subscribes to a topic lets this topic send, and no other",
        why="Without the policy SNS cannot deliver and nobody is told; without the condition any "
        "topic of any "
        "account can.",
        fix="Allow sqs:SendMessage to the service sns.amazonaws.com under ArnEquals aws:SourceArn.",
        source="https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html",
    ),
    _examine,
)

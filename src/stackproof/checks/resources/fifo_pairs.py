"""FIFO and standard queues and topics only fit together in some ways."""

from __future__ import annotations

from collections.abc import Iterator

from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.stack import Resource, Stack
from stackproof.checks.resources.values import truth, unknowns_of
from stackproof.checks.resources.wiring import QUEUE, dead_letter_targets, subscriptions, targets


def _examine(stack: Stack) -> Iterator[Hit]:
    yield from _dead_letters(stack)
    yield from _topics(stack)
    yield from _events(stack)
    yield from _buckets(stack)


def _fifo(resource: Resource) -> bool | None:
    return truth(resource.get("FifoTopic" if "SNS" in resource.type else "FifoQueue"))


def _dead_letters(stack: Stack) -> Iterator[Hit]:
    for queue, dead in dead_letter_targets(stack):
        source, target = _fifo(queue), _fifo(dead)
        path = queue.at("RedrivePolicy", "deadLetterTargetArn")
        if source is None or target is None:
            unknowns = unknowns_of(queue.get("FifoQueue"), dead.get("FifoQueue"))
            yield Hit(
                path,
                f"Whether {queue.id} and {dead.id} are of the same kind is not known",
                (dead.id,),
                unknowns,
            )
        elif source != target:
            kinds = ("standard", "FIFO")
            message = (
                f"The {kinds[source]} queue sends its dead letters to the {kinds[target]} queue {dead.id}: "
                f"SQS refuses this; make both {kinds[source]}"
            )
            yield Hit(path, message, (dead.id,))


def _topics(stack: Stack) -> Iterator[Hit]:
    for path, topic, protocol, endpoint in subscriptions(stack):
        queue = stack.target(endpoint, QUEUE) if protocol == "sqs" else None
        if queue is None:
            continue
        source, target = _fifo(topic), _fifo(queue)
        if source is None or (target is None and source is False):
            unknowns = unknowns_of(topic.get("FifoTopic"), queue.get("FifoQueue"))
            yield Hit(
                path,
                f"Whether {topic.id} and {queue.id} are of the same kind is not known",
                (queue.id,),
                unknowns,
            )
        elif source is False and target is True:
            message = (
                f"The standard topic {topic.id} cannot deliver to the FIFO queue {queue.id}: "
                f"make the topic FIFO"
            )
            yield Hit(path, message, (topic.id, queue.id))
        elif source is True and target is False:
            message = (
                f"The FIFO topic {topic.id} delivers to the standard queue {queue.id}: order and "
                f"deduplication "
                f"end there; make the queue FIFO"
            )
            yield Hit(path, message, (topic.id, queue.id))


def _events(stack: Stack) -> Iterator[Hit]:
    for path, rule, target in targets(stack):
        queue = stack.target(target.get("Arn"), QUEUE)
        if queue is not None and _fifo(queue) and not target.get("SqsParameters"):
            message = (
                f"The rule sends to the FIFO queue {queue.id} without a message group: set "
                f"SqsParameters.MessageGroupId"
            )
            yield Hit((*path, "Arn"), message, (queue.id, rule.id))


def _buckets(stack: Stack) -> Iterator[Hit]:
    for bucket in stack.of("AWS::S3::Bucket"):
        entries = bucket.get("NotificationConfiguration", "QueueConfigurations")
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            queue = stack.target(entry.get("Queue"), QUEUE) if isinstance(entry, dict) else None
            if queue is not None and _fifo(queue):
                path = bucket.at("NotificationConfiguration", "QueueConfigurations", index, "Queue")
                yield Hit(
                    path, f"S3 cannot notify the FIFO queue {queue.id}: use a standard queue", (queue.id,)
                )


RULE = Rule(
    describe(
        "FIFO-PAIR",
        "FIFO and standard queues and topics are paired as the services allow",
        why="SQS and SNS refuse mixed pairs when the stack is deployed, or order is lost without a word.",
        fix="Make both ends FIFO, or both standard.",
        source="https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/"
        "sqs-dead-letter-queues.html",
    ),
    _examine,
)

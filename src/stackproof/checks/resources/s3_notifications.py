"""A bucket can only be made when its notification targets let it in already."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stackproof.checks.resources.grants import Answer, Grant, service_grant
from stackproof.checks.resources.permissions import function_grant
from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.stack import Resource, Stack
from stackproof.checks.resources.wiring import QUEUE, TOPIC, function_of, queue_policies, topic_policies
from stackproof.model import DocPath

_SERVICE = "s3.amazonaws.com"
_LISTS = {"LambdaConfigurations": "Function", "QueueConfigurations": "Queue", "TopicConfigurations": "Topic"}


def _notifications(bucket: Resource) -> Iterator[tuple[DocPath, Any]]:
    for name, key in _LISTS.items():
        entries = bucket.get("NotificationConfiguration", name)
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(entry, dict):
                yield bucket.at("NotificationConfiguration", name, index, key), entry.get(key)


def _examine(stack: Stack) -> Iterator[Hit]:
    for bucket in stack.of("AWS::S3::Bucket"):
        for path, value in _notifications(bucket):
            target = stack.target(value, QUEUE, TOPIC) or function_of(stack, value)
            if target is None:
                continue
            answer = _grant(stack, target, bucket)
            if answer.grant is Grant.NONE:
                message = (
                    f"Nothing lets the bucket notify {target.id}: the deployment fails; allow "
                    f"s3.amazonaws.com with "
                    f"the bucket's ARN as aws:SourceArn and the own account as aws:SourceAccount"
                )
                yield Hit(path, message, (target.id,))
            elif answer.grant is Grant.WIDE:
                message = (
                    f"Every bucket of every account may notify {target.id}: add aws:SourceArn "
                    f"and aws:SourceAccount"
                )
                yield Hit(answer.path, message, (bucket.id, target.id))
            elif answer.grant is Grant.UNKNOWN:
                yield Hit(
                    path,
                    f"Whether the bucket may notify {target.id} is not known",
                    (target.id,),
                    answer.unknowns,
                )


def _grant(stack: Stack, target: Resource, bucket: Resource) -> Answer:
    if target.type == QUEUE:
        return service_grant(
            stack, queue_policies(stack, target), _SERVICE, "sqs:SendMessage", target, bucket
        )
    if target.type == TOPIC:
        return service_grant(stack, topic_policies(stack, target), _SERVICE, "sns:Publish", target, bucket)
    return function_grant(stack, target, _SERVICE, bucket)


RULE = Rule(
    describe(
        "S3-NOTIFY",
        "The target of a bucket's notifications lets this bucket in, and no other",
        why="S3 tests the target when the bucket is made and fails; a permission without a source is open to "
        "any account's bucket.",
        fix="Add the queue policy, topic policy or Lambda permission for s3.amazonaws.com with the source.",
        source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/"
        "grant-destinations-permissions-to-s3.html",
    ),
    _examine,
)

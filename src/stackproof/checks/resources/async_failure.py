"""Events that invoke a function asynchronously are dropped after two retries."""

from __future__ import annotations

from collections.abc import Iterator

from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.stack import Resource, Stack
from stackproof.checks.resources.wiring import function_of, subscriptions, targets
from stackproof.model import Severity


def _sources(stack: Stack) -> Iterator[tuple[Resource, str]]:
    """Functions that topics, rules and buckets of the template invoke, with the invoking resource."""
    for _, topic, protocol, endpoint in subscriptions(stack):
        function = function_of(stack, endpoint) if protocol == "lambda" else None
        if function is not None:
            yield function, topic.id
    for _, rule, target in targets(stack):
        function = function_of(stack, target.get("Arn"))
        if function is not None:
            yield function, rule.id
    for bucket in stack.of("AWS::S3::Bucket"):
        entries = bucket.get("NotificationConfiguration", "LambdaConfigurations")
        for entry in entries if isinstance(entries, list) else ():
            function = function_of(stack, entry.get("Function")) if isinstance(entry, dict) else None
            if function is not None:
                yield function, bucket.id


def _examine(stack: Stack) -> Iterator[Hit]:
    invoked: dict[str, list[str]] = {}
    for function, source in _sources(stack):
        invoked.setdefault(function.id, []).append(source)
    for logical_id, sources in invoked.items():
        function = stack.resources[logical_id]
        if function.get("DeadLetterConfig", "TargetArn") is not None or _has_destination(stack, function):
            continue
        message = (
            f"Events from {', '.join(dict.fromkeys(sources))} that the function fails on are dropped "
            f"after two retries: "
            f"set DeadLetterConfig, or an AWS::Lambda::EventInvokeConfig with OnFailure"
        )
        yield Hit(function.path, message, tuple(sources))


def _has_destination(stack: Stack, function: Resource) -> bool:
    return any(
        config.get("DestinationConfig", "OnFailure", "Destination") is not None
        and (found := function_of(stack, config.get("FunctionName"))) is not None
        and found.id == function.id
        for config in stack.of("AWS::Lambda::EventInvokeConfig")
    )


RULE = Rule(
    describe(
        "ASYNC-FAILURE",
        "A function that events invoke keeps what it fails on",
        why="SNS, EventBridge and S3 hand the event over and forget it; Lambda tries three times and "
        "drops it.",
        fix="Set DeadLetterConfig.TargetArn, or an OnFailure destination in AWS::Lambda::EventInvokeConfig.",
        source="https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html",
        severity=Severity.WARNING,
    ),
    _examine,
)

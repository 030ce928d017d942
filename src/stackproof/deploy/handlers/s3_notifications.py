"""A bucket's notifications: CloudFormation's shape as the API's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KINDS = {
    "LambdaConfigurations": ("LambdaFunctionConfigurations", "Function", "LambdaFunctionArn"),
    "QueueConfigurations": ("QueueConfigurations", "Queue", "QueueArn"),
    "TopicConfigurations": ("TopicConfigurations", "Topic", "TopicArn"),
}
UNREACHED = frozenset({"LambdaConfigurations", "EventBridgeConfiguration"})
"""What live endpoints do not reach: functions, for they run in this process; a bus of theirs is not tried."""


def notifications(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The whole configuration; targets that share a filter and differ in the event stay apart."""
    found: dict[str, Any] = {}
    for given, (kind, target, arn) in _KINDS.items():
        wanted = []
        for one in configuration.get(given) or []:
            entry: dict[str, Any] = {arn: one[target], "Events": [one["Event"]]}
            rules = ((one.get("Filter") or {}).get("S3Key") or {}).get("Rules") or []
            if rules:
                entry["Filter"] = {"Key": {"FilterRules": rules}}
            wanted.append(entry)
        if wanted:
            found[kind] = wanted
    bridge = configuration.get("EventBridgeConfiguration")
    if bridge is not None and str(bridge.get("EventBridgeEnabled", True)).lower() == "true":
        found["EventBridgeConfiguration"] = {}
    return found

"""Hypothesis strategies for EventBridge rules: entries of PutEvents that satisfy a pattern, or miss it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from stackproof.deploy.model import Resource
from stackproof.errors import UsageError
from stackproof.fabric import arns, patterns
from stackproof.fabric.clock import EPOCH_MS
from stackproof.fabric.events import inputs
from stackproof.fabric.events.model import Event, Rule
from stackproof.proofs.filters import bodies, missing_bodies, objects
from stackproof.proofs.leaves import Strategy, texts

_OWN = ("source", "detail-type", "detail", "resources", "$or")
"""Fields that who puts an event decides; the others are the bus's."""


def matching(rule: Resource, detail: Strategy | None = None) -> st.SearchStrategy[dict[str, Any]]:
    """Parameters of PutEvents with one event that satisfies the rule's pattern."""
    return _documents(rule, detail).map(lambda event: _call(rule, event))


def missing(rule: Resource) -> st.SearchStrategy[dict[str, Any]]:
    """Parameters of PutEvents with one event that the rule's pattern stops."""
    pattern = _pattern(rule)
    own = {key: wanted for key, wanted in pattern.items() if key in _OWN}
    if not own:
        raise UsageError(f"'{rule.logical_id}' takes every event of its account: nothing misses it")

    def matches(found: dict[str, Any]) -> bool:
        return patterns.matches(pattern, _document(rule, found))

    broken = missing_bodies(own, matches)
    return _complete(broken, None).filter(_sendable).map(lambda found: _document(rule, found)).filter(
        lambda event: not patterns.matches(pattern, event)
    ).map(lambda event: _call(rule, event))  # fmt: skip


def received(rule: Resource, target: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """What a function gets as a target of the rule: events, or what the target's input makes of them."""
    made = Rule(rule.logical_id, rule.arn, "", "", EPOCH_MS)

    def shaped(event: dict[str, Any]) -> Any:
        text = inputs.made(target, made, Event(event, "", EPOCH_MS))
        return json.loads(text)

    return _documents(rule, None).map(shaped)


def _pattern(rule: Resource) -> dict[str, Any]:
    pattern = rule.properties.get("EventPattern")
    if not pattern:
        raise UsageError(f"'{rule.logical_id}' has a schedule and no event pattern")
    found: dict[str, Any] = json.loads(pattern) if isinstance(pattern, str) else dict(pattern)
    return found


def _documents(rule: Resource, detail: Strategy | None) -> Strategy:
    pattern = _pattern(rule)
    own = {key: wanted for key, wanted in pattern.items() if key in _OWN}
    found = bodies(own) if own else st.just({})
    return (
        _complete(found, detail)
        .filter(_sendable)
        .map(lambda one: _document(rule, one))
        .filter(lambda event: patterns.matches(pattern, event))
    )


def _complete(found: Strategy, detail: Strategy | None) -> Strategy:
    """With what every entry needs; ``detail`` adds to the detail."""
    more = st.fixed_dictionaries(
        {"source": texts, "detail-type": texts, "detail": detail if detail is not None else objects}
    )
    return st.tuples(more, found).map(_merged)


def _merged(pair: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    more, found = pair
    merged = {**more, **{key: value for key, value in found.items() if key in _OWN}}
    if isinstance(found.get("detail"), Mapping):
        merged["detail"] = {**more["detail"], **found["detail"]}
    resources = merged.get("resources", [])
    return {**merged, "resources": resources if isinstance(resources, list) else [resources]}


def _sendable(found: dict[str, Any]) -> bool:
    """Whether PutEvents takes it."""
    named = (found["source"], found["detail-type"])
    return (
        all(isinstance(value, str) and value for value in named)
        and not found["source"].startswith("aws.")
        and isinstance(found["detail"], Mapping)
        and all(isinstance(one, str) for one in found["resources"])
    )


def _document(rule: Resource, found: Mapping[str, Any]) -> dict[str, Any]:
    parsed = arns.parse(rule.arn)
    account, region = (parsed.account, parsed.region) if parsed else ("", "")
    return {
        "version": "0", "id": "00000000-0000-4000-8000-000000000000", "account": account,
        "time": "2026-01-01T00:00:00Z", "region": region,
        **{key: value for key, value in found.items() if key in _OWN},
    }  # fmt: skip


def _call(rule: Resource, event: Mapping[str, Any]) -> dict[str, Any]:
    entry = {
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
        "Resources": event["resources"],
        "EventBusName": rule.properties.get("EventBusName") or "default",
    }
    return {"Entries": [entry]}

"""A bucket's lifecycle rules: CloudFormation's shape as the API's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def lifecycle(rule: Mapping[str, Any]) -> dict[str, Any]:
    """One rule."""
    found: dict[str, Any] = {"Status": rule.get("Status"), "Filter": _filter(rule)}
    if "Id" in rule:
        found["ID"] = rule["Id"]
    expiration = {
        name: rule[given]
        for given, name in (
            ("ExpirationInDays", "Days"),
            ("ExpirationDate", "Date"),
            ("ExpiredObjectDeleteMarker", "ExpiredObjectDeleteMarker"),
        )
        if given in rule
    }
    if expiration:
        found["Expiration"] = expiration
    moves = [*(rule.get("Transitions") or []), *([rule["Transition"]] if "Transition" in rule else [])]
    if moves:
        found["Transitions"] = [_transition(one, "Days", "TransitionInDays") for one in moves]
    _noncurrent(rule, found)
    if "AbortIncompleteMultipartUpload" in rule:
        found["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
    return found


def _noncurrent(rule: Mapping[str, Any], found: dict[str, Any]) -> None:
    if "NoncurrentVersionExpiration" in rule:
        found["NoncurrentVersionExpiration"] = rule["NoncurrentVersionExpiration"]
    elif "NoncurrentVersionExpirationInDays" in rule:
        days = rule["NoncurrentVersionExpirationInDays"]
        found["NoncurrentVersionExpiration"] = {"NoncurrentDays": days}
    single = [rule["NoncurrentVersionTransition"]] if "NoncurrentVersionTransition" in rule else []
    moves = [*(rule.get("NoncurrentVersionTransitions") or []), *single]
    if moves:
        found["NoncurrentVersionTransitions"] = [
            _transition(one, "NoncurrentDays", "TransitionInDays") for one in moves
        ]


def _transition(move: Mapping[str, Any], days: str, given: str) -> dict[str, Any]:
    names = {given: days, "TransitionDate": "Date"}
    return {names.get(key, key): value for key, value in move.items()}


def _filter(rule: Mapping[str, Any]) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    if "Prefix" in rule:
        parts["Prefix"] = rule["Prefix"]
    for name in ("ObjectSizeGreaterThan", "ObjectSizeLessThan"):
        if name in rule:
            parts[name] = rule[name]
    tags = rule.get("TagFilters") or []
    if len(parts) + len(tags) > 1:
        return {"And": {**parts, **({"Tags": tags} if tags else {})}}
    if tags:
        return {"Tag": tags[0]}
    return parts or {"Prefix": ""}

"""Hypothesis strategies for keys of objects: those that a notification takes, and the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import strategies as st

from stackproof.fabric.s3.model import Target

_KINDS = {"LambdaConfigurations": "Function", "QueueConfigurations": "Queue", "TopicConfigurations": "Topic"}
_PARTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)


def targets(configuration: Mapping[str, Any]) -> Iterator[Target]:
    """The targets of a bucket's notifications as a template has them."""
    for member, named in _KINDS.items():
        for one in configuration.get(member) or ():
            given = ((one.get("Filter") or {}).get("S3Key") or {}).get("Rules") or ()
            rules = tuple((str(rule["Name"]).capitalize(), str(rule["Value"])) for rule in given)
            yield Target(member, "", str(one[named]), (str(one["Event"]),), rules)


def satisfying(target: Target) -> st.SearchStrategy[str]:
    """Keys that a target's filter lets through."""
    prefix, suffix = target.rule("Prefix"), target.rule("Suffix")
    return _PARTS.map(lambda middle: f"{prefix}{middle}{suffix}").filter(_is_key)


def missing(wanted: list[Target]) -> st.SearchStrategy[str]:
    """Keys that no filter lets through: near misses (another case, a part gone or added), then any."""
    near = [satisfying(target).flatmap(_damaged) for target in wanted]
    return st.one_of([*near, _PARTS]).filter(
        lambda key: _is_key(key) and not any(target.takes(key) for target in wanted)
    )


def _damaged(key: str) -> st.SearchStrategy[str]:
    return st.sampled_from([key.swapcase(), key[1:], key[:-1], f"x{key}", f"{key}x", key.replace("/", "-")])


def _is_key(key: str) -> bool:
    """Keys have 1 to 1,024 bytes; dots alone are no names for tools that treat them as paths."""
    return 0 < len(key.encode()) <= 1024 and not {".", ".."} & set(key.split("/"))

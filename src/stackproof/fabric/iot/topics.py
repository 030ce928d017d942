"""Topic names and topic filters. Source: AWS IoT Core developer guide, "MQTT topics"."""

from __future__ import annotations


def matches(pattern: str, topic: str) -> bool:
    """Whether a topic falls under a filter with ``+`` (one level) and ``#`` (all that follow)."""
    levels, wanted = topic.split("/"), pattern.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    for index, part in enumerate(wanted):
        if part == "#":
            return True
        if index >= len(levels) or part not in ("+", levels[index]):
            return False
    return len(levels) == len(wanted)


def is_filter(pattern: str) -> bool:
    """Whether a text is a proper filter: ``#`` stands last only, wildcards fill their level."""
    parts = pattern.split("/")
    return (
        bool(pattern)
        and all(part in ("+", "#") or not set(part) & {"+", "#"} for part in parts)
        and "#" not in parts[:-1]
    )

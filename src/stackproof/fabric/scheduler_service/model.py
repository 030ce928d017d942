"""What Scheduler keeps: groups and schedules, all frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from stackproof.fabric.schedules import Schedule as Expression
from stackproof.fabric.schedules import parse

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Group:
    """A group of schedules. Times in seconds since the Unix epoch."""

    name: str
    arn: str
    created: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule. ``since_ms`` is when a rate begins; ``end_ms`` 0 for never.

    ``window`` is in minutes, 0 when the time is exact. ``given`` are the API's members as they were given.
    """

    name: str
    group: str
    arn: str
    expression: str
    zone: str
    since_ms: int
    start_ms: int
    end_ms: int
    window: int
    enabled: bool
    created: float
    modified: float
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> Mapping[str, Any]:
        """What it calls."""
        found: Mapping[str, Any] = self.given["Target"]
        return found

    @property
    def parsed(self) -> Expression:
        """Its expression."""
        return parse(self.expression, zone=zone(self.zone))

    def next(self, after_ms: int) -> int | None:
        """When it is due next, later than ``after_ms`` and within its dates; None when never again."""
        parsed = self.parsed
        after = max(after_ms, self.start_ms - 1)
        # A rate is due when it begins, and then every step.
        due = parsed.next(after, self.since_ms - parsed.step_ms)
        return None if due is None or (self.end_ms and due > self.end_ms) else due


def zone(name: str) -> tzinfo:
    """A time zone. Raises KeyError (``ZoneInfoNotFoundError``) or ValueError for a name that is none."""
    return UTC if name in ("", "UTC") else ZoneInfo(name)

"""What EventBridge keeps: buses, rules, archives, replays, and events on their way. All frozen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from stackproof.fabric import arns
from stackproof.fabric.service import Caller

DEFAULT = "default"
ARCHIVER = "prod.vhs.events.aws.internal"
"""Who manages the rules of archives."""


@dataclass(frozen=True, slots=True)
class Bus:
    """An event bus. ``given`` are the settings that are only kept."""

    name: str
    arn: str
    created: float
    modified: float
    policy: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a bus. ``parsed`` is the decoded ``pattern``; ``targets`` by their id, as the API takes them.

    ``since_ms`` is when its schedule began: the creation, a change of it, or the last enabling.
    """

    name: str
    arn: str
    bus: str
    created_by: str
    since_ms: int
    state: str = "ENABLED"
    pattern: str = ""
    parsed: Mapping[str, Any] = field(default_factory=dict)
    schedule: str = ""
    description: str = ""
    role: str = ""
    managed_by: str = ""
    targets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def enabled(self) -> bool:
        """Whether it looks at events."""
        return self.state != "DISABLED"


@dataclass(frozen=True, slots=True)
class Event:
    """An event on its way. ``document`` is what targets get; ``passed`` are the buses before this one.

    ``rules`` are the only rules that look at it (a replay's filter), () for all. Nobody changes a document.
    """

    document: Mapping[str, Any]
    bus: str
    ingested_ms: int
    passed: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The event's id."""
        return str(self.document["id"])

    @property
    def text(self) -> str:
        """The event as JSON text."""
        return compact(self.document)


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive of a bus and what it holds: (event time in ms, event)."""

    name: str
    arn: str
    source: str
    created: float
    pattern: str = ""
    description: str = ""
    retention: int = 0
    key: str = ""
    events: tuple[tuple[int, Mapping[str, Any]], ...] = ()


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay of an archive. Times in seconds since the Unix epoch."""

    name: str
    arn: str
    archive: str
    destination: str
    rules: tuple[str, ...]
    start: float
    end: float
    started: float
    state: str = "STARTING"
    description: str = ""
    ended: float = 0
    last: float = 0


def moment(seconds: float) -> datetime:
    """A time as boto3 answers it."""
    return datetime.fromtimestamp(seconds, UTC)


def compact(value: Any) -> str:
    """JSON text without spaces, as EventBridge writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def bus_arn(name: str, caller: Caller) -> str:
    """The ARN of a bus that is named by its name or its ARN."""
    if name.startswith("arn:"):
        return name
    return arns.arn("events", caller.region, caller.account, f"event-bus/{name or DEFAULT}")


def bus_name(arn: str) -> str:
    """The name of a bus by its ARN."""
    parsed = arns.parse(arn)
    return parsed.resource.partition("/")[2] if parsed else arn


def rule_arn(name: str, bus: str) -> str:
    """The ARN of a rule on a bus (an ARN): the default bus stays unnamed."""
    parsed = arns.parse(bus)
    assert parsed is not None  # buses are kept by their ARN
    on = bus_name(bus)
    path = name if on == DEFAULT else f"{on}/{name}"
    return arns.arn("events", parsed.region, parsed.account, f"rule/{path}")

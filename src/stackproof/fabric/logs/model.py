"""What CloudWatch Logs passes on: subscription filters and metric filters. All frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from stackproof.fabric import arns


class Place(NamedTuple):
    """A log group by account, region and name."""

    account: str
    region: str
    group: str

    @property
    def arn(self) -> str:
        """The group's ARN, as policies name it."""
        return arns.arn("logs", self.region, self.account, f"log-group:{self.group}:*")


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription filter; ``distribution`` is ``ByLogStream`` or ``Random``."""

    name: str
    pattern: str
    destination: str
    role: str
    distribution: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class MetricFilter:
    """A metric filter with its one transformation as the API has it."""

    name: str
    pattern: str
    transformation: Mapping[str, Any]
    created_ms: int


@dataclass(frozen=True, slots=True)
class LogEvent:
    """A log event; ``id`` has 56 digits, ``ms`` is its timestamp."""

    id: str
    ms: int
    message: str
    fields: Mapping[str, str] = field(default_factory=dict)

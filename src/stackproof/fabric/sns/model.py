"""What SNS keeps: topics and subscriptions. All frozen: a change replaces the object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic. ``settings`` are attributes as given; ``deleted`` counts deleted subscriptions."""

    arn: str
    name: str
    account: str
    settings: Mapping[str, str]
    policy: Mapping[str, Any]
    tags: Mapping[str, str] = field(default_factory=dict)
    deleted: int = 0

    @property
    def fifo(self) -> bool:
        """Whether it is a FIFO topic."""
        return self.name.endswith(".fifo")


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription; ``settings`` are its attributes as strings."""

    arn: str
    topic: str
    protocol: str
    endpoint: str
    owner: str
    principal: str
    settings: Mapping[str, str] = field(default_factory=dict)
    confirmed: bool = True
    token: str = ""
    authenticated: bool = True

    @property
    def raw(self) -> bool:
        """Whether messages go out without SNS's envelope."""
        return self.settings.get("RawMessageDelivery") == "true"


@dataclass(frozen=True, slots=True)
class Publication:
    """A published message on its way to the subscriptions of a topic."""

    topic: str
    id: str
    message: str
    by_protocol: Mapping[str, str]
    subject: str | None
    attributes: Mapping[str, Mapping[str, Any]]
    published_ms: int
    group: str = ""
    deduplication: str = ""
    sequence: str = ""
    trace: str = ""

    def text(self, protocol: str) -> str:
        """The message for a protocol (``MessageStructure`` json)."""
        return self.by_protocol.get(protocol, self.message)

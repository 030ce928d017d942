"""What Pipes keeps, all frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stackproof.fabric import arns

STREAMS = ("KinesisStreamParameters", "DynamoDBStreamParameters")


@dataclass(frozen=True, slots=True)
class Pipe:
    """One pipe. ``given`` are the members of CreatePipe as they were given; ``mapping`` names its poller.

    ``state`` is the API's CurrentState, ``wanted`` its DesiredState.
    """

    name: str
    arn: str
    account: str
    region: str
    source: str
    target: str
    role: str
    created: float
    modified: float
    mapping: str
    state: str = "CREATING"
    wanted: str = "RUNNING"
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The service of its source: ``sqs``, ``kinesis``, ``dynamodb``."""
        parsed = arns.parse(self.source)
        return parsed.service if parsed else ""

    @property
    def enrichment(self) -> str:
        """The function (or another resource) between source and target."""
        return str(self.given.get("Enrichment") or "")

    def parameters(self, part: str) -> Mapping[str, Any]:
        """``SourceParameters``, ``EnrichmentParameters`` or ``TargetParameters``."""
        found: Mapping[str, Any] = self.given.get(part) or {}
        return found

    @property
    def polling(self) -> Mapping[str, Any]:
        """How the source is read: the one member of SourceParameters beside the filter."""
        parts = self.parameters("SourceParameters")
        return next((value for name, value in parts.items() if name.endswith("Parameters")), {})

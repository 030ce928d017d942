"""Frozen data of a deployment: places, resources, verdicts, events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from stackproof.model import Location


class Level(StrEnum):
    """How much of a resource the backend emulates, from best to worst."""

    EMULATED = "emulated"
    PARTIAL = "partial"
    NOT_EMULATED = "not emulated"

    @property
    def rank(self) -> int:
        """A number that grows with what is missing: 0, 1, 2."""
        return list(Level).index(self)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a resource's properties.

    ``left_out`` are dotted property paths that have no effect here; ``reasons`` says why, where it is known.
    ``decisive`` is the one for which a resource of an emulated type does nothing at all. ``remarks`` are what
    AWS would say besides; they take nothing from the level.
    """

    level: Level
    left_out: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    decisive: str = ""
    remarks: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = [f"{path} ({self.reasons[path]})" if path in self.reasons else path for path in self.left_out]
        return f"{self.level} (without {', '.join(shown)})" if shown else str(self.level)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stack is deployed: its identity, and the folder that local paths are relative to."""

    stack: str
    stack_id: str
    account: str
    region: str
    partition: str
    folder: Path
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Made:
    """What a handler made: the physical id (which is what ``Ref`` returns) and the attributes of ``GetAtt``.

    ``notes`` is the handler's own memory of a resource (ids that its later calls need).
    """

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resource:
    """A deployed resource. ``properties`` are the resolved ones that it was last deployed with.

    ``needs`` are the logical ids that must exist before it; ``nested`` is the child stack's name.
    """

    logical_id: str
    type: str
    physical_id: str
    attributes: Mapping[str, Any]
    verdict: Verdict
    location: Location
    properties: Mapping[str, Any] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    policies: Mapping[str, str] = field(default_factory=dict)
    serial: int = 0

    @property
    def arn(self) -> str:
        """The resource's ARN, "" when its type has none."""
        names = ("Arn", "TopicArn", "PolicyArn", "FunctionArn", "LayerVersionArn", "Id")
        candidates = [self.physical_id, *(str(self.attributes.get(name, "")) for name in names)]
        return next((text for text in candidates if text.startswith("arn:")), "")

    @property
    def made(self) -> Made:
        """What the handler gave."""
        return Made(self.physical_id, self.attributes, self.notes)


@dataclass(frozen=True, slots=True)
class Event:
    """A stack event, as CloudFormation words them. ``time`` is the backend's, ISO 8601."""

    time: str
    logical_id: str
    type: str
    status: str
    physical_id: str = ""
    reason: str = ""

    def __str__(self) -> str:
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.time} {self.status} {self.type} {self.logical_id}{reason}"

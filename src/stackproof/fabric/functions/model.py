"""What a function is: its versions, aliases and settings. Values are replaced, never changed."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

LATEST = "$LATEST"


@dataclass(frozen=True, slots=True)
class Code:
    """Where code comes from: a folder, with the digest (base64 of SHA-256) and size of what was given.

    ``image`` is the URI of a container image, which has no folder.
    """

    folder: Path | None
    sha256: str
    size: int
    image: str = ""


@dataclass(frozen=True)
class Version:
    """A version (or ``$LATEST``): ``config`` holds the members of FunctionConfiguration as given.

    ``layers`` are the folders of its layers that Python imports from, ``serial`` changes with every update of
    code or configuration.
    """

    function: str
    number: str
    config: Mapping[str, Any]
    code: Code
    layers: tuple[Path, ...] = ()
    serial: int = 0

    @property
    def arn(self) -> str:
        """The qualified ARN."""
        return f"{self.function}:{self.number}"

    @property
    def timeout_ms(self) -> int:
        """Milliseconds that an invocation may take."""
        return int(self.config["Timeout"]) * 1000


@dataclass(frozen=True, slots=True)
class Alias:
    """A name for a version; ``weights`` sends a share of the invocations to other versions."""

    name: str
    version: str
    description: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    revision: str = ""


@dataclass(frozen=True, slots=True)
class EventConfig:
    """How asynchronous invocations behave. ``destinations`` has ``OnSuccess`` and ``OnFailure`` ARNs."""

    modified: float
    retries: int | None = None
    max_age: int | None = None
    destinations: Mapping[str, Any] = field(default_factory=dict)
    with_destinations: bool = False


@dataclass(slots=True)
class Function:
    """A function with everything that hangs on it, by qualifier where it is per qualifier."""

    arn: str
    name: str
    account: str
    region: str
    latest: Version
    versions: dict[str, Version] = field(default_factory=dict)
    aliases: dict[str, Alias] = field(default_factory=dict)
    policies: dict[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    events: dict[str, EventConfig] = field(default_factory=dict)
    provisioned: dict[str, int] = field(default_factory=dict)
    urls: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    reserved: int | None = None
    count: int = 0

    def clone(self) -> Function:
        """A copy that shares the immutable parts."""
        twin = copy.copy(self)
        for name in ("versions", "aliases", "policies", "events", "provisioned", "urls", "tags"):
            setattr(twin, name, dict(getattr(self, name)))
        return twin

    def version(self, number: str) -> Version | None:
        """A version by its number."""
        return self.latest if number == LATEST else self.versions.get(number)

    def updated(self, **changes: Any) -> Version:
        """Replace ``$LATEST`` by a changed one."""
        self.latest = replace(self.latest, serial=self.latest.serial + 1, **changes)
        return self.latest

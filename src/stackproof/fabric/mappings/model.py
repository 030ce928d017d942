"""An event source mapping's settings, and what a kind of source has to offer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from stackproof.fabric.service import Caller, Params


@dataclass(frozen=True, slots=True)
class EventSourceMapping:
    """One event source mapping. ``given`` holds the members of the API beyond those named here.

    ``filters`` are the filter patterns as given, ``patterns`` the same parsed (() lets everything
    through); ``window`` is in seconds.
    """

    uuid: str
    arn: str
    source: str
    function: str
    qualifier: str
    account: str
    region: str
    modified: float
    batch_size: int
    window: int = 0
    enabled: bool = True
    reports: tuple[str, ...] = ()
    concurrency: int | None = None
    filters: tuple[str, ...] = ()
    patterns: tuple[Mapping[str, Any], ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """The function's ARN with its qualifier."""
        return f"{self.function}:{self.qualifier}" if self.qualifier else self.function

    @property
    def partial(self) -> bool:
        """Whether the function's answer names the records that failed."""
        return "ReportBatchItemFailures" in self.reports


class Source(Protocol):
    """One kind of event source (SQS, a stream). A new kind: a new file, and its line in ``sources``."""

    batch_size: int
    """The default."""
    shown: Mapping[str, Any]
    """Members that every answer about a mapping has, with their defaults."""

    def check(self, params: Params, timeout: int, caller: Caller) -> None:
        """Raise InvalidParameterValueException when the source does not take these settings.

        ``timeout`` is the function's, in seconds.
        """
        ...

    def place(self, mapping: EventSourceMapping) -> None:
        """Take the starting position, as soon as the mapping is made: polling begins a little later."""
        ...

    def start(self, mapping: EventSourceMapping) -> None:
        """Poll from now on. Also called after an update."""
        ...

    def stop(self, mapping: EventSourceMapping) -> None:
        """Poll no more; what is in flight goes on."""
        ...

    def result(self, uuid: str) -> str:
        """LastProcessingResult, "" when the kind has none."""
        ...

    def snapshot(self) -> Any:
        """What changes."""
        ...

    def restore(self, state: Any) -> None:
        """Back to a snapshot, in place."""
        ...


SourceFactory = Callable[[Any], Source]

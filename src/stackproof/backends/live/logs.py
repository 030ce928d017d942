"""The endpoint's log groups: what functions print here is written there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stackproof.backends.live.passing import PassedThrough

if TYPE_CHECKING:
    from stackproof.backends.live.world import LiveWorld
    from stackproof.fabric.logs.model import Place
    from stackproof.fabric.service import Caller


class LiveLogs(PassedThrough):
    """Owns no operation; takes the lines of functions in."""

    def __init__(self, world: LiveWorld) -> None:
        super().__init__("logs")
        self._world = world

    def watched(self, place: Place) -> bool:
        """Nobody here waits for what a group holds: lines are written when somebody asks for them."""
        return False

    def ingest(self, place: Place, stream: str, events: list[Mapping[str, Any]], caller: Caller) -> None:
        """PutLogEvents; group and stream are there. Raises ``ServiceError``."""
        state = self._world.state
        assert state is not None  # a live world is made with its endpoint
        params = {"logGroupName": place.group, "logStreamName": stream, "logEvents": events}
        state.call("logs", "PutLogEvents", params, caller)

"""The scheduler of xdist that gives a group of checks to one worker; imported where there are workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]


class ByGroup(LoadScopeScheduling):  # type: ignore[misc]
    """``group`` names the group of a check."""

    def __init__(self, config: Any, log: Any, group: Callable[[str], str]) -> None:
        super().__init__(config, log)
        self._group = group

    def _split_scope(self, nodeid: str) -> str:
        return self._group(nodeid)

    def remove_node(self, node: Any) -> str | None:
        """A worker is gone: what it had not done is done by another one, except the check that ended it.

        xdist would begin that check again, and end the next worker by it.
        """
        work: dict[str, dict[str, bool]] = self.assigned_work.pop(node)
        left = [(scope, check) for scope, unit in work.items() for check, done in unit.items() if not done]
        if not left:
            return None
        scope, ended_by = left[0]
        work[scope][ended_by] = True
        self.workqueue.update({name: unit for name, unit in work.items() if not all(unit.values())})
        for other in list(self.assigned_work):
            self._reschedule(other)
        return ended_by

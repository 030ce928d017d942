"""How deep a queue was at the end of each minute, worked out when somebody touches or asks, never sampled.

Between two calls a queue changes by time alone, at deadlines that it knows. So what it looked like at the
end of each minute in between follows from its present state; only changes are kept. Metrics of a queue are
reported while it holds messages and for six hours after it was last used (developer guide of SQS,
"Available CloudWatch metrics").
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stackproof.fabric.sqs.message import DELAYED

if TYPE_CHECKING:
    from stackproof.fabric.sqs.queue import Queue

MINUTE = 60_000
_ACTIVE_MINUTES = 360
_OFTEN_RECEIVED = 3
"""A message that was received more often does not count for the age of the oldest."""


@dataclass(frozen=True, slots=True)
class Depth:
    """A queue at the end of a minute. ``oldest_ms`` is when its oldest message came, None without one."""

    visible: int
    in_flight: int
    delayed: int
    oldest_ms: int | None

    @property
    def empty(self) -> bool:
        """Whether it holds nothing."""
        return not (self.visible or self.in_flight or self.delayed)


class History:
    """``minutes`` and ``depths`` are the changes; ``uses`` the first and last minutes of activity."""

    def __init__(self, minute: int = 0) -> None:
        self.next = minute
        self.minutes: list[int] = []
        self.depths: list[Depth] = []
        self.uses: list[tuple[int, int]] = []

    def clone(self) -> History:
        """A copy."""
        twin = History(self.next)
        twin.minutes, twin.depths, twin.uses = list(self.minutes), list(self.depths), list(self.uses)
        return twin

    def used(self, minute: int) -> None:
        """A call touched the queue in this minute."""
        until = minute + _ACTIVE_MINUTES
        if self.uses and self.uses[-1][1] >= minute:
            self.uses[-1] = (self.uses[-1][0], until)
        else:
            self.uses.append((minute, until))

    def roll(self, queue: Queue, now: int) -> None:
        """Write down every minute that ended since; call it before the queue changes."""
        end = now // MINUTE
        if end <= self.next:
            return
        for minute, depth in _depths(queue, self.next, end):
            if not self.depths or self.depths[-1] != depth:
                self.minutes.append(minute)
                self.depths.append(depth)
        self.next = end

    def at(self, minute: int, *, polled: bool = False) -> Depth | None:
        """The queue at the end of a minute; None when nothing was reported then.

        ``polled`` says that an event source mapping asks it all the time.
        """
        index = bisect_right(self.minutes, minute) - 1
        if index < 0 or minute >= self.next:
            return None
        depth = self.depths[index]
        if depth.empty and not polled and not any(first <= minute <= last for first, last in self.uses):
            return None
        return depth


def _depths(queue: Queue, start: int, end: int) -> list[tuple[int, Depth]]:
    """The depth at the end of minute ``start`` and of each later one before ``end`` where it changes."""
    visible, in_flight, delayed = queue.visible, queue.in_flight, queue.delayed
    oldest = _oldest(queue)
    found: list[tuple[int, Depth]] = []
    minute = start
    for deadline, flying, waiting in queue.due(end * MINUTE):
        at = max(-(-deadline // MINUTE) - 1, start)
        if at > minute:
            found.append((minute, Depth(visible, in_flight, delayed, oldest)))
            minute = at
        visible += flying + waiting
        in_flight -= flying
        delayed -= waiting
    found.append((minute, Depth(visible, in_flight, delayed, oldest)))
    return found


def _oldest(queue: Queue) -> int | None:
    """When the oldest message came that was not received too often; None for an empty queue."""
    first: int | None = None
    for message in queue.messages.values():
        first = message.entered_ms if first is None else first
        if message.receives <= _OFTEN_RECEIVED and message.state != DELAYED:
            return message.entered_ms
    return first

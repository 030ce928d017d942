"""A FIFO queue: groups in order, and a group waits for its first invisible message.

What is received of a group is the run of visible messages at its head: a message that is in flight
holds back everything behind it, as AWS was recorded to do (visibility changed of the first, second
or third of three messages of a group).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from stackproof.fabric.sqs.message import AVAILABLE, GONE, Message
from stackproof.fabric.sqs.queue import Queue


class FifoQueue(Queue):
    """See the module's text."""

    fifo = True
    in_flight_limit = 20_000

    def __init__(self, arn: str, url: str, name: str) -> None:
        super().__init__(arn, url, name)
        self._groups: dict[str, deque[Message]] = {}
        self._ready: dict[str, None] = {}
        self._line: deque[str] = deque()

    def put(self, message: Message, delay_until: int, now: int) -> None:
        """Add a message to its group."""
        self._groups.setdefault(message.group, deque()).append(message)
        super().put(message, delay_until, now)

    def _enter(self, message: Message) -> None:
        self._consider(message.group)

    def _arrive(self, message: Message, returned: bool) -> None:
        self._leave(message)
        message.state = AVAILABLE
        self._consider(message.group)

    def _head(self, group: str) -> Message | None:
        line = self._groups.get(group)
        while line:
            if line[0].state != GONE:
                return line[0]
            line.popleft()
        self._groups.pop(group, None)
        return None

    def _consider(self, group: str) -> None:
        head = self._head(group)
        if head is not None and head.state == AVAILABLE and group not in self._ready:
            self._ready[group] = None
            self._line.append(group)

    def available(self) -> bool:
        """Whether some group has a visible message at its head."""
        for group in self._line:
            head = self._head(group) if group in self._ready else None
            if head is not None and head.state == AVAILABLE:
                return True
        return False

    def take(self, limit: int, now: int, pick: Callable[[list[Message]], Message]) -> Iterator[Message]:
        """Messages group by group, each group from its head to its first invisible message."""
        left = limit
        turns = len(self._line)
        while left and turns and self._line:
            turns -= 1
            group = self._next_group(pick)
            for message in self._run(group, left):
                left -= 1
                yield message
            self._consider(group)

    def _next_group(self, pick: Callable[[list[Message]], Message]) -> str:
        group = self._line[0]
        if self.exploring and len(self._line) > 1:
            heads = [head for name in list(self._line)[:4] if (head := self._head(name)) is not None]
            group = pick(heads).group if len(heads) > 1 else group
            self._line.remove(group)
        else:
            self._line.popleft()
        self._ready.pop(group, None)
        return group

    def _run(self, group: str, limit: int) -> list[Message]:
        run: list[Message] = []
        self._head(group)
        for message in self._groups.get(group, ()):
            if message.state == GONE:
                continue
            if message.state != AVAILABLE or len(run) == limit:
                break
            run.append(message)
        return run

    def remove(self, message: Message) -> None:
        """Delete a message; what it held back in its group may come forward."""
        super().remove(message)
        self._consider(message.group)

    def purge(self) -> None:
        """Delete everything."""
        super().purge()
        self._groups.clear()
        self._ready.clear()
        self._line.clear()

    def clone(self) -> Queue:
        """A copy that shares nothing that changes."""
        twin = super().clone()
        assert isinstance(twin, FifoQueue)  # ``clone`` makes a twin of the same class
        twin._groups = {
            group: deque(twin.messages[m.number] for m in line if m.number in twin.messages)
            for group, line in self._groups.items()
        }
        twin._ready, twin._line = dict(self._ready), deque(self._line)
        return twin

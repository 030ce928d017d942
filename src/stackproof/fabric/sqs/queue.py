"""The structures of a queue. Every operation is constant time (or logarithmic in distinct deadlines).

Messages wait for their moment (delay over, visibility over) in buckets by deadline; the buckets'
deadlines are in a heap. Nothing here needs a timer: ``tick`` brings a queue up to date.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator

from stackproof.fabric.sqs.history import MINUTE, History
from stackproof.fabric.sqs.message import AVAILABLE, DELAYED, GONE, IN_FLIGHT, Message


class Queue:
    """A standard queue. ``settings`` are its attributes as strings; ``arn`` names it."""

    fifo = False
    in_flight_limit = 120_000

    def __init__(self, arn: str, url: str, name: str) -> None:
        self.arn = arn
        self.url = url
        self.name = name
        self.settings: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.created_ms = 0
        self.modified_ms = 0
        self.purged_ms: int | None = None
        self.scope = "queue"
        self.number = 0
        self.sequence = 0
        self.messages: dict[int, Message] = {}
        self.in_flight = 0
        self.delayed = 0
        self.deduplicated: dict[tuple[str, str], tuple[int, str, str]] = {}
        self.attempts: dict[str, tuple[int, tuple[int, ...]]] = {}
        self.history = History()
        self._minute_ms = self._used_ms = 0
        self._expiry_ms = 0
        self._buckets: dict[int, dict[int, Message]] = {}
        self._deadlines: list[int] = []
        self._fresh: deque[tuple[Message, int]] = deque()
        self._returned: deque[tuple[Message, int]] = deque()

    # Settings.

    def seconds(self, name: str) -> int:
        """A whole-number attribute."""
        return int(self.settings[name])

    @property
    def visible(self) -> int:
        """ApproximateNumberOfMessages."""
        return len(self.messages) - self.in_flight - self.delayed

    # Time.

    def next_ms(self) -> int | None:
        """When the next message becomes available by time alone."""
        while self._deadlines and self._deadlines[0] not in self._buckets:
            heapq.heappop(self._deadlines)
        return self._deadlines[0] if self._deadlines else None

    def used(self, now: int) -> None:
        """A call uses the queue now: its metrics are reported for hours."""
        if now >= self._used_ms:
            self.history.used(now // MINUTE)
            self._used_ms = (now // MINUTE + 1) * MINUTE

    def due(self, limit: int) -> Iterator[tuple[int, int, int]]:
        """Deadlines up to ``limit``, with the messages in flight and those delayed that come back then."""
        for when in sorted(deadline for deadline in self._buckets if deadline <= limit):
            flying = sum(message.state == IN_FLIGHT for message in self._buckets[when].values())
            yield when, flying, len(self._buckets[when]) - flying

    def tick(self, now: int) -> bool:
        """Make available what is due; whether anything became available."""
        if now >= self._minute_ms:
            self.history.roll(self, now)
            self._minute_ms = (self.history.next + 1) * MINUTE
        changed = False
        while (when := self.next_ms()) is not None and when <= now:
            for message in self._buckets.pop(when).values():
                self._arrive(message, returned=message.state == IN_FLIGHT)
                changed = True
        return changed

    def _park(self, message: Message, state: str, until: int) -> None:
        message.state, message.visible_ms = state, until
        bucket = self._buckets.get(until)
        if bucket is None:
            bucket = self._buckets[until] = {}
            heapq.heappush(self._deadlines, until)
        bucket[message.number] = message
        if state == IN_FLIGHT:
            self.in_flight += 1
        else:
            self.delayed += 1

    def _unpark(self, message: Message) -> None:
        bucket = self._buckets.get(message.visible_ms)
        if bucket is not None and bucket.pop(message.number, None) is not None and not bucket:
            del self._buckets[message.visible_ms]

    def _leave(self, message: Message) -> None:
        if message.state == IN_FLIGHT:
            self.in_flight -= 1
        elif message.state == DELAYED:
            self.delayed -= 1

    def _arrive(self, message: Message, returned: bool) -> None:
        self._leave(message)
        message.state = AVAILABLE
        self._line_up(self._returned if returned else self._fresh, message)

    def _line_up(self, line: deque[tuple[Message, int]], message: Message) -> None:
        message.stamp += 1
        line.append((message, message.stamp))

    # Messages.

    def put(self, message: Message, delay_until: int, now: int) -> None:
        """Add a message; it is delayed when ``delay_until`` lies ahead."""
        self.messages[message.number] = message
        if delay_until > now:
            self._park(message, DELAYED, delay_until)
        else:
            self._enter(message)

    def _enter(self, message: Message) -> None:
        self._line_up(self._fresh, message)

    def available(self) -> bool:
        """Whether a receive would find something."""
        return self.visible > 0

    def take(self, limit: int, now: int, pick: Callable[[list[Message]], Message]) -> Iterator[Message]:
        """Messages to receive, still in state available; the caller takes all and hides or removes each.

        ``pick`` chooses among the first few candidates (a standard queue promises no order).
        """
        if not self.exploring:
            yield from self._candidates(limit)
            return
        for _ in range(limit):
            candidates = self._candidates(4)
            if not candidates:
                return
            chosen = pick(candidates) if len(candidates) > 1 else candidates[0]
            for message in reversed(candidates):
                if message is not chosen:
                    self._returned.appendleft((message, message.stamp))
            yield chosen

    def _candidates(self, count: int) -> list[Message]:
        found: list[Message] = []
        for line in (self._returned, self._fresh):
            while line and len(found) < count:
                message, stamp = line.popleft()
                if message.state == AVAILABLE and message.stamp == stamp:
                    found.append(message)
        return found

    exploring = False
    """Whether ``pick`` really chooses; otherwise there is one candidate, the first."""

    def hide(self, message: Message, until: int, now: int) -> None:
        """A received message goes out of sight until ``until`` (at once back when that is now)."""
        if until > now:
            self._park(message, IN_FLIGHT, until)
        else:
            self._arrive(message, returned=True)

    def change(self, message: Message, until: int, now: int) -> None:
        """Change the visibility timeout of a message, in flight or not."""
        if message.state == IN_FLIGHT:
            self._unpark(message)
            self._leave(message)
        elif until <= now:
            return
        if until > now:
            self._park(message, IN_FLIGHT, until)
        else:
            message.state = GONE
            self._arrive(message, returned=True)

    def remove(self, message: Message) -> None:
        """Delete a message for good."""
        if message.state in (IN_FLIGHT, DELAYED):
            self._unpark(message)
            self._leave(message)
        message.state = GONE
        self.messages.pop(message.number, None)

    def expire(self, now: int) -> None:
        """Forget messages older than the retention period; looks at them only when one can be."""
        if now < self._expiry_ms or not self.messages:
            return
        keep = self.seconds("MessageRetentionPeriod") * 1000
        for message in [m for m in self.messages.values() if m.sent_ms + keep <= now]:
            if message.state != IN_FLIGHT:
                self.remove(message)
        oldest = min((m.sent_ms for m in self.messages.values()), default=now)
        self._expiry_ms = max(oldest + keep, now + 1000)

    def updated(self, changes: dict[str, str], now: int) -> None:
        """New settings; empty values take an attribute away."""
        for name, value in changes.items():
            if value:
                self.settings[name] = value
            else:
                self.settings.pop(name, None)
        self.modified_ms = now
        self._expiry_ms = 0

    def purge(self) -> None:
        """Delete everything, also what is in flight or delayed, and forget deduplication."""
        for message in self.messages.values():
            message.state = GONE
        self.messages.clear()
        self.deduplicated.clear()
        self._buckets.clear()
        self._deadlines.clear()
        self._fresh.clear()
        self._returned.clear()
        self.in_flight = self.delayed = 0

    def clone(self) -> Queue:
        """A copy that shares nothing that changes."""
        twin = type(self).__new__(type(self))
        twin.__dict__.update(self.__dict__)
        copies = {number: message.clone() for number, message in self.messages.items()}
        twin.messages = copies
        twin.history = self.history.clone()
        twin.settings, twin.tags = dict(self.settings), dict(self.tags)
        twin.deduplicated, twin.attempts = dict(self.deduplicated), dict(self.attempts)
        twin._buckets = {
            when: {number: copies[number] for number in bucket} for when, bucket in self._buckets.items()
        }
        twin._deadlines = list(self._deadlines)
        twin._fresh = deque((copies[m.number], at) for m, at in self._fresh if m.number in copies)
        twin._returned = deque((copies[m.number], at) for m, at in self._returned if m.number in copies)
        return twin

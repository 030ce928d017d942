"""Several rigs at work: each takes the next piece; when one drops out, its piece is another one's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from stackproof.errors import BackendError

Work = TypeVar("Work")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Done(Generic[Work, Result]):
    """A piece of work with its result, the rig that did it, and those that dropped out over it."""

    work: Work
    result: Result
    rig: str
    moved_from: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FarmReport(Generic[Work, Result]):
    """What was done, which rigs dropped out and why, and what no rig was left to do."""

    done: tuple[Done[Work, Result], ...]
    dropped: Mapping[str, str]
    undone: tuple[Work, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """In words: each rig that dropped out, each piece that was moved, each that was left."""
        out = [f"rig {name} dropped out: {reason}" for name, reason in self.dropped.items()]
        moved = [one for one in self.done if one.moved_from]
        out += [f"{one.work} moved from {', '.join(one.moved_from)} to {one.rig}" for one in moved]
        return (*out, *(f"{one} was not done: no rig is left" for one in self.undone))


@dataclass(slots=True)
class _Piece(Generic[Work]):
    number: int
    work: Work
    moved_from: list[str] = field(default_factory=list)


def distribute(
    work: Sequence[Work], rigs: Sequence[str], run: Callable[[str, Work], Result]
) -> FarmReport[Work, Result]:
    """Do all pieces on all rigs at once; ``run(rig, piece)`` raises ``BackendError`` when the rig is lost.

    A rig that drops out gets no more work; the piece it was at is the next that another one takes. Any other
    error of ``run`` ends the whole: it is the work's, and every rig would meet it.
    """
    state: _State[Work, Result] = _State(work)

    def labour(rig: str) -> None:
        while rig not in state.dropped and (piece := state.next()) is not None:
            with state.at(piece, rig):
                state.finish(piece, run(rig, piece.work), rig)

    with ThreadPoolExecutor(max_workers=max(1, len(rigs))) as pool:
        for one in [pool.submit(labour, rig) for rig in rigs]:
            one.result()
    done = tuple(state.done[number] for number in sorted(state.done))
    return FarmReport(done, dict(state.dropped), tuple(one.work for one in state.waiting))


class _State(Generic[Work, Result]):
    """What the rigs share; a rig waits while others are at pieces that may yet come back."""

    def __init__(self, work: Sequence[Work]) -> None:
        self.waiting = [_Piece(number, one) for number, one in enumerate(work)]
        self.done: dict[int, Done[Work, Result]] = {}
        self.dropped: dict[str, str] = {}
        self._left = len(work)
        self._stopped = False
        self._changed = threading.Condition()

    def next(self) -> _Piece[Work] | None:
        """The next piece; None when all are done or the whole has ended."""
        with self._changed:
            while self._left and not self._stopped:
                if self.waiting:
                    return self.waiting.pop(0)
                self._changed.wait()
            return None

    def finish(self, piece: _Piece[Work], result: Result, rig: str) -> None:
        """Keep the result of a piece."""
        with self._changed:
            self.done[piece.number] = Done(piece.work, result, rig, tuple(piece.moved_from))
            self._left -= 1
            self._changed.notify_all()

    @contextmanager
    def at(self, piece: _Piece[Work], rig: str) -> Iterator[None]:
        """While a rig is at a piece: when it is lost, the piece comes back and the rig is out."""
        try:
            yield
        except BackendError as error:
            with self._changed:
                piece.moved_from.append(rig)
                self.dropped[rig] = str(error)
                self.waiting.insert(0, piece)
                self._changed.notify_all()
        finally:
            with self._changed:
                if piece.number not in self.done and rig not in self.dropped:
                    self._stopped = True
                    self._changed.notify_all()

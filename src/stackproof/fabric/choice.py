"""Who answers where AWS leaves the order open.

A choice point has a name and a number of options; option 0 is always the ordinary course.
A chooser that is not ``exploring`` is never asked, so an ordinary run pays nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Protocol

from stackproof.errors import UsageError


class Chooser(Protocol):
    """Answers choice points. ``exploring``: tasks stop before and after each AWS call."""

    exploring: bool

    def choose(self, label: str, options: Sequence[str]) -> int:
        """The index of the option to take; ``options`` has at least two entries."""
        ...


class First:
    """The ordinary course: first come, first served; every invocation runs in one piece."""

    exploring = False

    def choose(self, label: str, options: Sequence[str]) -> int:
        """Always the first option."""
        return 0


class Seeded:
    """Every order drawn from a seed."""

    exploring = True

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def choose(self, label: str, options: Sequence[str]) -> int:
        """A drawn option."""
        return self._random.randrange(len(options))


class Listed:
    """A prepared list of choices, for replay; after its end the ordinary course.

    ``only`` names the choice points that take from the list (a predicate over labels).
    """

    exploring = True

    def __init__(self, choices: Sequence[int], only: Callable[[str], bool] | None = None) -> None:
        self._choices = list(choices)
        self._at = 0
        self._only = only

    def choose(self, label: str, options: Sequence[str]) -> int:
        """The next choice of the list, wrapped to the number of options."""
        if self._at >= len(self._choices) or (self._only is not None and not self._only(label)):
            return 0
        index = self._choices[self._at] % len(options)
        self._at += 1
        return index


class Retraced:
    """Takes recorded answers ``(label, index, number of options)`` again, then those of ``then``.

    Raises ``UsageError`` (and keeps it in ``left``) when something else is asked than was recorded.
    """

    def __init__(
        self, answers: Sequence[tuple[str, int, int]], *, exploring: bool = True, then: Chooser | None = None
    ) -> None:
        self.exploring = exploring
        self.left: UsageError | None = None
        self._answers = list(answers)
        self._at = 0
        self._then: Chooser = then or First()

    def choose(self, label: str, options: Sequence[str]) -> int:
        """The recorded answer."""
        if self._at >= len(self._answers):
            return self._then.choose(label, options)
        asked, index, count = self._answers[self._at]
        if (asked, count) != (label, len(options)):
            self.left = UsageError(
                f"the replay left its course at choice {self._at + 1}: recorded was '{asked}' of {count}, "
                f"asked is '{label}' of {len(options)}",
                hint="replay what was recorded: the same seed, deployment, code and drive",
            )
            raise self.left
        self._at += 1
        return index


class Drawn:
    """Asks a function, for example ``lambda label, n: data.draw(integers(0, n - 1))`` of Hypothesis."""

    exploring = True

    def __init__(self, draw: Callable[[str, int], int]) -> None:
        self._draw = draw

    def choose(self, label: str, options: Sequence[str]) -> int:
        """What the function says."""
        return self._draw(label, len(options))


class Trail:
    """Wraps a chooser and keeps ``(label, index, options)`` of each answer, for replay with ``Listed``."""

    def __init__(self, chooser: Chooser) -> None:
        self._chooser = chooser
        self.exploring = chooser.exploring
        self.taken: list[tuple[str, int, tuple[str, ...]]] = []

    def choose(self, label: str, options: Sequence[str]) -> int:
        """The wrapped chooser's answer, remembered."""
        index = self._chooser.choose(label, options)
        self.taken.append((label, index, tuple(options)))
        return index

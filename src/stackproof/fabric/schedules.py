"""Schedule expressions: ``rate(...)``, ``cron(...)``, ``at(...)``, and when they are due next.

Sources: EventBridge user guide, "Setting a schedule pattern for scheduled rules" (rates and cron in UTC);
Scheduler user guide, "Schedule types" (time zones; in spring a time that does not exist is skipped, in
autumn a time that occurs twice is taken once).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from stackproof.fabric import cron

_RATE = re.compile(r"rate\(\s*(\d+)\s+(minute|minutes|hour|hours|day|days)\s*\)")
_AT = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)")
_CRON = re.compile(r"cron\((.+)\)")
_MINUTES = {"minute": 1, "hour": 60, "day": 1440}


class InvalidSchedule(ValueError):
    """An expression that AWS refuses."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """``kind`` is ``rate``, ``cron`` or ``at``. ``step_ms`` is a rate's, ``moment`` (naive) that of
    ``at``.
    """

    kind: str
    zone: tzinfo
    step_ms: int = 0
    moment: datetime | None = None
    pattern: cron.Cron | None = None

    def next(self, after_ms: int, since_ms: int) -> int | None:
        """The first due time later than ``after_ms``, None when there is none any more.

        A rate is counted from ``since_ms`` on and is due for the first time a full step later.
        """
        if self.kind == "rate":
            steps = max((after_ms - since_ms) // self.step_ms, 0) + 1
            return since_ms + steps * self.step_ms
        if self.moment is not None:
            due = _ms(self.moment, self.zone)
            return due if due is not None and due > after_ms else None
        assert self.pattern is not None  # the third kind
        local = datetime.fromtimestamp(after_ms / 1000, self.zone).replace(tzinfo=None)
        for moment in self.pattern.after(local):
            due = _ms(moment, self.zone)
            if due is not None and due > after_ms:
                return due
        return None


def _ms(moment: datetime, zone: tzinfo) -> int | None:
    """A wall-clock time as milliseconds since the Unix epoch: None when it never is, the first when it is
    twice.
    """
    aware = moment.replace(tzinfo=zone, fold=0)
    seconds = int(aware.timestamp())
    exists = datetime.fromtimestamp(seconds, zone).replace(tzinfo=None) == moment
    return seconds * 1000 if exists else None


@lru_cache(maxsize=512)
def parse(expression: str, *, kinds: Sequence[str] = ("rate", "cron", "at"), zone: tzinfo = UTC) -> Schedule:
    """A schedule. Raises ``InvalidSchedule`` for what AWS refuses and for a kind that is not among
    ``kinds``.
    """
    kind = expression.partition("(")[0]
    if kind not in kinds:
        raise InvalidSchedule(f"{expression!r} is none of {', '.join(kinds)}")
    if kind == "rate":
        return _rate(expression, zone, strict="at" not in kinds)
    if kind == "at":
        return _at(expression, zone)
    found = _CRON.fullmatch(expression)
    if found is None:
        raise InvalidSchedule(f"{expression!r} is no cron(...)")
    try:
        return Schedule("cron", zone, pattern=cron.parse(found[1]))
    except cron.InvalidCron as error:
        raise InvalidSchedule(str(error)) from error


def _rate(expression: str, zone: tzinfo, *, strict: bool) -> Schedule:
    """``strict``: one of something has the singular, more the plural (rules insist on it, Scheduler does
    not).
    """
    found = _RATE.fullmatch(expression)
    if found is None or int(found[1]) == 0:
        raise InvalidSchedule(f"{expression!r} is no rate(value unit)")
    value, unit = int(found[1]), found[2]
    if strict and (value == 1) is unit.endswith("s"):
        raise InvalidSchedule(f"{expression!r}: one minute, two minutes")
    return Schedule("rate", zone, step_ms=value * _MINUTES[unit.rstrip("s")] * 60_000)


def _at(expression: str, zone: tzinfo) -> Schedule:
    found = _AT.fullmatch(expression)
    try:
        moment = datetime.fromisoformat(found[1]) if found else None
    except ValueError as error:
        raise InvalidSchedule(f"{expression!r}: {error}") from error
    if moment is None:
        raise InvalidSchedule(f"{expression!r} is no at(yyyy-mm-ddThh:mm:ss)")
    return Schedule("at", zone, moment=moment)

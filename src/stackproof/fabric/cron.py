"""The cron expressions of AWS: minutes hours day-of-month month day-of-week year.

Source: EventBridge user guide, "Setting a schedule pattern for scheduled rules", and Scheduler user guide,
"Cron-based schedules": names in any case, 1 is Sunday; ``,`` ``-`` ``*`` ``/`` everywhere, ``?`` in one of
the two day fields, ``L`` (last day, last such weekday, ``L-3``), ``W`` (the working day nearest to a date,
in its month), ``#`` (the n-th such weekday of the month).
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time

FIRST_YEAR, LAST_YEAR = 1970, 2199
_MONTHS = {name: number for number, name in enumerate(calendar.month_abbr) if name}
_MONTHS = {name.upper(): number for name, number in _MONTHS.items()}
_WEEKDAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}

Days = Callable[[int, int], set[int]]
"""The matching days of a year and month."""


class InvalidCron(ValueError):
    """An expression that AWS refuses."""


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: tuple[int, ...]
    years: frozenset[int]
    days: Days

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Every matching minute later than ``moment`` (naive), in order; ends with the last year."""
        for year in range(max(moment.year, FIRST_YEAR), LAST_YEAR + 1):
            if year not in self.years:
                continue
            for month in self.months:
                if (year, month) < (moment.year, moment.month):
                    continue
                for day in sorted(self.days(year, month)):
                    here = date(year, month, day)
                    if here >= moment.date():
                        yield from self._of_day(here, moment)

    def _of_day(self, day: date, moment: datetime) -> Iterator[datetime]:
        for hour in self.hours:
            for minute in self.minutes:
                found = datetime.combine(day, time(hour, minute))
                if found > moment:
                    yield found


def parse(text: str) -> Cron:
    """The expression without its ``cron(...)``. Raises ``InvalidCron``."""
    fields = text.split()
    if len(fields) != 6:
        raise InvalidCron(f"a cron expression has six fields, not {len(fields)}")
    minute, hour, day, month, weekday, year = (field.upper() for field in fields)
    if (day == "?") is (weekday == "?"):
        raise InvalidCron("one of day-of-month and day-of-week, and only one, is ?")
    return Cron(
        tuple(sorted(_values(minute, 0, 59))),
        tuple(sorted(_values(hour, 0, 23))),
        tuple(sorted(_values(month, 1, 12, _MONTHS))),
        frozenset(_values(year, FIRST_YEAR, LAST_YEAR)),
        _days_of_month(day) if weekday == "?" else _weekdays(weekday),
    )


def _values(field: str, low: int, high: int, names: dict[str, int] | None = None) -> set[int]:
    """The numbers that a list of values, ranges and steps stands for. A range may wrap around."""
    found: set[int] = set()
    for part in field.split(","):
        found |= _part(part, low, high, names or {})
    return found


def _part(part: str, low: int, high: int, names: dict[str, int]) -> set[int]:
    base, slash, step = part.partition("/")
    if slash and not (step.isascii() and step.isdigit() and 0 < int(step) <= high):
        raise InvalidCron(f"{part!r}: a step is a number from 1 to {high}")
    first, dash, last = base.partition("-")
    if base == "*":
        start, end = low, high
    elif dash:
        start, end = _number(first, low, high, names), _number(last, low, high, names)
    else:
        start = _number(first, low, high, names)
        end = high if slash else start
    width = int(step) if slash else 1
    if start <= end:
        return set(range(start, end + 1, width))
    span = high - low + 1
    return {low + (value - low) % span for value in range(start, end + span + 1, width)}


def _number(text: str, low: int, high: int, names: dict[str, int]) -> int:
    number = names.get(text)
    if number is None and text.isascii() and text.isdigit():
        number = int(text)
    if number is None or not low <= number <= high:
        raise InvalidCron(f"{text!r} is not between {low} and {high}")
    return number


# Days.


def _length(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def _days_of_month(field: str) -> Days:
    if field in ("L", "LW"):
        working = field == "LW"
        return lambda year, month: {
            _working(year, month, _length(year, month)) if working else _length(year, month)
        }
    before_end = re.fullmatch(r"L-(\d{1,2})", field)
    if before_end is not None:
        back = _number(before_end[1], 1, 30, {})
        return lambda year, month: {_length(year, month) - back} if _length(year, month) > back else set()
    nearest = re.fullmatch(r"(\d{1,2})W", field)
    if nearest is not None:
        near = _number(nearest[1], 1, 31, {})
        return lambda year, month: {_working(year, month, near)} if near <= _length(year, month) else set()
    wanted = _values(field, 1, 31)
    return lambda year, month: {day for day in wanted if day <= _length(year, month)}


def _working(year: int, month: int, day: int) -> int:
    """The working day nearest to a date, in the same month."""
    weekday = calendar.weekday(year, month, day)
    if weekday == calendar.SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == calendar.SUNDAY:
        return day + 1 if day < _length(year, month) else day - 2
    return day


def _weekday(year: int, month: int, day: int) -> int:
    """1 for Sunday to 7 for Saturday."""
    return (calendar.weekday(year, month, day) + 1) % 7 + 1


def _weekdays(field: str) -> Days:
    nth = re.fullmatch(r"([A-Z0-9]+)#([1-5])", field)
    if nth is not None:
        day, count = _number(nth[1], 1, 7, _WEEKDAYS), int(nth[2])
        return lambda year, month: set(_all(year, month, {day})[count - 1 : count])
    last = re.fullmatch(r"([A-Z0-9]+)L", field)
    if last is not None:
        ending = _number(last[1], 1, 7, _WEEKDAYS)
        return lambda year, month: set(_all(year, month, {ending})[-1:])
    wanted = {7} if field == "L" else _values(field, 1, 7, _WEEKDAYS)
    return lambda year, month: set(_all(year, month, wanted))


def _all(year: int, month: int, weekdays: set[int]) -> list[int]:
    return [day for day in range(1, _length(year, month) + 1) if _weekday(year, month, day) in weekdays]

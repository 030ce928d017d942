"""Amounts of data and data rates with their units; a duration is a ``datetime.timedelta``.

Decimal prefixes are powers of ten (SI brochure, 9th edition, chapter 3), binary ones (Ki, Mi, Gi …) powers
of two (IEC 80000-13). ``B`` is a byte, ``b`` or ``bit`` a bit: a rate may be written ``40 Gbps``,
``40 Gbit/s`` or ``5 GB/s``. Arithmetic is exact (``Fraction``), so that what goes in comes out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Final, overload

from stackproof.errors import UsageError

_PREFIXES: Final = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_SHOWN: Final = ("", "k", "M", "G", "T", "P", "E")
_TIMES: Final = {
    ("us", "µs", "microsecond", "microseconds"): timedelta(microseconds=1),
    ("ms", "millisecond", "milliseconds"): timedelta(milliseconds=1),
    ("s", "second", "seconds"): timedelta(seconds=1),
    ("min", "minute", "minutes"): timedelta(minutes=1),
    ("h", "hour", "hours"): timedelta(hours=1),
    ("d", "day", "days"): timedelta(days=1),
    ("w", "week", "weeks"): timedelta(weeks=1),
}
_UNIT_TIME: Final = {name: one for names, one in _TIMES.items() for name in names}
_AMOUNT: Final = re.compile(
    r"\s*(?P<number>[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9][0-9_]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?)"
    r"\s*(?P<unit>[A-Za-zµ/]*)\s*"
)
_BYTES: Final = re.compile(r"(?P<prefix>[kKMGTPE]?)(?P<binary>i?)B")
_BITS: Final = re.compile(r"(?P<prefix>[kKMGTPE]?)(?P<binary>i?)(?:bps|bit/s|b/s)")
_ONE: Final = timedelta(microseconds=1)
_BYTES_A_SECOND: Final = re.compile(r"(?P<prefix>[kKMGTPE]?)(?P<binary>i?)(?:B/s|Bps)")
_BEYOND: Final = 10**30
_A_SECOND: Final = Fraction(1_000_000)


@dataclass(frozen=True, slots=True, order=True)
class DataSize:
    """An amount of data, in bytes; never negative."""

    bytes: Fraction

    def __post_init__(self) -> None:
        if self.bytes < 0:
            raise ValueError(f"an amount of data is not negative: {self.bytes} bytes")

    @classmethod
    def parse(cls, text: str) -> DataSize:
        """From ``20 PB``, ``512 MiB``. Raises ``UsageError`` that tells what is wrong."""
        number, unit = _split(text, "an amount of data", "20 PB, 500 GB or 64 MiB")
        match = _BYTES.fullmatch(unit)
        if match is None:
            hint = "write bytes with a capital B: 20 PB, 500 GB or 64 MiB"
            raise UsageError(f"'{text}' is not an amount of data: there is no unit '{unit}'", hint=hint)
        return cls(number * _factor(match))

    def __add__(self, other: DataSize) -> DataSize:
        return DataSize(self.bytes + other.bytes)

    def __truediv__(self, other: timedelta) -> Bandwidth:
        if other <= timedelta():
            raise ValueError("data passes in a duration longer than none")
        return Bandwidth(self.bytes * 8 / in_seconds(other))

    def less(self, other: DataSize) -> DataSize:
        """What is left of this amount when the other is taken away, at least nothing."""
        return DataSize(max(Fraction(0), self.bytes - other.bytes))

    def gigabytes(self) -> Fraction:
        """In GB, 10^9 bytes."""
        return self.bytes / 10**9

    def __str__(self) -> str:
        return _shown(self.bytes, "B")


@dataclass(frozen=True, slots=True, order=True)
class Bandwidth:
    """A data rate, in bits a second; never negative."""

    bits_per_second: Fraction

    def __post_init__(self) -> None:
        if self.bits_per_second < 0:
            raise ValueError(f"a data rate is not negative: {self.bits_per_second} bit/s")

    @classmethod
    def parse(cls, text: str) -> Bandwidth:
        """From ``40 Gbps``, ``40 Gbit/s`` or ``5 GB/s``. Raises ``UsageError`` that tells what is wrong."""
        number, unit = _split(text, "a data rate", "40 Gbps, 800 Mbit/s or 5 GB/s")
        if match := _BITS.fullmatch(unit):
            return cls(number * _factor(match))
        if match := _BYTES_A_SECOND.fullmatch(unit):
            return cls(number * _factor(match) * 8)
        hint = "write 40 Gbps or 40 Gbit/s for bits a second, 5 GB/s for bytes a second"
        raise UsageError(f"'{text}' is not a data rate: there is no unit '{unit}'", hint=hint)

    @overload
    def __mul__(self, other: timedelta) -> DataSize: ...
    @overload
    def __mul__(self, other: int | Fraction) -> Bandwidth: ...
    def __mul__(self, other: timedelta | int | Fraction) -> DataSize | Bandwidth:
        if isinstance(other, timedelta):
            return DataSize(self.bits_per_second * in_seconds(other) / 8)
        return Bandwidth(self.bits_per_second * other)

    def __truediv__(self, other: Bandwidth) -> Fraction:
        return self.bits_per_second / other.bits_per_second

    def gigabits(self) -> Fraction:
        """In Gbit/s, 10^9 bits a second."""
        return self.bits_per_second / 10**9

    def __str__(self) -> str:
        return _shown(self.bits_per_second, "bit/s")


def parse_duration(text: str) -> timedelta:
    """From ``2 weeks``, ``14 d``, ``30 ms``. Raises ``UsageError`` that tells what is wrong."""
    number, unit = _split(text, "a duration", "2 weeks, 14 days or 30 ms")
    one = _UNIT_TIME.get(unit)
    if one is None:
        known = ", ".join(names[0] for names in _TIMES)
        raise UsageError(
            f"'{text}' is not a duration: there is no unit '{unit}'",
            hint=f"use one of {known}, or their names",
        )
    try:
        return one * number.numerator / number.denominator
    except OverflowError as error:
        raise UsageError(f"'{text}' is longer than any duration that can be reckoned with") from error


def in_seconds(duration: timedelta) -> Fraction:
    """The duration in seconds, exactly."""
    return (duration // _ONE) / _A_SECOND


def show_duration(duration: timedelta) -> str:
    """``2 weeks``, ``36 h``, ``4.5 ms``: the largest unit that leaves a number of one or more."""
    for name, one in (("weeks", timedelta(weeks=1)), ("days", timedelta(days=1)), ("h", timedelta(hours=1))):
        if duration >= one and not duration % one:
            count = duration // one
            return f"{count} {name.rstrip('s') if count == 1 and name != 'h' else name}"
    for name, one in (("s", timedelta(seconds=1)), ("ms", timedelta(milliseconds=1))):
        if duration >= one:
            return (
                f"{duration / one:,.4g} {name}" if duration < 1000 * one else f"{duration / one:,.0f} {name}"
            )
    return f"{duration // _ONE} µs"


def _split(text: str, what: str, examples: str) -> tuple[Fraction, str]:
    hint = f"write a number and a unit: {examples}; a comma parts thousands, a point parts the fraction"
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise UsageError(f"'{text}' is not {what}", hint=hint)
    number = Fraction(match["number"].replace(",", "").replace("_", ""))
    if not match["unit"]:
        raise UsageError(f"'{text}' has no unit", hint=hint)
    if number < 0:
        raise UsageError(f"'{text}' is not {what}: it is negative", hint=hint)
    if number > _BEYOND:
        raise UsageError(f"'{text}' is larger than {what} that can be reckoned with", hint=hint)
    return number, match["unit"]


def _factor(match: re.Match[str]) -> int:
    return int((1024 if match["binary"] else 1000) ** _PREFIXES[match["prefix"]])


def _shown(number: Fraction, unit: str) -> str:
    step = 0
    while number >= 1000 and step < len(_SHOWN) - 1:
        number, step = number / 1000, step + 1
    text = f"{float(number):,.4g}" if number < 1000 else f"{float(number):,.0f}"
    return f"{text} {_SHOWN[step]}{unit}"

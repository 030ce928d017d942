"""Amounts of data and data rates: what is written is what is meant, to the bit."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackproof.errors import UsageError
from stackproof.hosts.units import Bandwidth, DataSize, in_seconds, parse_duration, show_duration

SIZES = st.integers(0, 10**24).map(lambda number: DataSize(Fraction(number)))
TIMES = st.timedeltas(timedelta(microseconds=1), timedelta(days=36500))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1 B", 1),
        ("20 PB", 20 * 10**15),
        ("1.5GB", 1_500_000_000),
        ("64 MiB", 64 * 2**20),
        ("1,000 kB", 10**6),
        ("1e3 TB", 10**15),
    ],
)
def test_amounts_are_bytes(text: str, count: int) -> None:
    assert DataSize.parse(text).bytes == count


@pytest.mark.parametrize("text", ["40 Gbps", "40 Gbit/s", "40 Gb/s", "5 GB/s", "5GBps", "40000 Mbps"])
def test_a_rate_has_many_spellings(text: str) -> None:
    assert Bandwidth.parse(text).gigabits() == 40


@pytest.mark.parametrize("text", ["2 weeks", "14 d", "336 h", "20160 min", "1209600 s", "2w"])
def test_a_duration_has_many_spellings(text: str) -> None:
    assert parse_duration(text) == timedelta(weeks=2)


@pytest.mark.parametrize(
    "text",
    [
        "20 Pb",
        "20",
        "PB",
        "",
        "20 pb",
        "20 QB",
        "-1 GB",
        "1 GB GB",
        "nan GB",
        "1e99 B",
        "1,5 TB",
        "1,50 TB",
        "1,0000 B",
    ],
)
def test_what_is_no_amount_says_how_to_write_one(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not an amount|has no unit|is larger") as caught:
        DataSize.parse(text)
    assert "PB" in caught.value.hint


@pytest.mark.parametrize("text", ["40 GB", "40", "fast", "40 Gbps/s", "-1 Gbps", "40 gbps"])
def test_what_is_no_rate_says_how_to_write_one(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not a data rate|has no unit") as caught:
        Bandwidth.parse(text)
    assert "Gbps" in caught.value.hint


@pytest.mark.parametrize("text", ["2 fortnights", "soon", "-3 s", "1e29 weeks", "5"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_duration(text)


@settings(deadline=None)
@given(SIZES, TIMES)
def test_what_passes_at_the_rate_in_the_time_is_the_amount(size: DataSize, time: timedelta) -> None:
    assert size / time * time == size


@settings(deadline=None)
@given(SIZES, SIZES)
def test_an_amount_never_falls_below_nothing(one: DataSize, other: DataSize) -> None:
    assert one.less(other) + min(one, other) == one


@settings(deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(["kB", "MB", "GB", "TB", "PB", "KiB", "MiB", "GiB"]))
def test_a_byte_is_eight_bits_with_every_prefix(number: int, unit: str) -> None:
    size, rate = DataSize.parse(f"{number} {unit}"), Bandwidth.parse(f"{number} {unit}/s")
    assert rate * timedelta(seconds=1) == size
    assert Bandwidth.parse(f"{8 * number} {unit[:-1]}bit/s") == rate


@settings(deadline=None)
@given(SIZES.filter(lambda size: size.bytes < 10**21))
def test_what_is_shown_reads_back_within_its_digits(size: DataSize) -> None:
    shown = DataSize.parse(str(size))
    assert abs(shown.bytes - size.bytes) * 1000 <= size.bytes


@settings(deadline=None)
@given(TIMES)
def test_a_shown_duration_reads_back_within_its_digits(time: timedelta) -> None:
    assert abs(in_seconds(parse_duration(show_duration(time)) - time)) * 500 <= in_seconds(time)


@pytest.mark.parametrize("kind", [DataSize, Bandwidth])
def test_nothing_is_negative(kind: type[DataSize] | type[Bandwidth]) -> None:
    with pytest.raises(ValueError, match="not negative"):
        kind(Fraction(-1))


def test_nothing_passes_in_no_time() -> None:
    with pytest.raises(ValueError, match="longer than none"):
        DataSize.parse("1 B") / timedelta()

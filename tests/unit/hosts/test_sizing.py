"""The formulas of the source post, with its figures, and what must hold for every rig."""

from __future__ import annotations

import json
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stackproof.cli.rig import command
from stackproof.errors import UsageError
from stackproof.hosts.sizing import (
    RigNeed,
    RigPlan,
    RigSite,
    cache_needed,
    connections_needed,
    ports_needed,
    throughput_needed,
    window_needed,
)
from stackproof.hosts.units import Bandwidth, DataSize

TWO_WEEKS = timedelta(weeks=2)
SIZES = st.integers(1, 10**20).map(lambda number: DataSize(Fraction(number)))
RATES = st.integers(1, 10**15).map(lambda number: Bandwidth(Fraction(number)))
TIMES = st.timedeltas(timedelta(microseconds=1), timedelta(days=3650))


def size(text: str) -> DataSize:
    return DataSize.parse(text)


def rate(text: str) -> Bandwidth:
    return Bandwidth.parse(text)


def test_20_petabytes_in_two_weeks_need_132_gigabits_a_second() -> None:
    needed = throughput_needed(size("20 PB"), TWO_WEEKS)
    assert float(needed.gigabits()) == pytest.approx(132.28, abs=0.005)


def test_two_ports_of_100_carry_them_the_200_of_the_post() -> None:
    ports = ports_needed(throughput_needed(size("20 PB"), TWO_WEEKS))
    assert (ports.count, ports.total) == (2, rate("200 Gbps"))


def test_10_petabytes_over_40_gigabits_leave_a_cache_of_4_petabytes() -> None:
    left = cache_needed(size("10 PB"), rate("40 Gbps"), TWO_WEEKS)
    assert left.gigabytes() == 3_952_000


@settings(deadline=None)
@given(SIZES, TIMES)
def test_a_link_of_the_needed_throughput_needs_no_cache(dataset: DataSize, interval: timedelta) -> None:
    assert cache_needed(dataset, throughput_needed(dataset, interval), interval) == size("0 B")


@settings(deadline=None)
@given(SIZES, TIMES, RATES)
def test_what_the_link_carries_and_the_cache_make_the_data_set(
    dataset: DataSize, interval: timedelta, link: Bandwidth
) -> None:
    cache = cache_needed(dataset, link, interval)
    assert cache <= dataset
    assert cache + link * interval >= dataset
    assert not cache.bytes or cache + link * interval == dataset


@settings(deadline=None)
@given(SIZES, TIMES, RATES, RATES)
def test_a_faster_link_never_needs_more_cache(
    dataset: DataSize, interval: timedelta, one: Bandwidth, other: Bandwidth
) -> None:
    slow, fast = sorted((one, other))
    assert cache_needed(dataset, fast, interval) <= cache_needed(dataset, slow, interval)


@settings(deadline=None)
@given(RATES)
def test_the_ports_carry_the_throughput_and_one_less_would_not(throughput: Bandwidth) -> None:
    ports = ports_needed(throughput)
    assert ports.total >= throughput
    assert ports.speed * (ports.count - 1) < throughput


@settings(deadline=None)
@given(RATES, st.timedeltas(timedelta(microseconds=1), timedelta(seconds=10)), SIZES)
def test_the_connections_hold_what_is_on_its_way(rate: Bandwidth, rtt: timedelta, window: DataSize) -> None:
    assume(rate.bits_per_second < window.bytes * 10**9)
    count, under_way = connections_needed(rate, rtt, window), window_needed(rate, rtt)
    assert window.bytes * count >= under_way.bytes
    assert count == 1 or window.bytes * (count - 1) < under_way.bytes


def test_a_window_of_64_kib_over_40_ms_carries_13_megabits() -> None:
    assert connections_needed(rate("13.1 Mbps"), timedelta(milliseconds=40), size("64 KiB")) == 1
    assert connections_needed(rate("13.2 Mbps"), timedelta(milliseconds=40), size("64 KiB")) == 2


@pytest.mark.parametrize(
    ("rtt", "suffices", "notes"), [(4, True, 0), (30, True, 0), (31, True, 1), (50, True, 1), (51, False, 0)]
)
def test_an_open_loop_bears_50_milliseconds(rtt: int, suffices: bool, notes: int) -> None:
    plan = RigPlan(RigNeed(size("1 PB"), TWO_WEEKS), RigSite(rtt=timedelta(milliseconds=rtt)))
    assert (not plan.shortfalls, len(list(plan.notes()))) == (suffices, notes)


def test_a_cache_that_is_too_small_is_named_with_what_is_needed() -> None:
    site = RigSite(link=rate("40 Gbps"), cache=size("3 PB"))
    (short,) = RigPlan(RigNeed(size("10 PB"), TWO_WEEKS), site).shortfalls
    assert (short.quantity, short.found, short.wanted) == ("cache", "3 PB", "at least 3.952 PB")


@pytest.mark.parametrize("interval", [timedelta(), timedelta(days=-1)])
def test_a_need_without_an_interval_is_refused(interval: timedelta) -> None:
    with pytest.raises(ValueError, match="interval"):
        RigNeed(size("1 PB"), interval)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(command, ["size", *arguments])


def test_the_command_shows_the_posts_first_example() -> None:
    result = run("--dataset", "20 PB", "--interval", "2 weeks")
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert "throughput needed 132.3 Gbit/s data set · 8 / interval" in lines
    assert "Direct Connect ports 2 x 100 Gbit/s to carry it all without a cache" in lines


def test_the_command_shows_the_posts_second_example_as_json() -> None:
    arguments = ("--link", "40 Gbps", "--rtt", "4 ms", "--format", "json")
    result = run("--dataset", "10 PB", "--interval", "2 weeks", *arguments)
    document = json.loads(result.output)
    assert document["cache_needed_bytes"] == 3_952 * 10**12
    assert document["on_its_way_bytes"] == 20_000_000
    assert (document["connections"], document["suffices"]) == (4, True)


def test_json_tells_what_is_not_known_by_null() -> None:
    document = json.loads(run("--dataset", "1 PB", "--interval", "1 d", "--format", "json").output)
    unknown = {name for name, value in document.items() if value is None}
    assert unknown == {
        "link_bits_per_second", "utilisation", "cache_needed_bytes", "cache_bytes", "rtt_seconds",
        "on_its_way_bytes", "connections",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(("--rtt", "51 ms"), "round-trip time"), (("--link", "40 Gbps", "--cache", "3 PB"), "cache")],
)
def test_a_site_that_lacks_something_ends_with_one(
    arguments: tuple[str, ...], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = command.main(
        ["size", "--dataset", "10 PB", "--interval", "2 weeks", *arguments], standalone_mode=False
    )
    assert code == 1
    assert f"too little: {word}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--dataset", "10 Pb"),
        ("--dataset", "0 PB"),
        ("--interval", "0 s"),
        ("--interval", "2 fortnights"),
        ("--link", "fast"),
        ("--rtt", "-4 ms"),
        ("--cache", "full"),
        ("--window", "0 B"),
    ],
)
def test_an_error_names_its_option(option: str, value: str) -> None:
    given = {"--dataset": "1 PB", "--interval": "1 d", option: value}
    result = run(*[part for pair in given.items() for part in pair])
    assert isinstance(result.exception, UsageError)
    assert str(result.exception).startswith(f"{option}: '{value}'")

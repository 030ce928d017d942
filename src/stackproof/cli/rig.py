"""``stackproof rig``: what a hardware-in-the-loop rig needs of its site."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from stackproof.cli._console import say

if TYPE_CHECKING:
    from stackproof.hosts.sizing import RigPlan
    from stackproof.hosts.units import Bandwidth, DataSize


@click.group("rig", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """What a hardware-in-the-loop rig needs of its site."""


@command.command("size")
@click.option("--dataset", required=True, metavar="SIZE", help="What the rig replays, such as '20 PB'.")
@click.option(
    "--interval", required=True, metavar="TIME", help="In which all of it passes, such as '2 weeks'."
)
@click.option(
    "--link", metavar="RATE", help="The link's throughput, such as '40 Gbps'; the cache follows from it."
)
@click.option("--rtt", metavar="TIME", help="Round-trip time to the Region, such as '4 ms'.")
@click.option("--rtt-limit", metavar="TIME", help="What a replay bears.  [default: 50 ms, open loop]")
@click.option("--cache", metavar="SIZE", help="The cache that is there, such as '4 PB'.")
@click.option("--window", metavar="SIZE", help="What one connection has on its way.  [default: 6 MiB, Linux]")
@click.option(
    "--format", "shape", type=click.Choice(["console", "json"]), default="console", show_default=True
)
def size(
    dataset: str,
    interval: str,
    link: str | None,
    rtt: str | None,
    rtt_limit: str | None,
    cache: str | None,
    window: str | None,
    shape: str,
) -> int:
    """Size a rig's link and cache: what its data set and interval need, held against what the site has.

    Throughput is data set over interval; the cache is what the link does not carry in the interval. Exit
    code 1 when the round-trip time is beyond the limit or the cache that is there is too small.

    \b
    stackproof rig size --dataset '20 PB' --interval '2 weeks'
    stackproof rig size --dataset '10 PB' --interval '2 weeks' --link '40 Gbps' --rtt '4 ms'
    """
    from stackproof.hosts.sizing import DEFAULT_WINDOW, TOLERABLE_RTT, RigNeed, RigPlan, RigSite
    from stackproof.hosts.units import Bandwidth, DataSize

    need = RigNeed(
        _some("--dataset", dataset, DataSize.parse),
        _some("--interval", interval, _time),
        TOLERABLE_RTT if rtt_limit is None else _some("--rtt-limit", rtt_limit, _time),
    )
    site = RigSite(
        None if link is None else _some("--link", link, Bandwidth.parse),
        None if rtt is None else _given("--rtt", rtt, _time),
        None if cache is None else _given("--cache", cache, DataSize.parse),
        DEFAULT_WINDOW if window is None else _some("--window", window, DataSize.parse),
    )
    plan = RigPlan(need, site)
    say(json.dumps(_document(plan), indent=2) if shape == "json" else "\n".join(_table(plan)))
    return 1 if plan.shortfalls else 0


def _given(option: str, text: str, parse: Any) -> Any:
    """The value of an option. Raises ``UsageError`` that names the option."""
    from stackproof.errors import UsageError

    try:
        return parse(text)
    except UsageError as error:
        raise UsageError(f"{option}: {error.message}", hint=error.hint) from error


def _some(option: str, text: str, parse: Any) -> Any:
    """The value of an option that must not be nothing. Raises ``UsageError`` that names the option."""
    from stackproof.errors import UsageError
    from stackproof.hosts.units import Bandwidth, DataSize

    value = _given(option, text, parse)
    nothing = {DataSize: DataSize.parse("0 B"), Bandwidth: Bandwidth.parse("0 bps"), timedelta: timedelta()}
    if value == nothing[type(value)]:
        raise UsageError(f"{option}: '{text}' is nothing", hint="give a value above zero")
    return value


def _time(text: str) -> timedelta:
    from stackproof.hosts.units import parse_duration

    return parse_duration(text)


def _table(plan: RigPlan) -> Iterator[str]:
    rows = list(_rows(plan))
    wide = max(len(name) for name, _, _ in rows)
    broad = max(len(value) for _, value, _ in rows)
    for name, value, remark in rows:
        yield f"{name:<{wide}}  {value:>{broad}}  {remark}".rstrip()
    for note in plan.notes():
        yield f"note: {note}"
    for shortfall in plan.shortfalls:
        yield f"too little: {shortfall.quantity}: {shortfall.message}"
    known = [one for one in (plan.site.link, plan.site.rtt, plan.site.cache) if one is not None]
    if known and not plan.shortfalls:
        yield "the site suffices, as far as it is given"


def _rows(plan: RigPlan) -> Iterator[tuple[str, str, str]]:
    """The table: quantity, value, remark."""
    from stackproof.hosts.sizing import window_needed
    from stackproof.hosts.units import show_duration

    need, site = plan.need, plan.site
    yield "data set", str(need.dataset), ""
    yield "interval", show_duration(need.interval), ""
    yield "throughput needed", str(plan.throughput), "data set · 8 / interval"
    ports = plan.ports
    noun = "port" if ports.count == 1 else "ports"
    yield f"Direct Connect {noun}", f"{ports.count} x {ports.speed}", "to carry it all without a cache"
    if site.link is not None and plan.cache is not None and plan.utilisation is not None:
        yield "link", str(site.link), f"{float(plan.utilisation):.0%} of it needed"
        yield "cache needed", str(plan.cache), "data set - link / 8 · interval"
    if site.cache is not None:
        yield "cache", str(site.cache), ""
    if site.rtt is not None:
        yield "round-trip time", show_duration(site.rtt), f"at most {show_duration(need.rtt_limit)}"
        yield "on its way", str(window_needed(plan.carried, site.rtt)), "throughput · round-trip time"
        yield "connections", str(plan.connections), f"with windows of {site.window}"


def _document(plan: RigPlan) -> dict[str, Any]:
    """The plan as JSON; every key that holds a number ends in its unit, null is not known."""
    from stackproof.hosts.sizing import window_needed
    from stackproof.hosts.units import in_seconds

    need, site = plan.need, plan.site
    rtt = None if site.rtt is None else float(in_seconds(site.rtt))
    return {
        "dataset_bytes": _bytes(need.dataset),
        "interval_seconds": float(in_seconds(need.interval)),
        "throughput_needed_bits_per_second": _bits(plan.throughput),
        "ports": {"count": plan.ports.count, "speed_bits_per_second": _bits(plan.ports.speed)},
        "link_bits_per_second": _bits(site.link),
        "utilisation": None if plan.utilisation is None else float(plan.utilisation),
        "cache_needed_bytes": _bytes(plan.cache),
        "cache_bytes": _bytes(site.cache),
        "rtt_seconds": rtt,
        "rtt_limit_seconds": float(in_seconds(need.rtt_limit)),
        "on_its_way_bytes": None if site.rtt is None else _bytes(window_needed(plan.carried, site.rtt)),
        "window_bytes": _bytes(site.window),
        "connections": plan.connections,
        "notes": list(plan.notes()),
        "shortfalls": [
            {"quantity": one.quantity, "found": one.found, "wanted": one.wanted, "message": one.message}
            for one in plan.shortfalls
        ],
        "suffices": not plan.shortfalls,
    }


def _bytes(size: DataSize | None) -> int | None:
    return None if size is None else round(size.bytes)


def _bits(rate: Bandwidth | None) -> int | None:
    return None if rate is None else round(rate.bits_per_second)

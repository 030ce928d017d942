"""``stackproof rig``: what a hardware-in-the-loop rig needs of its site, and drives replayed on it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stackproof.cli._console import say

if TYPE_CHECKING:
    from stackproof.hosts.recordings.model import Drive
    from stackproof.hosts.recordings.timing import Replayed
    from stackproof.hosts.sizing import RigPlan
    from stackproof.hosts.units import Bandwidth, DataSize


@click.group("rig", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Size a hardware-in-the-loop rig, replay a recorded drive."""


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


@command.command("replay")
@click.argument("recording", type=click.Path(path_type=Path))
@click.option(
    "--to", "target", metavar="TARGET", help="can:INTERFACE or udp:HOST:PORT; without it only examined."
)
@click.option(
    "--listen",
    default="",
    metavar="TARGET",
    help="Where it arrives on this machine; what is missing is lost.",
)
@click.option(
    "--p99", metavar="TIME", help="How far the 99th percentile of the gaps may deviate.  [default: 1 ms]"
)
@click.option("--maximum", metavar="TIME", help="How far the worst gap may deviate.  [default: 2 ms]")
@click.option("--drift", metavar="TIME", help="How far the whole may drift.  [default: 2 ms]")
@click.option(
    "--format", "shape", type=click.Choice(["console", "json"]), default="console", show_default=True
)
def replay_command(
    recording: Path,
    target: str | None,
    listen: str,
    p99: str | None,
    maximum: str | None,
    drift: str | None,
    shape: str,
) -> int:
    """Examine a recorded drive (BLF, MDF4, rosbag, MCAP) and replay it with its timing.

    A truncated or corrupt recording is refused with the byte where it goes wrong. Exit code 1 when the replay
    breaks a limit.
    """
    from stackproof.errors import UsageError
    from stackproof.hosts.recordings.opening import load
    from stackproof.hosts.recordings.replay import check_target, replay
    from stackproof.hosts.recordings.timing import Limit, Replayed, exceeded

    usual = Limit()
    limit = Limit(
        usual.p50,
        usual.p99 if p99 is None else _given("--p99", p99, _time),
        usual.maximum if maximum is None else _given("--maximum", maximum, _time),
        usual.drift if drift is None else _given("--drift", drift, _time),
    )
    if listen and not target:
        raise UsageError("--listen without --to: nothing is sent that could arrive", hint="add --to TARGET")
    for one in filter(None, (target, listen)):
        check_target(one)
    drive = load(recording)
    due = tuple(drive.offsets())
    result = replay(drive, target, listen=listen) if target else Replayed(due, due)
    broken = exceeded(result, limit) if target else ()
    document = _replay_document(drive, result, broken, replayed=bool(target))
    say(json.dumps(document, indent=2) if shape == "json" else "\n".join(_replay_table(document)))
    return 1 if broken else 0


def _replay_document(
    drive: Drive, result: Replayed, broken: Sequence[str], *, replayed: bool
) -> dict[str, Any]:
    spreads = {"recorded": result.recorded}
    if replayed:
        spreads |= {"replayed": result.played, "deviation": result.deviation}
    return {
        "recording": drive.file,
        "format": drive.format,
        "frames": len(drive.frames),
        "error_frames": drive.errors,
        "disordered": drive.disordered,
        "duration_seconds": drive.duration / 1e9,
        "gaps_nanoseconds": {
            name: {"p50": one.p50, "p99": one.p99, "maximum": one.maximum} for name, one in spreads.items()
        },
        "drift_nanoseconds": result.drift if replayed else None,
        "lost": result.lost if replayed else None,
        "broken_limits": list(broken),
    }


def _replay_table(document: dict[str, Any]) -> Iterator[str]:
    from stackproof.hosts.recordings.timing import milliseconds

    noun = "frame" if document["frames"] == 1 else "frames"
    yield f"{document['recording']}: {document['format']}, {document['frames']:,} {noun}"
    yield f"{document['duration_seconds']:.3f} s, {document['disordered']:,} behind later ones"
    if document["error_frames"]:
        yield f"{document['error_frames']:,} CAN error frames are not replayed"
    yield f"{'gaps':<10} {'p50':>14} {'p99':>14} {'maximum':>14}"
    for name, one in document["gaps_nanoseconds"].items():
        values = " ".join(f"{milliseconds(one[key]):>14}" for key in ("p50", "p99", "maximum"))
        yield f"{name:<10} {values}"
    if document["lost"] is not None:
        yield f"drift {milliseconds(document['drift_nanoseconds'])}, {document['lost']:,} lost"
    for one in document["broken_limits"]:
        yield f"limit broken: {one}"

"""How a hardware-in-the-loop rig is sized: its link to Amazon S3, its cache, its round-trip time.

The two formulas are those of "Field Notes: Implementing Hardware-in-the-Loop for Autonomous Driving
Development on AWS" (Bryan Berezdivin, AWS Architecture Blog):

    throughput (Gbit/s) = data set (GB) · 8 / interval (s)
    cache (GB)          = data set (GB) - throughput of the link (Gbit/s) / 8 · interval (s)

The post's example of 20 PB every two weeks is 132 Gbit/s by the first formula, where its text says about
200: what must be ordered is more than what is needed on average, and two Direct Connect ports of
100 Gbit/s are the fewest that carry 132. Its example of 10 PB over 40 Gbit/s leaves 3.95 PB, "four".
Round-trip times: an open-loop replay bears 30 to 50 ms, Direct Connect locations reach less than 5 ms.

What a round-trip time costs is the bandwidth-delay product (RFC 7323, section 1.1): a TCP connection has
at most one window on its way, hence carries at most window / RTT, and a link needs as many connections.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Final

from stackproof.hosts.units import Bandwidth, DataSize, show_duration

COMFORTABLE_RTT: Final = timedelta(milliseconds=30)
"""Up to here an open-loop replay bears the round-trip time anyway (the post: 30 to 50 ms)."""
TOLERABLE_RTT: Final = timedelta(milliseconds=50)
"""Beyond it an open-loop replay does not bear the round-trip time."""
DIRECT_CONNECT_RTT: Final = timedelta(milliseconds=5)
"""Direct Connect locations stay below it."""
PORT_SPEEDS: Final = tuple(Bandwidth(Fraction(gigabits * 10**9)) for gigabits in (1, 10, 100))
"""Speeds of a dedicated Direct Connect connection (AWS Direct Connect User Guide, "Dedicated connections").

400 Gbit/s is left out: only few locations offer it.
"""
DEFAULT_WINDOW: Final = DataSize(Fraction(6 * 2**20))
"""Receive window that Linux lets a connection grow to (``net.ipv4.tcp_rmem``, its third value): 6 MiB."""


def throughput_needed(dataset: DataSize, interval: timedelta) -> Bandwidth:
    """The average throughput that carries the data set in the interval.

    Raises ``ValueError`` for an interval of none.
    """
    return dataset / interval


def cache_needed(dataset: DataSize, link: Bandwidth, interval: timedelta) -> DataSize:
    """What of the data set must be kept near the rig because the link cannot carry it in the interval."""
    return dataset.less(link * interval)


def window_needed(throughput: Bandwidth, rtt: timedelta) -> DataSize:
    """The bandwidth-delay product: what is on its way at any moment (RFC 7323, section 1.1)."""
    return throughput * rtt


def connections_needed(throughput: Bandwidth, rtt: timedelta, window: DataSize) -> int:
    """How many TCP connections carry the throughput when each has one window on its way; at least one."""
    if not window.bytes:
        raise ValueError("a window of nothing carries nothing")
    return max(1, math.ceil(window_needed(throughput, rtt).bytes / window.bytes))


@dataclass(frozen=True, slots=True)
class Ports:
    """The Direct Connect ports of one speed that carry a throughput."""

    count: int
    speed: Bandwidth

    @property
    def total(self) -> Bandwidth:
        """What they carry together."""
        return self.speed * self.count


def ports_needed(throughput: Bandwidth) -> Ports:
    """The slowest single port that carries the throughput, else the fewest ports of the fastest speed."""
    for speed in PORT_SPEEDS:
        if throughput <= speed:
            return Ports(1, speed)
    return Ports(math.ceil(throughput / PORT_SPEEDS[-1]), PORT_SPEEDS[-1])


@dataclass(frozen=True, slots=True)
class RigNeed:
    """What a rig replays: a data set, and in which interval all of it must have passed."""

    dataset: DataSize
    interval: timedelta
    rtt_limit: timedelta = TOLERABLE_RTT

    def __post_init__(self) -> None:
        if self.interval <= timedelta():
            raise ValueError("the interval must be longer than none")
        if self.rtt_limit <= timedelta():
            raise ValueError("the limit of the round-trip time must be longer than none")

    @property
    def throughput(self) -> Bandwidth:
        """The average throughput that the rig needs."""
        return throughput_needed(self.dataset, self.interval)


@dataclass(frozen=True, slots=True)
class RigSite:
    """What a site has, planned or measured; None is not known."""

    link: Bandwidth | None = None
    rtt: timedelta | None = None
    cache: DataSize | None = None
    window: DataSize = DEFAULT_WINDOW


@dataclass(frozen=True, slots=True)
class Shortfall:
    """One thing that the site lacks: which quantity, what it is, what it should be, and why."""

    quantity: str
    found: str
    wanted: str
    message: str


@dataclass(frozen=True, slots=True)
class RigPlan:
    """The need of a rig held against its site."""

    need: RigNeed
    site: RigSite

    @property
    def throughput(self) -> Bandwidth:
        """What the need's first formula asks for."""
        return self.need.throughput

    @property
    def ports(self) -> Ports:
        """The Direct Connect ports that would carry it all without a cache."""
        return ports_needed(self.throughput)

    @property
    def cache(self) -> DataSize | None:
        """What the second formula asks for; None when the link is not known."""
        if self.site.link is None:
            return None
        return cache_needed(self.need.dataset, self.site.link, self.need.interval)

    @property
    def utilisation(self) -> Fraction | None:
        """The needed throughput as a share of the link's; more than one does not fit. None when not known."""
        if self.site.link is None or not self.site.link.bits_per_second:
            return None
        return self.throughput / self.site.link

    @property
    def carried(self) -> Bandwidth:
        """What passes over the link while the rig runs: what is needed, or all that the link can."""
        return self.throughput if self.site.link is None else min(self.throughput, self.site.link)

    @property
    def connections(self) -> int | None:
        """How many connections carry that; None when the round-trip time is not known."""
        if self.site.rtt is None:
            return None
        return connections_needed(self.carried, self.site.rtt, self.site.window)

    @property
    def shortfalls(self) -> tuple[Shortfall, ...]:
        """What the site lacks; empty when it suffices, as far as it is known."""
        return tuple(_shortfalls(self))

    def notes(self) -> Iterator[str]:
        """What a planner should know though nothing lacks."""
        rtt = self.site.rtt
        if rtt is not None and COMFORTABLE_RTT < rtt <= self.need.rtt_limit:
            yield (
                f"a round-trip time of {show_duration(rtt)} is in the band of "
                f"{show_duration(COMFORTABLE_RTT)} to {show_duration(TOLERABLE_RTT)} that open-loop replay "
                f"bears; Direct Connect stays below {show_duration(DIRECT_CONNECT_RTT)}"
            )
        if self.cache is not None and self.cache.bytes and self.site.cache is None:
            yield f"the link does not carry the data set in time: a cache of {self.cache} makes up for it"


def _shortfalls(plan: RigPlan) -> Iterator[Shortfall]:
    rtt, limit, cache = plan.site.rtt, plan.need.rtt_limit, plan.cache
    if rtt is not None and rtt > limit:
        found, wanted = show_duration(rtt), show_duration(limit)
        message = f"the round-trip time is {found}, a replay bears at most {wanted}: choose a closer Region"
        yield Shortfall("round-trip time", found, f"at most {wanted}", message)
    if cache is not None and plan.site.cache is not None and plan.site.cache < cache:
        message = (
            f"the link carries {plan.site.link} of the {plan.throughput} needed, and a cache of "
            f"{plan.site.cache} does not make up for it: {cache} must be near the rig"
        )
        yield Shortfall("cache", str(plan.site.cache), f"at least {cache}", message)

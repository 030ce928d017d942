"""What must hold on a rig. Each check yields what is wrong, in words that name the part; nothing is well.

They ask with what a Debian rig has: iproute2, iputils-ping, python3, linuxptp.
"""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from stackproof.hosts.sizing import RigPlan, RigSite
from stackproof.hosts.units import Bandwidth, DataSize, show_duration

if TYPE_CHECKING:
    from testinfra.host import Host

    from stackproof.hosts.rigs.facts import RigFacts

Check = Callable[["Host", "RigFacts"], Iterator[str]]
_COARSE: Final = timedelta(milliseconds=500)
_PINGS: Final = 10
_TRANSFER: Final = 20
_FETCH: Final = """
import socket, sys, time
way = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[4]))
way.sendall(sys.argv[3].encode() + b"\\n")
begin, end, count = time.monotonic(), time.monotonic() + float(sys.argv[4]), 0
while time.monotonic() < end:
    part = way.recv(1 << 20)
    if not part:
        break
    count += len(part)
print(count, time.monotonic() - begin)
"""


def link(host: Host, interface: str) -> Mapping[str, Any] | None:
    """What the kernel says of an interface (``ip -json -details link``); None when there is none."""
    asked = host.run("ip -json -details link show dev %s", interface)
    found: list[dict[str, Any]] = json.loads(asked.stdout) if asked.rc == 0 and asked.stdout.strip() else []
    return found[0] if found else None


def can_up(host: Host, facts: RigFacts) -> Iterator[str]:
    """Every CAN interface is up, and its controller takes part in the bus."""
    for name in facts.can:
        found = link(host, name)
        if found is None:
            yield f"there is no CAN interface {name}"
        elif "UP" not in found["flags"]:
            yield f"CAN interface {name} is down"
        elif (state := _can(found).get("state", "ERROR-ACTIVE")) != "ERROR-ACTIVE":
            yield f"the controller of CAN interface {name} is in state {state}"


def can_bitrate(host: Host, facts: RigFacts) -> Iterator[str]:
    """Every CAN interface has the bit rate of its bus."""
    for name, wanted in facts.can.items():
        data = _can(link(host, name) or {})
        bits = data.get("bittiming_bitrate") or data.get("bittiming", {}).get("bitrate")
        if bits is None:
            yield f"CAN interface {name} has no bit rate, its bus has {wanted}"
        elif bits != wanted.bits_per_second:
            yield f"CAN interface {name} has a bit rate of {Bandwidth(Fraction(bits))}, its bus has {wanted}"


def can_errors(host: Host, facts: RigFacts) -> Iterator[str]:
    """No CAN interface has counted errors on its bus."""
    for name in facts.can:
        for counter in ("rx_errors", "tx_errors"):
            count = host.run("cat /sys/class/net/%s/statistics/%s", name, counter).stdout.strip()
            if count not in {"0", ""}:
                yield f"CAN interface {name} counts {count} {counter}"


def _can(found: Mapping[str, Any]) -> Mapping[str, Any]:
    data: Mapping[str, Any] = found.get("linkinfo", {}).get("info_data", {})
    return data


def ethernet_up(host: Host, facts: RigFacts) -> Iterator[str]:
    """Every Automotive Ethernet interface is up and has a partner."""
    for name in facts.vlans:
        found = link(host, name)
        if found is None:
            yield f"there is no Ethernet interface {name}"
        elif "UP" not in found["flags"]:
            yield f"Ethernet interface {name} is down"
        elif "LOWER_UP" not in found["flags"]:
            yield f"Ethernet interface {name} has no partner"


def vlans(host: Host, facts: RigFacts) -> Iterator[str]:
    """Every VLAN is there, is up, and has the identifier that it should have."""
    for name, wanted in facts.vlans.items():
        for vlan in wanted:
            found = link(host, f"{name}.{vlan}")
            if found is None:
                yield f"VLAN {vlan} is missing on {name}"
                continue
            identifier = found.get("linkinfo", {}).get("info_data", {}).get("id")
            if identifier != vlan:
                yield f"interface {name}.{vlan} has the VLAN identifier {identifier}"
            if "UP" not in found["flags"]:
                yield f"VLAN {vlan} on {name} is down"


def vlan_partners(host: Host, facts: RigFacts) -> Iterator[str]:
    """In every VLAN the device under test answers."""
    for name, partners in facts.vlans.items():
        for vlan, address in partners.items():
            if host.run("ping -c 2 -i 0.2 -W 1 -I %s %s", f"{name}.{vlan}", address).rc != 0:
                yield f"{address} does not answer in VLAN {vlan} on {name}"


def time_daemon(host: Host, facts: RigFacts) -> Iterator[str]:
    """A ptp4l runs."""
    if host.run("pidof ptp4l").rc != 0:
        yield "no ptp4l runs: nothing keeps the rig's clock"


def time_source(host: Host, facts: RigFacts) -> Iterator[str]:
    """The clock follows a grandmaster that is another one than itself."""
    status = _time_status(host)
    state = status.get("portState", "unknown")
    if status.get("gmPresent") != "true" or state != "SLAVE":
        yield f"the rig's clock follows no grandmaster: the state of its PTP port is {state}"


def time_offset(host: Host, facts: RigFacts) -> Iterator[str]:
    """The clock is off the grandmaster's by no more than the rig's limit."""
    status = _time_status(host)
    state, text = status.get("portState", "unknown"), status.get("master_offset", "")
    measured = re.fullmatch(r"-?\d+", text) is not None and status.get("gmPresent") == "true"
    offset = timedelta(microseconds=abs(int(text)) / 1000) if measured else timedelta()
    if offset > facts.offset:
        yield (
            f"the rig's clock is off its grandmaster's by {show_duration(offset)}, "
            f"at most {show_duration(facts.offset)}"
        )
    elif not measured or state != "SLAVE":
        yield f"the offset of the rig's clock from its grandmaster is not known: its PTP port is {state}"


def clock(host: Host, facts: RigFacts) -> Iterator[str]:
    """The clock agrees with this machine's, as near as a command can tell (NTP's exchange, RFC 5905, 8)."""
    best: tuple[float, float] | None = None
    for _ in range(5):
        before = time.time()
        there = float(host.check_output("date +%s.%N"))
        after = time.time()
        sample = (after - before, there - (before + after) / 2)
        best = sample if best is None or sample < best else best
    assert best is not None
    if abs(best[1]) > _COARSE.total_seconds() + best[0] / 2:
        yield f"the rig's clock is off this machine's by {best[1]:+.3f} s"


def _time_status(host: Host) -> Mapping[str, str]:
    """What ptp4l says of itself (``pmc``: IEEE 1588 management, TIME_STATUS_NP and PORT_DATA_SET)."""
    asked = host.run("timeout 5 pmc -u -b 0 'GET TIME_STATUS_NP' 'GET PORT_DATA_SET'")
    return dict(re.findall(r"^\s+(\w+)\s+(\S+)\s*$", asked.stdout, re.MULTILINE))


def region_answers(host: Host, facts: RigFacts) -> Iterator[str]:
    """No packet to the Region and back is lost."""
    lost, _ = measured_rtt(host, facts)
    if lost:
        yield f"{lost:.0%} of the packets to {facts.region[0]} are lost"


def rtt(host: Host, facts: RigFacts) -> Iterator[str]:
    """The round-trip time to the Region is one that the rig's replay bears."""
    _, median = measured_rtt(host, facts)
    if median is None:
        yield f"the round-trip time to {facts.region[0]} is not known: nothing comes back"
        return
    for short in RigPlan(facts.need, RigSite(rtt=median)).shortfalls:
        yield short.message


def link_budget(host: Host, facts: RigFacts) -> Iterator[str]:
    """The link carries the data set in its interval, or the cache makes up for what it does not."""
    found = measured_throughput(host, facts)
    if found is None:
        yield f"the throughput from {facts.region[0]} is not known: nothing arrives"
        return
    plan = RigPlan(facts.need, RigSite(link=found, cache=cache_size(host, facts) or DataSize(Fraction(0))))
    for short in plan.shortfalls:
        yield short.message


def cache_there(host: Host, facts: RigFacts) -> Iterator[str]:
    """The cache is a file system of its own that can be written."""
    if host.run("mountpoint -q %s", facts.cache).rc != 0:
        yield f"the cache {facts.cache} is not a file system of its own"
    elif host.run("f=$(mktemp %s/check.XXXXXX) && rm $f", facts.cache).rc != 0:
        yield f"the cache {facts.cache} cannot be written"


def cache_free(host: Host, facts: RigFacts) -> Iterator[str]:
    """The cache has room for the next part of the data set."""
    asked = host.run("df --output=avail --block-size=1 %s", facts.cache)
    lines = asked.stdout.split()
    free = DataSize(Fraction(lines[-1])) if asked.rc == 0 and lines else DataSize(Fraction(0))
    if free < facts.free:
        yield f"the cache {facts.cache} has {free} free, at least {facts.free} are needed"


def system_free(host: Host, facts: RigFacts) -> Iterator[str]:
    """The system's disk is not full, neither of bytes nor of files."""
    for what, option in (("bytes", "--output=pcent"), ("files", "--output=ipcent")):
        share = host.run("df %s /", option).stdout.split()[-1].rstrip("%")
        if share.isdigit() and int(share) >= 95:
            yield f"the system's disk has {share} % of its {what} in use"


def measured_rtt(host: Host, facts: RigFacts) -> tuple[float, timedelta | None]:
    """The share of packets that are lost, and the median round-trip time of the others."""
    asked = host.run("ping -n -c %s -i 0.2 -W 1 %s", str(_PINGS), facts.region[0])
    times = sorted(float(one) for one in re.findall(r"time=([\d.]+) ms", asked.stdout))
    if not times:
        return 1.0, None
    return 1 - len(times) / _PINGS, timedelta(milliseconds=times[len(times) // 2])


def measured_throughput(host: Host, facts: RigFacts) -> Bandwidth | None:
    """What arrives from the Region over one connection; None when nothing does. Takes 20 s at most."""
    address, port = facts.region
    size = str(int(facts.probe.bytes))
    words = ["python3", "-c", _FETCH, address, str(port), size, str(_TRANSFER)]
    asked = host.run(" ".join(shlex.quote(one) for one in words))
    if asked.rc != 0 or asked.stdout.startswith("0 "):
        return None
    count, seconds = asked.stdout.split()
    return DataSize(Fraction(count)) / timedelta(seconds=float(seconds))


def cache_size(host: Host, facts: RigFacts) -> DataSize | None:
    """How large the cache is; None when there is none."""
    if host.run("mountpoint -q %s", facts.cache).rc != 0:
        return None
    return DataSize(
        Fraction(host.check_output("df --output=size --block-size=1 %s", facts.cache).split()[-1])
    )


CHECKS: Final[Mapping[str, Check]] = {
    "can-up": can_up,
    "can-bitrate": can_bitrate,
    "can-errors": can_errors,
    "ethernet-up": ethernet_up,
    "vlans": vlans,
    "vlan-partners": vlan_partners,
    "time-daemon": time_daemon,
    "time-source": time_source,
    "time-offset": time_offset,
    "clock": clock,
    "region-answers": region_answers,
    "rtt": rtt,
    "link-budget": link_budget,
    "cache-there": cache_there,
    "cache-free": cache_free,
    "system-free": system_free,
}
"""Every check of a rig by the name that its findings have."""

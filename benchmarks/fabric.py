"""Messages a second from a queue through a function into a table, and what a deployment costs.

The same handler and the same messages go through the fabric (full journal, and counts only), through
ministack's own Lambda execution and event source mapping, and through moto's inline event source mapping.
The fabric gets all messages before it moves the first one, so that depth would show. A rate counts
everything from the first ``SendMessageBatch`` to the last item in the table. Every measurement is a process
of its own; every ratio comes from this one run. Streams are measured the same way, against ministack.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks._pipelines import Measured

ROOT = Path(__file__).resolve().parent.parent
SIZES = (1_000, 10_000, 100_000)
PATIENCE = 240
"""Seconds that a measurement of a peer may be expected to take; beyond that it is left out, and said so."""
DEPLOYMENTS = 9
FABRIC = {"fabric, full journal": "full", "fabric, counts only": "counts"}
PEERS = ("ministack", "moto")
STREAMS = {
    "kinesis": "Kinesis (ten shards) to Lambda to DynamoDB",
    "table": "DynamoDB stream to Lambda to DynamoDB",
}
AIMS = {"fabric, full journal": 10, "fabric, counts only": 20}
"""How many times ministack's rate each should reach."""

Rates = dict[tuple[str, int], Measured]


def _measure(*arguments: str, module: str = "_pipelines") -> Measured:
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def run(*, quick: bool = False) -> None:
    """Print the tables."""
    sizes = SIZES[:1] if quick else SIZES
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    print("SQS to Lambda to DynamoDB, batches of 10; moto calls the function for each message")
    heads = f"{'messages':>9} {'wall':>11} {'CPU':>11} {'a second':>10} {'a CPU second':>13} {'memory':>10}"
    print(f"{'':24} {heads}")
    rates: Rates = {}
    for size in sizes:
        for name, journal in FABRIC.items():
            rates[name, size] = _row(name, size, _measure("fabric", str(size), journal))
        for name in PEERS:
            _peer(rates, name, size)
    print(f"\n{'times faster than':24} {'messages':>9} {'ministack':>10} {'moto':>8} {'by CPU':>15}")
    for size in sizes:
        for name in FABRIC:
            _ratio(rates, name, size)
    if len(sizes) > 1:
        for name in FABRIC:
            _depth(name, rates[name, sizes[0]], rates[name, sizes[-1]])
    _streams(SIZES[:1] if quick else SIZES[:2])
    _deployments(3 if quick else DEPLOYMENTS)


def _row(name: str, size: int, found: Measured) -> Measured:
    print(
        f"{name:24} {size:9,} {found.seconds:9.2f} s {found.cpu:9.2f} s {found.rate:10,.0f} "
        f"{found.count / found.cpu:13,.0f} {found.memory:6.0f} MiB",
        flush=True,
    )
    return found


def _peer(rates: Rates, name: str, size: int) -> None:
    """A peer at one size, unless it would take too long at the pace that it had."""
    known = [found for (which, _), found in rates.items() if which == name]
    seconds = size / known[-1].rate if known else 0
    if seconds > PATIENCE:
        print(
            f"{name:24} {size:9,} left out: about {seconds:,.0f} s at its pace, and {PATIENCE} s is the bound"
        )
        return
    rates[name, size] = _row(name, size, _measure(name, str(size)))


def _ratio(rates: Rates, name: str, size: int) -> None:
    mine = rates[name, size]
    peers = {peer: _latest(rates, peer, size) for peer in PEERS}
    wall = [f"{mine.rate / found.rate:.1f}x" for found in peers.values()]
    cpu = " ".join(f"{found.cpu / found.count * mine.count / mine.cpu:.1f}x" for found in peers.values())
    reached = "reached" if mine.rate >= AIMS[name] * peers["ministack"].rate else "missed"
    smaller = [f"{peer} at {found.count:,}" for peer, found in peers.items() if found.count != size]
    against = f" (against {' and '.join(smaller)})" if smaller else ""
    print(
        f"{name:24} {size:9,} {wall[0]:>10} {wall[1]:>8} {cpu:>15}"
        f"  aim: {AIMS[name]} times ministack: {reached}{against}"
    )


def _latest(rates: Rates, name: str, size: int) -> Measured:
    """A peer's measurement at this size, or at the largest one that it finished."""
    return rates[name, max(count for which, count in rates if which == name and count <= size)]


def _depth(name: str, first: Measured, last: Measured) -> None:
    ratio = (last.cpu / last.count) / (first.cpu / first.count)
    print(
        f"{name}: a message costs {ratio:.2f} times the CPU at {last.count:,} that it costs at "
        f"{first.count:,}  aim: flat (1)"
    )


def _streams(sizes: tuple[int, ...]) -> None:
    """The fabric at every size; ministack at the first one."""
    for name, title in STREAMS.items():
        print(f"\n{title}, batches of up to 100")
        peer = _row("ministack", sizes[0], _measure(f"{name}_ministack", str(sizes[0]), module="_streams"))
        for size in sizes:
            mine = _measure(f"{name}_fabric", str(size), "full", module="_streams")
            _row("fabric, full journal", size, mine)
            by_cpu = peer.cpu / peer.count * mine.count / mine.cpu
            print(
                f"{'':24} {mine.rate / peer.rate:.1f} times ministack at {peer.count:,}, {by_cpu:.1f} by CPU"
            )


def _deployments(count: int) -> None:
    print(
        "\nDeployment of ten resources; moto's CloudFormation drops two of them (Subscription, QueuePolicy)"
    )
    print(f"{'':24} {'wall':>11} {'CPU':>12} {'memory':>10} {'times mine':>11}")
    mine = _measure("fabric_deploy", str(count))
    rows = {"fabric, with imports": _measure("fabric_deploy", "0"), "fabric": mine}
    rows |= {f"{name} CloudFormation": _measure(f"{name}_deploy", str(count)) for name in PEERS}
    for name, found in rows.items():
        times = f"{found.seconds / mine.seconds:10.1f}x" if found is not mine else ""
        wall, cpu = found.seconds * 1000, found.cpu * 1000
        print(f"{name:24} {wall:8.1f} ms {cpu:9.1f} ms {found.memory:6.0f} MiB {times}")

"""What a host of a stack is seen to answer, from everywhere: one look asks all sources at once.

A port on which nothing listens cannot show that a rule drops: while the look lasts a small listener of our
own stands on each of them. That it answers the host itself is the positive control of every "filtered".
"""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from stackproof.errors import UsageError
from stackproof.hosts import probes
from stackproof.hosts.probes import Asker, FromHost, Probe
from stackproof.netmodel import Flow

if TYPE_CHECKING:
    from testinfra.host import Host

    from stackproof.hosts.stands.stand import Stand

Seen = Mapping[tuple[str, Flow], Probe]
"""Source and flow to what was seen; the host's own name is the control."""

_TIMEOUT = 0.8
_PATIENT = 4.0
"""A second time for what should be open and did not answer at once: this machine may have been busy."""
_LIFE = 60
_LISTENER = """
import base64, json, os, socket, sys, threading, time
given = json.loads(base64.b64decode(sys.argv[1]))
held = []
for kind, port in given["flows"]:
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("0.0.0.0", port))
    if kind == "tcp":
        s.listen(64)
    held.append((kind, s))
if os.fork():
    os._exit(0)
os.setsid()
print(os.getpid(), flush=True)
null = os.open(os.devnull, os.O_RDWR)
for number in (0, 1, 2):
    os.dup2(null, number)
def serve(kind, s):
    while True:
        if kind == "tcp":
            s.accept()[0].close()
        else:
            data, peer = s.recvfrom(2048)
            s.sendto(data or b"!", peer)
for one in held:
    threading.Thread(target=serve, args=one, daemon=True).start()
time.sleep(given["life"])
"""
"""Listens on what it is given and answers; ends by itself."""


def heard(host: Host) -> set[Flow]:
    """What a host listens on beyond its loopback (ss(8))."""
    found = set()
    for line in host.check_output("ss -Hltun").splitlines():
        fields = line.split()
        address, _, port = fields[4].rpartition(":")
        if port.isdigit() and not address.startswith(("127.", "[::1]")):
            found.add(Flow(fields[0], int(port)))
    return found


@contextmanager
def listening(asker: Asker, flows: Iterable[Flow]) -> Iterator[None]:
    """Listen on these as long as the block lasts."""
    wanted = [[one.protocol, one.port] for one in flows if one.protocol in ("tcp", "udp")]
    if not wanted:
        yield
        return
    given = base64.b64encode(json.dumps({"flows": wanted, "life": _LIFE}).encode()).decode()
    process = asker.ask(f"python3 -I -c {shlex.quote(_LISTENER)} {given}").strip()
    if not process.isdigit():
        raise UsageError(f"{asker.place} cannot listen: {process[-300:]}")
    try:
        yield
    finally:
        # Until it is gone: the next look must not take its ports for the host's own (a zombie has no exe).
        asker.ask(f"kill -9 {process} || :; while [ -e /proc/{process}/exe ]; do sleep 0.02; done")


def look(stand: Stand, flows: Sequence[Flow], hoped: Callable[[str, Flow], bool]) -> Seen:
    """Ask the host for every flow, from every source and from itself.

    ``hoped(source, flow)`` tells what should be open; what the host answers itself always should.
    """
    there = heard(stand.host)
    itself = FromHost(stand.host)
    names = [*stand.sources, stand.node]
    with (
        listening(itself, [one for one in flows if one not in there]),
        ThreadPoolExecutor(len(names)) as pool,
    ):
        answers = pool.map(lambda name: _asked(stand, name, flows, hoped), names)
        return {key: probe for one in answers for key, probe in one.items()}


def _asked(
    stand: Stand, name: str, flows: Sequence[Flow], hoped: Callable[[str, Flow], bool]
) -> dict[tuple[str, Flow], Probe]:
    own = name == stand.node
    address = stand.addresses[name] if own else stand.address(name)
    seen = asked(stand.asker(name), dict.fromkeys(flows, address), lambda flow: own or hoped(name, flow))
    # The same service under one name, whichever of its addresses was asked.
    return {(name, flow): replace(probe, target=f"{flow} of {stand.node}") for flow, probe in seen.items()}


def asked(asker: Asker, addresses: Mapping[Flow, str], hoped: Callable[[Flow], bool]) -> dict[Flow, Probe]:
    """Ask once for every flow at its address, and once more, with patience, for what should be open."""
    seen: dict[Flow, Probe] = {}
    for patience in (_TIMEOUT, _PATIENT):
        flows = [one for one in addresses if one not in seen or (hoped(one) and not seen[one].is_open)]
        questions = [
            (one.protocol, addresses[one], 0 if one.protocol == "icmp" else one.port) for one in flows
        ]
        seen |= zip(flows, probes.many(asker, questions, timeout=patience), strict=True)
    return seen


def look_out(
    stand: Stand, flows: Sequence[Flow], hoped: Callable[[str, Flow], bool]
) -> dict[tuple[str, Flow], tuple[Probe, Probe]]:
    """Ask every host outside from the host: what was seen, and the control from outside itself."""
    found: dict[tuple[str, Flow], tuple[Probe, Probe]] = {}
    with ExitStack() as stack:
        for name in stand.outside:
            stack.enter_context(listening(stand.asker(name), flows))
        for name, address in stand.outside.items():
            where = dict.fromkeys(flows, address)
            controls = asked(stand.asker(name), where, lambda flow: True)
            seen = asked(FromHost(stand.host), where, lambda flow, name=name: hoped(name, flow))  # type: ignore[misc]
            found |= {(name, flow): (seen[flow], controls[flow]) for flow in flows}
    return found

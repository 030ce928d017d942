"""The kernel and the model, each from the same template, say the same of every pair of hosts and every flow.

``mechanisms.yaml`` has what the systems of the estate do not use: peering, network ACLs that deny, prefix
lists, routes that lead nowhere.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from stackproof.hosts import probes
from stackproof.hosts.inventory import loads
from stackproof.hosts.netns import BuiltNetwork, network
from stackproof.hosts.providers import needed, provider_of
from stackproof.hosts.session import Session
from stackproof.hosts.stands.looking import listening
from stackproof.netmodel import Flow, State

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = Path(__file__).with_name("mechanisms.yaml").relative_to(ROOT).as_posix()
INVENTORY = f"""
suites: {{stack: {{checks: 1}}}}
networks:
  all:
    templates: [{{template: {TEMPLATE}}}]
    outside: {{office: 198.51.100.7, stranger: 203.0.113.9, lost: 203.0.113.70}}
    resolver: true
hosts:
  front: {{suites: [stack], provider: netns, system: debian-12, settings: {{network: all, node: Front}}}}
"""
FLOWS = [Flow.parse(one) for one in ("tcp/80", "tcp/2000", "tcp/4000", "udp/53", "icmp")]


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    inventory = loads(INVENTORY, "inventory.yml")
    lacking = needed(provider_of(inventory.hosts[0]), inventory.hosts[0])
    if lacking:
        (pytest.fail if os.environ.get("STACKPROOF_REQUIRE_PARTS") else pytest.skip)(lacking)
    with Session(inventory, ROOT) as made:
        yield made


@pytest.fixture(scope="module")
def net(session: Session) -> BuiltNetwork:
    return network(session, "all")


@pytest.fixture(scope="module")
def hosts(net: BuiltNetwork) -> list[str]:
    return [name for name, one in net.nodes.items() if not name.endswith(".resolver") and name != "Nat"]


def asked(net: BuiltNetwork, source: str, hosts: list[str]) -> dict[tuple[str, str, Flow], str]:
    """What one host sees of all others."""
    keys = [(source, target, flow) for target in hosts if target != source for flow in FLOWS]
    questions = [
        (flow.protocol, net.address(source, target), 0 if flow.protocol == "icmp" else flow.port)
        for _, target, flow in keys
    ]
    answers = probes.many(net.asker(source), questions, timeout=1.5)
    return {key: str(probe.answer) for key, probe in zip(keys, answers, strict=True)}


def test_the_kernel_does_what_the_model_says(net: BuiltNetwork, hosts: list[str]) -> None:
    every = [f"{one.protocol}/{one.port}" for one in FLOWS if one.protocol != "icmp"]
    reach = net.reach(dict.fromkeys(hosts, every))
    seen: dict[tuple[str, str, Flow], str] = {}
    with ExitStack() as stack:
        for name in hosts:
            stack.enter_context(listening(net.asker(name), FLOWS))
        pool = stack.enter_context(ThreadPoolExecutor(4))
        for answers in pool.map(lambda source: asked(net, source, hosts), hosts):
            seen |= answers
    outside = set(net.layout.outside)
    differing, counted = [], {State.OPEN: 0, State.FILTERED: 0}
    for (source, target, flow), answer in seen.items():
        if {source, target} <= outside:
            continue
        said = reach.ask(source, target, flow)
        counted[said.state] += 1
        if answer != said.state:
            differing.append(f"{said}; seen: {answer}")
    assert differing == []
    assert counted[State.OPEN] > 60
    assert counted[State.FILTERED] > 200


def test_no_rule_filters_what_goes_to_the_dns_server(net: BuiltNetwork) -> None:
    """It is reached by hosts whose groups and network ACLs allow nothing of the kind (VPC user guide)."""
    flow = Flow("tcp", 53)
    with listening(net.asker("Vpc.resolver"), [flow]):
        for name in ("Quiet", "Prisoner"):
            probes.assert_reachable(probes.tcp(net.asker(name), "10.0.0.2", 53))
            probes.assert_reachable(probes.tcp(net.asker(name), "169.254.169.253", 53))


def test_addresses_behind_gateways_are_the_public_ones(net: BuiltNetwork) -> None:
    """Who asks sees the gateway's translation: its own public address, or that of the NAT gateway."""
    for name, public in (("Front", net.node("Front").public), ("Back", net.node("Nat").public)):
        program = (
            "import socket, sys; s = socket.create_server(('0.0.0.0', 4321)); print('on', flush=True); "
            "print(s.accept()[1][0], flush=True)"
        )
        command = [*net.enter("stranger"), sys.executable, "-c", program]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        assert server.stdout.readline().strip() == "on"
        probes.assert_reachable(probes.tcp(net.asker(name), "203.0.113.9", 4321))
        assert server.stdout.readline().strip() == public
        assert server.wait(10) == 0


RUN = """
import sys, time
from pathlib import Path
from stackproof.hosts.inventory import loads
from stackproof.hosts.netns import network
from stackproof.hosts.session import Session
root = Path(sys.argv[1])
session = Session(loads(sys.argv[2], "inventory.yml"), root)
print(session.id, flush=True)
net = network(session, "all")
net.start("Front", ["python3", "-m", "http.server", "80"], ready="tcp/80")
print("up", flush=True)
time.sleep(600)
"""


def remains(identity: str) -> list[str]:
    """Namespaces and processes of a session that are still there."""
    found = [str(one) for one in Path("/run/netns").glob(f"sp-{identity.rpartition('-')[2]}-*")]
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if identity.encode() in (folder / "environ").read_bytes():
                found.append(f"process {folder.name}")
        except OSError:
            continue
    return found


@pytest.mark.parametrize("moment", ["while it is built", "up"])
def test_a_network_whose_run_is_killed_leaves_nothing(session: Session, moment: str) -> None:
    command = [sys.executable, "-c", RUN, str(ROOT), INVENTORY]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    identity = run.stdout.readline().strip()
    end = time.monotonic() + 60
    if moment == "up":
        assert run.stdout.readline().strip() == "up"
    while len(remains(identity)) < 5 and time.monotonic() < end:
        time.sleep(0.01)
    assert remains(identity), "there is nothing to clean: the test would prove nothing"
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    while remains(identity) and time.monotonic() < end:
        time.sleep(0.05)
    assert remains(identity) == []
    assert not (session.cache / "sessions" / identity).exists()

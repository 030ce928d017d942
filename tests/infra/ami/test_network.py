"""The booted host as its neighbour sees it: sshd answers and nothing else does."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from stackproof.hosts import probes
from stackproof.hosts.model import Running
from stackproof.hosts.probes import Answer, FromHost, FromNamespace

pytestmark = [pytest.mark.hosts(state="hardened", form="host"), pytest.mark.capability("network")]


@pytest.fixture
def neighbour(inspected: Running) -> FromNamespace:
    if "lan" not in inspected.paths:
        pytest.skip(f"{inspected.name} has no neighbour that this machine can ask from")
    return FromNamespace(inspected.paths["lan"])


def test_sshd_answers(neighbour: FromNamespace, inspected: Running) -> None:
    seen = probes.tcp(neighbour, inspected.address, 22, banner=10)
    probes.assert_reachable(seen)
    assert seen.facts["banner"].startswith("SSH-2.0-")


def test_it_answers_an_echo_request(neighbour: FromNamespace, inspected: Running) -> None:
    probes.assert_reachable(probes.icmp(neighbour, inspected.address))


@pytest.mark.parametrize("port", [21, 23, 25, 80, 111, 443, 631, 3306, 5432, 8080])
def test_nothing_else_answers(neighbour: FromNamespace, inspected: Running, port: int) -> None:
    assert probes.tcp(neighbour, inspected.address, port).answer is Answer.REFUSED


def test_what_a_rule_drops_is_filtered_and_not_refused(
    neighbour: FromNamespace, inspected: Running, inspected_host: Host
) -> None:
    """The control is the host itself, which the rule lets through."""
    chain = "type filter hook input priority 0; iif != lo tcp dport 22 drop;"
    rules = f"table inet probe {{ chain input {{ {chain} }}; }}"
    inspected_host.run_expect([0], "echo %s | nft -f -", rules)
    try:
        seen = probes.tcp(neighbour, inspected.address, 22, timeout=0.5)
        control = probes.tcp(FromHost(inspected_host), inspected.address, 22)
        probes.assert_unreachable(seen, control, how=(Answer.FILTERED,))
    finally:
        inspected_host.run_expect([0], "nft delete table inet probe")
    probes.assert_reachable(probes.tcp(neighbour, inspected.address, 22))


def test_root_is_refused_and_shown_the_banner(neighbour: FromNamespace, inspected: Running) -> None:
    command = (
        "ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
        f"root@{inspected.address} true 2>&1 || :"
    )
    said = neighbour.ask(command)
    assert "Permission denied" in said
    assert "Authorized users only" in said

"""Each fault of ``faults.yml``, put into a host of a test stack, is caught by the check that names it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from stackproof.hosts.stands import CHECKS, Stand

FAULTS: dict[str, dict[str, dict[str, str]]] = yaml.safe_load(
    Path(__file__).with_name("faults.yml").read_text(encoding="utf-8")
)


PATIENCE = 60.0
"""How long a service may take to start again, in seconds."""
WELL: set[tuple[str, str]] = set()
"""Hosts and checks that had nothing to say when they were last asked."""


def complaints(stand: Stand, check: str, wanted: Callable[[list[str]], bool]) -> list[str]:
    """What a check says once it is as wanted, or when it has had its time."""
    end = time.monotonic() + PATIENCE
    while True:
        stand.forget()
        found = [str(one) for one in CHECKS[check](stand)]
        if wanted(found) or time.monotonic() > end:
            return found


def is_well(stand: Stand, check: str) -> list[str]:
    """Nothing, or what the check still has to say."""
    found = complaints(stand, check, lambda said: not said)
    if not found:
        WELL.add((stand.running.name, check))
    return found


def act(stand: Stand, told: dict[str, str], what: str) -> None:
    if told.get("at") != "router":
        done = stand.host.run(told[what])
        assert done.rc == 0, f"{what}: {done.stderr or done.stdout}"
        return
    assert stand.built is not None
    stand.session.run(["ip", "netns", "exec", stand.built.router_of(stand.node), "sh", "-c", told[what]])


def faults_of(node: str, network: str) -> Callable[..., None]:
    faults = FAULTS[f"{node} of {network}"]

    @pytest.mark.hosts(network=network, node=node)
    @pytest.mark.capability("transient", "network")
    @pytest.mark.parametrize("fault", faults)
    def test_fault(fault: str, stand: Stand) -> None:
        told = faults[fault]
        check, says = told["check"], told["says"]
        if (stand.running.name, check) not in WELL:
            assert is_well(stand, check) == [], "the host was not well before"
        WELL.discard((stand.running.name, check))
        act(stand, told, "do")
        try:
            found = complaints(stand, check, lambda said: any(says in one for one in said))
        finally:
            act(stand, told, "undo")
        assert any(says in one for one in found), found
        assert all("written is " in one and "the host shows " in one for one in found), "drift names both"
        assert is_well(stand, check) == [], "the host is not well after it was mended"

    return test_fault


test_jump_host = faults_of("JumpHost", "infrastructure")
test_web_server = faults_of("WebServer", "infrastructure")
test_application_server = faults_of("ApplicationServer", "infrastructure")
test_load_balancer = faults_of("LoadBalancer", "two-tier")
test_tier_web_server = faults_of("WebServer", "two-tier")

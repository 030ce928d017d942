"""Faults put into a booted, hardened host: each is found by the rule that it breaks, while it is there."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from testinfra.host import Host

from stackproof.hosts.benchmark.catalogue import load
from stackproof.hosts.benchmark.kinds import KINDS
from stackproof.hosts.benchmark.view import View

ROOT = Path(__file__).resolve().parents[3]
RULES = load(Path(__file__).with_name("cis.yml"), ROOT).rules
FAULTS = yaml.safe_load(Path(__file__).with_name("faults.yml").read_text(encoding="utf-8"))


def shown(host: Host, rule: str) -> str:
    """What the rule says now; a new view, for the host has changed."""
    return KINDS[RULES[rule].kind](View(host), RULES[rule].settings)


@pytest.mark.hosts(state="faulty")
@pytest.mark.capability("runtime", "transient")
@pytest.mark.parametrize("fault", FAULTS, ids=[one["rule"] for one in FAULTS])
def test_a_fault_is_found_by_its_rule(inspected_host: Host, fault: dict[str, str]) -> None:
    assert shown(inspected_host, fault["rule"]) == ""
    inspected_host.run_expect([0], "sh -c %s", fault["do"])
    try:
        assert shown(inspected_host, fault["rule"]) != ""
    finally:
        inspected_host.run_expect([0], "sh -c %s", fault["undo"])
    assert shown(inspected_host, fault["rule"]) == ""

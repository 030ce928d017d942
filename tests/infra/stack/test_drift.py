"""Drift between a template and a host is one finding that names both, also in the report of the command."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stackproof.hosts.inventory import load
from stackproof.hosts.providers import needed, provider_of
from stackproof.hosts.run import InspectRequest, inspect

ROOT = Path(__file__).resolve().parents[3]


def test_a_rule_that_somebody_added_is_a_finding_with_both_places(tmp_path: Path) -> None:
    """The web server lets everybody in by ssh; its template lets in the jump host."""
    text = (ROOT / "inventory" / "local.yml").read_text(encoding="utf-8")
    rule = "nft insert rule inet security_groups input tcp dport 22 accept"
    opened = f"ready: [tcp/22, tcp/80], commands: ['{rule}']"
    assert text.count("ready: [tcp/22, tcp/80]") == 1
    inventory = tmp_path / "drifted.yml"
    inventory.write_text(text.replace("ready: [tcp/22, tcp/80]", opened), encoding="utf-8")
    (web,) = [one for one in load(inventory, ROOT).hosts if one.name == "web-server"]
    if lacking := needed(provider_of(web), web):
        (pytest.fail if os.environ.get("STACKPROOF_REQUIRE_PARTS") else pytest.skip)(lacking)
    only = ("-k", "test_stack and web-server and reach-tcp-22 and not tier")
    outcome = inspect(InspectRequest(inventory, ("stack",), only), ROOT)
    (finding,) = outcome.findings
    assert finding.rule == "stack.reach-tcp-22"
    assert (
        "tcp 22 from internet to WebServer: written is filtered: WebGroup of WebServer has no"
        in finding.message
    )
    assert "the host shows open" in finding.message
    assert finding.logical_id == "web-server"
    (related,) = finding.related
    assert related.location.file == "templates/continuous-infrastructure/environment.yaml"
    line = (ROOT / related.location.file).read_text(encoding="utf-8").splitlines()[related.location.line - 1]
    assert line.strip() == "WebGroup:"

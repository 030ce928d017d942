"""A rig that is not what its inventory says: the command's findings name both sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from stackproof.hosts.model import Running
from stackproof.hosts.run import InspectRequest, inspect

ROOT = Path(__file__).resolve().parents[3]
WRITTEN: dict[str, Any] = {
    "can": {"can0": "1 Mbit/s"},
    "ethernet": {"auto0": {100: "10.91.100.1", 300: "10.91.200.1"}},
    "cache": {"path": "/srv/cache", "free": "1 TB"},
}
"""What the drifted inventory says; the rig has 500 kbit/s, VLANs 100 and 200 and a cache of a simulation."""
NAMED = {
    "hil.can-bitrate": ("can0 1 Mbit/s", "CAN interface can0 has a bit rate of 500 kbit/s"),
    "hil.vlans": ("auto0 [100, 300]", "VLAN 300 is missing on auto0"),
    "hil.cache-free": ("1 TB of /srv/cache", "free, at least 1 TB are needed"),
}


@pytest.mark.hosts(can={"can0": "500 kbit/s"})  # one rig is enough
@pytest.mark.capability("transient", "can", "vlan")
def test_what_the_inventory_says_and_the_rig_does_not_show_is_a_finding_with_both(
    inspected: Running, tmp_path: Path
) -> None:
    """The rig of this run, as another inventory has it: it is there already and reached by ssh."""
    if "ssh" not in inspected.paths:
        pytest.skip(f"{inspected.name} is not a rig that this run has made")
    rig = {
        "suites": ["hil"],
        "url": inspected.url,
        "system": inspected.entry.system,
        "capabilities": sorted(inspected.entry.capabilities),
        "ssh": {"config": inspected.paths["ssh"]},
        "facts": {**inspected.entry.facts, **WRITTEN},
    }
    inventory = tmp_path / "drifted.yml"
    document = {"suites": {"hil": {"checks": 1}}, "hosts": {"rig": rig}}
    inventory.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    only = ("-k", "test_rig and (can-bitrate or vlans or cache-free)")
    found = {one.rule: one for one in inspect(InspectRequest(inventory, ("hil",), only), ROOT).findings}
    assert set(found) == set(NAMED)
    first_of_rig = inventory.read_text(encoding="utf-8").splitlines().index("  rig:") + 2
    for rule, (said, shown) in NAMED.items():
        message = found[rule].message
        assert f"rig: written is {said} (" in message
        assert shown in message.partition("the host shows ")[2]
        (related,) = found[rule].related
        assert (Path(related.location.file).name, related.location.line) == ("drifted.yml", first_of_rig)
        assert related.message == f"here stands {said}"

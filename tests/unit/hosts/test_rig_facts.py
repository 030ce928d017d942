"""The facts of a rig are read with their units; what is missing or malformed is named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from stackproof.errors import ConfigError
from stackproof.hosts.model import HostEntry
from stackproof.hosts.rigs.facts import facts_of
from stackproof.hosts.units import Bandwidth, DataSize
from stackproof.model import Location

FACTS: dict[str, Any] = {
    "can": {"can0": "500 kbit/s"},
    "ethernet": {"auto0": {100: "10.91.100.1"}},
    "time": {"offset": "5 ms"},
    "region": {"address": "10.90.0.1", "port": 8000, "probe": "20 MB"},
    "need": {"dataset": "1 TB", "interval": "1 day"},
    "cache": {"path": "/srv/cache", "free": "64 MB"},
    "replay": {"listen": {"can0": "dut/can:can1"}, "p99": "20 ms"},
}


def entry(facts: dict[str, Any]) -> HostEntry:
    at = Location("inventory/lab.yml", 12, 3)
    return HostEntry("rig", "existing", ("hil",), url="ssh://rig", facts=facts, location=at)


def test_facts_have_units_and_the_usual_limits() -> None:
    found = facts_of(entry(FACTS))
    assert found.can == {"can0": Bandwidth.parse("500 kbit/s")}
    assert found.vlans == {"auto0": {100: "10.91.100.1"}}
    assert (found.need.dataset, found.need.rtt_limit) == (DataSize.parse("1 TB"), timedelta(milliseconds=50))
    assert (found.limit.p99, found.limit.maximum) == (timedelta(milliseconds=20), timedelta(milliseconds=2))


def without(path: str) -> Callable[[dict[str, Any]], None]:
    *above, last = path.split(".")

    def change(facts: dict[str, Any]) -> None:
        for key in above:
            facts = facts[key]
        del facts[last]

    return change


@pytest.mark.parametrize("path", ["can", "ethernet", "time.offset", "region.port", "need.dataset", "cache"])
def test_a_missing_fact_is_named_with_its_host_and_place(path: str) -> None:
    facts = copy.deepcopy(FACTS)
    without(path)(facts)
    with pytest.raises(ConfigError, match=rf"lab\.yml:12:3: fact '{path}.*' of host 'rig': is missing"):
        facts_of(entry(facts))


@pytest.mark.parametrize(
    ("group", "key", "value"),
    [
        ("can", "can0", "500"),
        ("time", "offset", 5),
        ("region", "port", "many"),
        ("need", "interval", "soon"),
        ("replay", "p99", "1 mile"),
    ],
)
def test_a_malformed_fact_is_named(group: str, key: str, value: Any) -> None:
    facts = copy.deepcopy(FACTS)
    facts[group][key] = value
    with pytest.raises(ConfigError, match=f"fact '{group}.{key}' of host 'rig'"):
        facts_of(entry(facts))

"""Servers that stand for services: what they are told, and how what clients got is judged."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stackproof.errors import CapabilityMissing
from stackproof.hosts.services import PACKAGES, balancer, names, need, replication
from stackproof.hosts.services.asking import Answer, complaints

PAGE = "".join(f"blue task-1 piece {number}\n" for number in range(8))
WHOLE = Answer("standing-0", 1.0, 200, "blue", PAGE)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (WHOLE, ""),
        (Answer("new-2", 1.0, 200, "green", PAGE), "an answer to new-2 is of blue and green at once"),
        (
            Answer("new-2", 1.0, 200, "blue", PAGE.replace("blue task-1 piece 7", "green task-1 piece 7")),
            "an answer to new-2 is of blue and green at once",
        ),
        (Answer("slow-3", 1.0, 200, "blue", PAGE[:-5]), ""),
        (
            Answer("slow-3", 1.0, 200, "blue", PAGE.rpartition("blue")[0]),
            "an answer to slow-3 is not whole: 7 pieces of 8",
        ),
        (
            Answer("slow-3", 1.0, 200, "blue", PAGE.replace("task-1 piece 3", "task-2 piece 3")),
            "an answer to slow-3 is not whole: 8 pieces of 8",
        ),
        (Answer("new-2", 1.0, 503), "a request of new-2 was answered with 503"),
        (Answer("new-2", 1.0, lost="timed out"), "a request of new-2 was lost: timed out"),
    ],
)
def test_an_answer_is_judged(answer: Answer, says: str) -> None:
    assert answer.complaint == says


def test_many_answers_are_judged_and_none_is_no_proof() -> None:
    lost = Answer("new-2", 1.0, lost="reset")
    assert complaints([WHOLE, WHOLE]) == []
    assert complaints([WHOLE, lost, lost]) == ["a request of new-2 was lost: reset"]
    assert complaints([]) == ["nothing was asked"]


class Elbv2:
    """A load balancer with one listener."""

    def __init__(self, actions: list[dict[str, Any]], rules: int = 0) -> None:
        self._actions, self._rules = actions, rules

    def describe_listeners(self, **_: Any) -> Any:
        return {"Listeners": [{"ListenerArn": "l", "Port": 80, "DefaultActions": self._actions}]}

    def describe_rules(self, **_: Any) -> Any:
        return {"Rules": [{"IsDefault": True}, *[{"IsDefault": False}] * self._rules]}

    def describe_target_groups(self, TargetGroupArns: list[str]) -> Any:  # noqa: N803
        return {"TargetGroups": [{"TargetGroupName": TargetGroupArns[0].upper(), "HealthCheckPath": "/h"}]}

    def describe_target_health(self, **_: Any) -> Any:
        states = (("10.0.0.1", "healthy"), ("10.0.0.2", "draining"), ("10.0.0.3", "unused"))
        return {
            "TargetHealthDescriptions": [
                {"Target": {"Id": address, "Port": 8000}, "TargetHealth": {"State": state}}
                for address, state in states
            ]
        }


FORWARD = [{"Type": "forward", "TargetGroupArn": "blue"}]


def test_a_load_balancer_is_read_as_the_api_shows_it() -> None:
    state = balancer.read(Elbv2(FORWARD), "b", ["green"])
    assert state.ports == {80: "blue"}
    assert state.groups["blue"] == balancer.Group("BLUE", "/h", frozenset({("10.0.0.1", 8000)}))
    assert set(state.groups) == {"blue", "green"}


@pytest.mark.parametrize(
    ("elbv2", "says"),
    [
        (Elbv2(FORWARD, rules=1), "rules of the listener on port 80"),
        (Elbv2([{"Type": "redirect"}]), "does not forward to one group: redirect"),
        (Elbv2([{"Type": "forward", "ForwardConfig": {}}]), "does not forward to one group: forward"),
        (Elbv2([{"Type": "authenticate-oidc"}, *FORWARD]), "authenticate-oidc, forward"),
    ],
)
def test_what_a_load_balancer_cannot_follow_is_refused_loudly(elbv2: Elbv2, says: str) -> None:
    with pytest.raises(CapabilityMissing, match=says):
        balancer.read(elbv2, "b")


def test_nothing_is_tried_twice_on_the_way_to_a_target() -> None:
    text = balancer.configuration(balancer.read(Elbv2(FORWARD), "b"), Path("/x"))
    assert "  retries 0\n" in text
    assert "  use_backend %[str(80),map(/x/routes.map)]\n" in text
    assert "  option httpchk GET /h\n" in text
    assert "redispatch" not in text


RECORDS = [
    names.Record("a.in.", "A", 30, ("10.0.0.1", "10.0.0.2")),
    names.Record("in.", "SOA", 10, ("ns. host. 1 2 3 4 10",)),
]


def test_a_zone_file_has_the_soa_record_first_and_a_line_for_each_value() -> None:
    assert names.zone_file(RECORDS).splitlines() == [
        "in. 10 IN SOA ns. host. 1 2 3 4 10",
        "a.in. 30 IN A 10.0.0.1",
        "a.in. 30 IN A 10.0.0.2",
    ]


def test_beyond_the_network_only_the_given_names_exist() -> None:
    text = names.zone_file(names.rest_of_the_world({"cache.amazonaws.com": "10.0.0.9"}))
    assert "cache.amazonaws.com. 5 IN A 10.0.0.9\n" in text
    assert text.startswith(". 5 IN SOA ")


def zone(*sets: dict[str, Any]) -> Any:
    pages = [{"ResourceRecordSets": list(sets)}]
    return SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=lambda **_: pages))


def test_addresses_of_the_state_become_those_of_hosts() -> None:
    one = {"Name": "a.in.", "Type": "A", "TTL": 30, "ResourceRecords": [{"Value": "9.9.9.9"}]}
    (found,) = names.zone_of(zone(one), "Z", {"9.9.9.9": "10.0.0.1"})
    assert found == names.Record("a.in.", "A", 30, ("10.0.0.1",))


@pytest.mark.parametrize("more", [{"AliasTarget": {}}, {"SetIdentifier": "x"}])
def test_records_that_route_53_computes_are_refused_loudly(more: dict[str, Any]) -> None:
    with pytest.raises(CapabilityMissing, match=r"a\.in\. is an alias or routed by a policy"):
        names.zone_of(zone({"Name": "a.in.", "Type": "A", **more}), "Z")


def test_a_missing_program_is_named_with_its_package() -> None:
    with pytest.raises(CapabilityMissing, match=r"no-such-program is missing; .* adds no-such-program"):
        need("sh", "no-such-program")


def test_every_package_of_a_service_is_installed_with_the_others() -> None:
    listed = Path(__file__).resolve().parents[3] / "tests" / "infra" / "packages.txt"
    known = {line.split()[0] for line in listed.read_text(encoding="utf-8").splitlines() if line}
    assert set(PACKAGES.values()) <= known


class Said:
    """A testinfra host whose replica has a status."""

    def __init__(self, status: str, rc: int = 0) -> None:
        self._status, self._rc = status, rc

    def run(self, command: str) -> Any:
        return SimpleNamespace(rc=self._rc, stdout=self._status, stderr="ERROR 2002: no")


RUNNING = (
    "  Slave_IO_Running: {io}\n  Slave_SQL_Running: Yes\n  Last_IO_Error: {why}\n  Last_IO_Errno: 1236\n"
)


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (RUNNING.format(io="Yes", why=""), []),
        (RUNNING.format(io="No", why=""), ["the replica does not fetch: stopped"]),
        (RUNNING.format(io="No", why="gone"), ["the replica does not fetch: error 1236: gone"]),
        (RUNNING.format(io="Connecting", why="late"), ["the replica does not fetch: error 1236: late"]),
        ("", ["the replica does not replicate"]),
    ],
)
def test_a_replica_that_does_not_fetch_says_why(status: str, says: list[str]) -> None:
    host: Any = Said(status)
    assert list(replication.fetches(replication.Replica(host))) == says


def test_a_replica_that_does_not_answer_is_not_well() -> None:
    host: Any = Said("", rc=1)
    replica = replication.Replica(host)
    assert list(replication.answers(replica)) == ["the replica does not answer: ERROR 2002: no"]
    assert list(replication.fetches(replica)) == ["the replica does not replicate"]
    assert list(replication.keeps_up(replica)) == ["the replica is NULL seconds behind"]

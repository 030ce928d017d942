"""What an inventory says of hosts of a stack, and how what was seen is compared with what is written."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from stackproof.errors import ConfigError, UsageError
from stackproof.hosts.differs import Differs
from stackproof.hosts.inventory import loads
from stackproof.hosts.model import HostEntry
from stackproof.hosts.probes import Answer, Probe
from stackproof.hosts.session import Session
from stackproof.hosts.stands import nothing_to_check, stand_of
from stackproof.hosts.stands.checks import compared
from stackproof.hosts.stands.facts import facts_of
from stackproof.model import Location
from stackproof.netmodel import Answer as Said
from stackproof.netmodel import Flow, Reason, State

FACTS = {
    "stand": True,
    "network": "n",
    "node": "Web",
    "listening": ["tcp/22", "udp/53"],
    "services": ["ssh"],
    "login": {"user": "u", "from": "office", "by": "Jump"},
    "answers": [{"from": "office", "url": "http://{public}/", "status": 200}],
}
AT = Location("t.yaml", 7, 3)


def entry(**facts: object) -> HostEntry:
    return HostEntry("web", "netns", ("stack",), facts={**FACTS, **facts}, location=Location("i.yml", 4, 2))


def test_facts_are_read() -> None:
    found = facts_of(entry())
    assert found.listening == (Flow("tcp", 22), Flow("udp", 53))
    assert found.login is not None
    assert (found.login.user, found.login.source, found.login.by) == ("u", "office", "Jump")
    assert (found.answers[0].status, found.answers[0].says) == (200, "")


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"listens": []}, "'listens' is no fact"),
        ({"listening": ["ftp"]}, "'ftp' is no flow"),
        ({"login": {"user": "u"}}, "fact 'from' is missing"),
    ],
)
def test_facts_that_say_nothing_are_refused(facts: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as raised:
        facts_of(entry(**facts))
    assert (raised.value.file, raised.value.line) == ("i.yml", 4)


def said(state: State) -> Said:
    return Said("A", "B", Flow("tcp", 22), state, (Reason("G has no rule", "G", AT),))


def seen(answer: Answer) -> Probe:
    return Probe("tcp", "tcp 22 of B", answer)


def test_agreement_is_silent() -> None:
    assert list(compared(said(State.OPEN), seen(Answer.OPEN), seen(Answer.OPEN))) == []
    assert list(compared(said(State.FILTERED), seen(Answer.FILTERED), seen(Answer.OPEN))) == []


@pytest.mark.parametrize(
    ("state", "answer"),
    [
        (State.OPEN, Answer.FILTERED),
        (State.OPEN, Answer.REFUSED),
        (State.OPEN, Answer.ERROR),
        (State.FILTERED, Answer.OPEN),
        (State.FILTERED, Answer.REFUSED),
        (State.FILTERED, Answer.ERROR),
        (State.UNDECIDED, Answer.OPEN),
        (State.UNDECIDED, Answer.FILTERED),
    ],
)
def test_a_difference_names_both_and_the_place(state: State, answer: Answer) -> None:
    (found,) = compared(said(state), seen(answer), seen(Answer.OPEN))
    assert isinstance(found, Differs)
    assert found.location == AT
    assert found.shown == str(answer)
    assert "G has no rule" in found.said
    assert found.subject == "tcp 22 from A to B"


@pytest.mark.parametrize("answer", [Answer.FILTERED, Answer.REFUSED, Answer.ERROR])
def test_without_a_control_filtered_proves_nothing(answer: Answer) -> None:
    (found,) = compared(said(State.FILTERED), seen(Answer.FILTERED), seen(answer))
    assert "no control" in found.shown


def test_a_flow_is_strict() -> None:
    with pytest.raises(ValueError, match="'tcp/x' is no flow"):
        Flow.parse("tcp/x")
    assert Flow.parse("icmp") == Flow("icmp", 8)


REAL = """
suites: {stack: {checks: 1}}
networks: {n: {templates: [{template: t.yaml}]}}
hosts:
  web: {suites: [stack], url: "local://", system: debian-12, facts: {stand: true, network: n, node: Web}}
  back: {suites: [stack], url: "local://", system: debian-12, facts: {stand: true, network: n, node: Back}}
  else: {suites: [stack], url: "local://", system: debian-12, facts: {network: other, node: Else}}
"""
TEMPLATE = """
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  Subnet: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}}
  Web: {Type: AWS::EC2::Instance, Properties: {SubnetId: !Ref Subnet}}
  Back: {Type: AWS::EC2::Instance, Properties: {SubnetId: !Ref Subnet}}
"""


@pytest.mark.skipif(shutil.which("ip") is None, reason="ip is not on this machine (package iproute2)")
def test_hosts_of_a_real_stack_ask_each_other_and_nobody_else(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(TEMPLATE, encoding="utf-8")
    (tmp_path / "stackproof.toml").write_text("", encoding="utf-8")
    with Session(loads(REAL, "i.yml"), tmp_path, cache=tmp_path / "cache") as session:
        found = stand_of(session.host("web"), session)
        assert found.built is None
        assert set(found.sources) == {"Back"}
        assert set(found.addresses) == {"Web", "Back"}
        assert re.fullmatch(r"[0-9.]+", found.address("Back"))
        assert set(found.network.nodes) == {"Web", "Back"}
        assert nothing_to_check("goes-out", found) == "nobody on the internet is at hand"
        assert "validate-env" in nothing_to_check("rules", found)
        assert nothing_to_check("reach-tcp-22", found) == ""
        with pytest.raises(UsageError, match="nothing can be asked from 'Else'; there are: Back"):
            found.asker("Else")

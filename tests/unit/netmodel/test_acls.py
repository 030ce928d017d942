"""Network ACLs: by number, stateless, at the border of a subnet only."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stackproof.netmodel import Flow, Network, Reach, State

MakeNetwork = Callable[[str], Network]

HOSTS = """
  A: {Type: AWS::EC2::Instance, Properties: {SubnetId: !Ref Public, SecurityGroupIds: [!Ref G]}}
  B: {Type: AWS::EC2::Instance, Properties: {SubnetId: !Ref Private, SecurityGroupIds: [!Ref G]}}
  C: {Type: AWS::EC2::Instance, Properties: {SubnetId: !Ref Private, SecurityGroupIds: [!Ref G]}}
  G:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: g
      VpcId: !Ref Vpc
      SecurityGroupIngress: [{IpProtocol: '-1', CidrIp: 0.0.0.0/0}]
  Acl: {Type: AWS::EC2::NetworkAcl, Properties: {VpcId: !Ref Vpc}}
  OfPrivate:
    Type: AWS::EC2::SubnetNetworkAclAssociation
    Properties: {SubnetId: !Ref Private, NetworkAclId: !Ref Acl}
"""


def entry(
    number: int,
    way: str,
    action: str,
    ports: tuple[int, int] | None,
    cidr: str = "10.0.0.0/24",
    protocol: int = 6,
) -> str:
    span = f", PortRange: {{From: {ports[0]}, To: {ports[1]}}}" if ports else ""
    return f"""
  {way.title()}{number}:
    Type: AWS::EC2::NetworkAclEntry
    Properties:
      {{NetworkAclId: !Ref Acl, RuleNumber: {number}, Egress: {"true" if way == "out" else "false"},
        Protocol: {protocol}, RuleAction: {action}, CidrBlock: {cidr}{span}}}
"""


ANSWERS = entry(100, "out", "allow", (1024, 65535))


@pytest.mark.parametrize(
    ("entries", "flow", "state"),
    [
        # Nothing but the last entry, which denies.
        ("", "tcp/80", State.FILTERED),
        (entry(100, "in", "allow", (80, 80)), "tcp/80", State.FILTERED),  # the answer does not get out
        (entry(100, "in", "allow", (80, 80)) + ANSWERS, "tcp/80", State.PASSED),
        (entry(100, "in", "allow", (80, 80)) + ANSWERS, "tcp/81", State.FILTERED),
        (entry(100, "in", "allow", (80, 80)) + ANSWERS, "udp/80", State.FILTERED),
        # The lower number decides, whatever order they are written in.
        (
            entry(100, "in", "allow", (80, 80)) + entry(90, "in", "deny", (0, 1023)) + ANSWERS,
            "tcp/80",
            State.FILTERED,
        ),
        (
            entry(100, "in", "deny", (80, 80)) + entry(90, "in", "allow", (0, 1023)) + ANSWERS,
            "tcp/80",
            State.PASSED,
        ),
        # A's address is chosen at launch: half of its subnet is allowed.
        (entry(100, "in", "allow", (80, 80), "10.0.0.0/25") + ANSWERS, "tcp/80", State.UNDECIDED),
        # Linux clients take 32768 to 60999; answers to a part of these ports get lost.
        (
            entry(100, "in", "allow", (80, 80)) + entry(100, "out", "allow", (32768, 60999)),
            "tcp/80",
            State.PASSED,
        ),
        (
            entry(100, "in", "allow", (80, 80)) + entry(100, "out", "allow", (49152, 65535)),
            "tcp/80",
            State.UNDECIDED,
        ),
        (
            entry(100, "in", "allow", (80, 80)) + entry(100, "out", "allow", (1024, 2048)),
            "tcp/80",
            State.FILTERED,
        ),
        (
            entry(100, "in", "allow", None, protocol=-1) + entry(100, "out", "allow", None, protocol=-1),
            "icmp",
            State.OPEN,
        ),
        (entry(100, "in", "allow", None, protocol=-1) + ANSWERS, "icmp", State.FILTERED),
        (
            entry(100, "in", "allow", (80, 80)) + entry(100, "out", "allow", None, protocol=-1),
            "tcp/80",
            State.PASSED,
        ),
    ],
)
def test_entries(network: MakeNetwork, entries: str, flow: str, state: State) -> None:
    answer = Reach(network(HOSTS + entries)).ask("A", "B", flow)
    assert answer.state is state, answer


def test_inside_a_subnet_nobody_asks(network: MakeNetwork) -> None:
    assert Reach(network(HOSTS)).ask("B", "C", "tcp/80").state is State.PASSED


def test_the_source_s_own_border_counts_too(network: MakeNetwork) -> None:
    out = entry(100, "out", "allow", (443, 443)) + entry(100, "in", "allow", (1024, 65535))
    reach = Reach(network(HOSTS + out))
    assert reach.ask("B", "A", "tcp/443").state is State.PASSED
    unanswered = Reach(network(HOSTS + entry(100, "out", "allow", (443, 443)))).ask("B", "A", "tcp/443")
    assert unanswered.state is State.FILTERED
    assert [one.text for one in unanswered.reasons] == [
        "Acl has no inbound entry for tcp 32768-60999 from A (10.0.0.0/24)"
    ]
    answer = reach.ask("B", "A", "tcp/80")
    assert answer.state is State.FILTERED
    assert [one.text for one in answer.reasons] == ["Acl has no outbound entry for tcp 80 to A (10.0.0.0/24)"]


def test_the_entry_that_denies_is_named(network: MakeNetwork) -> None:
    entries = entry(90, "in", "deny", (80, 80)) + entry(100, "in", "allow", (0, 65535)) + ANSWERS
    (reason,) = Reach(network(HOSTS + entries)).ask("A", "B", "tcp/80").reasons
    assert reason.logical_id == "In90"
    assert reason.text == "inbound entry 90 of Acl denies tcp 80 from A (10.0.0.0/24)"


def test_the_default_acl_allows_until_an_entry_is_added(network: MakeNetwork) -> None:
    text = HOSTS.replace("  OfPrivate:", "  Unused:").replace(
        "SubnetId: !Ref Private, NetworkAclId", "SubnetId: subnet-0, NetworkAclId"
    )
    assert Reach(network(text)).ask("A", "B", "tcp/80").state is State.PASSED
    text += entry(50, "in", "deny", (80, 80)).replace("!Ref Acl", "!GetAtt Vpc.DefaultNetworkAcl")
    reach = Reach(network(text))
    assert reach.ask("A", "B", "tcp/80").state is State.FILTERED
    assert reach.ask("A", "B", "tcp/81").state is State.PASSED


@pytest.mark.parametrize(
    ("kind", "allowed"),
    [((8, -1), State.OPEN), ((8, 0), State.OPEN), ((0, -1), State.FILTERED), ((-1, -1), State.OPEN)],
)
def test_icmp_has_types_and_its_answer_another(
    network: MakeNetwork, kind: tuple[int, int], allowed: State
) -> None:
    text = f"""
  Echo:
    Type: AWS::EC2::NetworkAclEntry
    Properties: {{NetworkAclId: !Ref Acl, RuleNumber: 1, Egress: false, Protocol: 1, RuleAction: allow,
      CidrBlock: 0.0.0.0/0, Icmp: {{Type: {kind[0]}, Code: {kind[1]}}}}}
  Reply:
    Type: AWS::EC2::NetworkAclEntry
    Properties: {{NetworkAclId: !Ref Acl, RuleNumber: 1, Egress: true, Protocol: 1, RuleAction: allow,
      CidrBlock: 0.0.0.0/0, Icmp: {{Type: 0, Code: -1}}}}
"""
    assert Reach(network(HOSTS + text)).ask("A", "B", Flow("icmp", 8)).state is allowed

"""Security groups: stateful, only allowing, by address, group and prefix list."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stackproof.netmodel import Network, Reach, State

MakeNetwork = Callable[[str], Network]

PAIR = """
  A: {{Type: AWS::EC2::Instance, Properties: {{SubnetId: !Ref Public, SecurityGroupIds: [!Ref AG]}}}}
  B: {{Type: AWS::EC2::Instance, Properties: {{SubnetId: !Ref {subnet}, SecurityGroupIds: [!Ref BG]}}}}
  AG: {{Type: AWS::EC2::SecurityGroup, Properties: {{GroupDescription: a, VpcId: !Ref Vpc{a}}}}}
  BG: {{Type: AWS::EC2::SecurityGroup, Properties: {{GroupDescription: b, VpcId: !Ref Vpc{b}}}}}
"""


def pair(a: str = "", b: str = "", subnet: str = "Private", more: str = "") -> str:
    text = PAIR.format(a=f", {a}" if a else "", b=f", {b}" if b else "", subnet=subnet)
    return text + more


def ingress(rule: str) -> str:
    return f"SecurityGroupIngress: [{{{rule}}}]"


def egress(rule: str) -> str:
    return f"SecurityGroupEgress: [{{{rule}}}]"


TCP = "IpProtocol: tcp, FromPort: 80, ToPort: 90"


@pytest.mark.parametrize(
    ("rule", "flow", "state"),
    [
        (f"{TCP}, CidrIp: 10.0.0.0/24", "tcp/80", State.PASSED),
        (f"{TCP}, CidrIp: 10.0.0.0/24", "tcp/90", State.PASSED),
        (f"{TCP}, CidrIp: 10.0.0.0/24", "tcp/91", State.FILTERED),
        (f"{TCP}, CidrIp: 10.0.0.0/24", "udp/80", State.FILTERED),
        (f"{TCP}, CidrIp: 10.0.9.0/24", "tcp/80", State.FILTERED),
        # A's address is chosen at launch: half of its subnet matches.
        (f"{TCP}, CidrIp: 10.0.0.0/25", "tcp/80", State.UNDECIDED),
        (f"{TCP}, CidrIpv6: '::/0'", "tcp/80", State.FILTERED),
        ("IpProtocol: '-1', CidrIp: 0.0.0.0/0", "udp/53", State.PASSED),
        ("IpProtocol: -1, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0", "tcp/80", State.PASSED),
        ("IpProtocol: '6', FromPort: 80, ToPort: 80, CidrIp: 0.0.0.0/0", "tcp/80", State.PASSED),
        ("IpProtocol: '17', FromPort: 80, ToPort: 80, CidrIp: 0.0.0.0/0", "udp/80", State.PASSED),
        ("IpProtocol: icmp, FromPort: 8, ToPort: -1, CidrIp: 0.0.0.0/0", "icmp", State.OPEN),
        ("IpProtocol: icmp, FromPort: -1, ToPort: -1, CidrIp: 0.0.0.0/0", "icmp", State.OPEN),
        ("IpProtocol: icmp, FromPort: 3, ToPort: 4, CidrIp: 0.0.0.0/0", "icmp", State.FILTERED),
        (f"{TCP}, SourceSecurityGroupId: !Ref AG", "tcp/80", State.PASSED),
        (f"{TCP}, SourceSecurityGroupId: !GetAtt AG.GroupId", "tcp/80", State.PASSED),
        (f"{TCP}, SourceSecurityGroupId: !GetAtt Vpc.DefaultSecurityGroup", "tcp/80", State.FILTERED),
        (f"{TCP}, SourcePrefixListId: !Ref List", "tcp/80", State.PASSED),
        (f"{TCP}, SourcePrefixListId: pl-0123456789abcdef0", "tcp/80", State.UNDECIDED),
        # What another stack exports was there before this stack's own groups.
        (f"{TCP}, SourceSecurityGroupId: !ImportValue other-group", "tcp/80", State.FILTERED),
    ],
)
def test_ingress(network: MakeNetwork, rule: str, flow: str, state: State) -> None:
    more = """
  List:
    Type: AWS::EC2::PrefixList
    Properties:
      PrefixListName: p
      AddressFamily: IPv4
      MaxEntries: 2
      Entries: [{Cidr: 10.9.0.0/16}, {Cidr: 10.0.0.0/16}]
"""
    answer = Reach(network(pair(b=ingress(rule), more=more))).ask("A", "B", flow)
    assert answer.state is state, answer


def test_what_is_missing_is_named_with_its_line(network: MakeNetwork, tmp_path: Path) -> None:
    answer = Reach(network(pair(b=ingress(f"{TCP}, CidrIp: 10.0.0.0/24")))).ask("A", "B", "tcp/22")
    (reason,) = answer.reasons
    assert reason.logical_id == "BG"
    assert reason.text == "BG of B has no ingress rule for tcp 22 from A (10.0.0.0/24)"
    assert reason.location is not None
    assert reason.location.file == "only/template.yaml"
    line = (
        (tmp_path / reason.location.file).read_text(encoding="utf-8").splitlines()[reason.location.line - 1]
    )
    assert line.startswith("  BG:")


def test_everything_goes_out_until_a_rule_says_otherwise(network: MakeNetwork) -> None:
    everybody = ingress("IpProtocol: '-1', CidrIp: 0.0.0.0/0")
    assert Reach(network(pair(b=everybody))).ask("A", "B", "tcp/80").state is State.PASSED


@pytest.mark.parametrize(
    ("rule", "state"),
    [
        ("IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0", State.FILTERED),
        ("IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 10.0.1.0/24", State.PASSED),
        ("IpProtocol: tcp, FromPort: 80, ToPort: 80, DestinationSecurityGroupId: !Ref BG", State.PASSED),
        ("IpProtocol: tcp, FromPort: 80, ToPort: 80, DestinationSecurityGroupId: !Ref AG", State.FILTERED),
    ],
)
def test_egress(network: MakeNetwork, rule: str, state: State) -> None:
    everybody = ingress("IpProtocol: '-1', CidrIp: 0.0.0.0/0")
    assert Reach(network(pair(a=egress(rule), b=everybody))).ask("A", "B", "tcp/80").state is state


def test_a_rule_of_its_own_takes_the_default_egress_away_too(network: MakeNetwork) -> None:
    more = """
  Out:
    Type: AWS::EC2::SecurityGroupEgress
    Properties: {GroupId: !Ref AG, IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0}
"""
    everybody = ingress("IpProtocol: '-1', CidrIp: 0.0.0.0/0")
    reach = Reach(network(pair(b=everybody, more=more)))
    assert reach.ask("A", "B", "tcp/80").state is State.FILTERED
    answer = reach.ask("A", "B", "tcp/443")
    assert answer.state is State.PASSED
    assert "Out" in {reason.logical_id for reason in answer.reasons}


def test_a_rule_of_its_own_opens_a_group(network: MakeNetwork) -> None:
    more = """
  In:
    Type: AWS::EC2::SecurityGroupIngress
    Properties:
      {GroupId: !GetAtt BG.GroupId, IpProtocol: tcp, FromPort: 80, ToPort: 80, SourceSecurityGroupId: !Ref AG}
"""
    reach = Reach(network(pair(more=more)))
    assert reach.ask("A", "B", "tcp/80").state is State.PASSED
    assert reach.ask("B", "A", "tcp/80").state is State.FILTERED


def test_an_address_outside_is_in_no_group(network: MakeNetwork) -> None:
    own = ingress(f"{TCP}, SourceSecurityGroupId: !Ref BG")
    reach = Reach(network(pair(b=own, subnet="Public")), {"stranger": "198.51.100.7"})
    assert reach.ask("stranger", "B", "tcp/80").state is State.FILTERED


def test_a_group_that_lets_itself_in_lets_all_its_members(network: MakeNetwork) -> None:
    text = """
  A: {Type: AWS::EC2::Instance, Properties: {SubnetId: !Ref Public, SecurityGroupIds: [!Ref G]}}
  B: {Type: AWS::EC2::Instance, Properties: {SubnetId: !Ref Private, SecurityGroupIds: [!Ref G]}}
  C: {Type: AWS::EC2::Instance, Properties: {SubnetId: !Ref Private, SecurityGroupIds: [!Ref H]}}
  G: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: g, VpcId: !Ref Vpc}}
  H: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: h, VpcId: !Ref Vpc}}
  Self:
    Type: AWS::EC2::SecurityGroupIngress
    Properties: {GroupId: !Ref G, IpProtocol: '-1', SourceSecurityGroupId: !Ref G}
"""
    reach = Reach(network(text))
    assert reach.ask("A", "B", "tcp/5432").state is State.PASSED
    assert reach.ask("B", "A", "udp/5432").state is State.PASSED
    assert reach.ask("C", "A", "tcp/5432").state is State.FILTERED


def test_without_a_group_it_is_the_default_one_that_lets_itself_in(network: MakeNetwork) -> None:
    text = """
  A: {Type: AWS::EC2::Instance, Properties: {SubnetId: !Ref Public}}
  B: {Type: AWS::EC2::Instance, Properties: {SubnetId: !Ref Private}}
  C: {Type: AWS::EC2::Instance, Properties: {SubnetId: !Ref Private, SecurityGroupIds: [!Ref H]}}
  H: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: h, VpcId: !Ref Vpc}}
"""
    reach = Reach(network(text))
    assert reach.ask("A", "B", "tcp/1").state is State.PASSED
    assert reach.ask("C", "B", "tcp/1").state is State.FILTERED


def test_one_of_several_groups_is_enough(network: MakeNetwork) -> None:
    text = """
  A: {Type: AWS::EC2::Instance, Properties: {SubnetId: !Ref Public, SecurityGroupIds: [!Ref G]}}
  B: {Type: AWS::EC2::Instance, Properties: {SubnetId: !Ref Private, SecurityGroupIds: [!Ref G, !Ref H]}}
  G: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: g, VpcId: !Ref Vpc}}
  H:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: h
      VpcId: !Ref Vpc
      SecurityGroupIngress: {IpProtocol: tcp, FromPort: 80, ToPort: 80, SourceSecurityGroupId: !Ref G}
"""
    reach = Reach(network(text))
    assert reach.ask("A", "B", "tcp/80").state is State.PASSED
    answer = reach.ask("A", "B", "tcp/81")
    assert [reason.logical_id for reason in answer.reasons] == ["G", "H"]


def test_what_listens_makes_open_or_refused(network: MakeNetwork) -> None:
    read = network(pair(b=ingress(f"{TCP}, CidrIp: 0.0.0.0/0")))
    reach = Reach(read, listening={"B": frozenset({("tcp", 80)})})
    assert reach.ask("A", "B", "tcp/80").state is State.OPEN
    assert reach.ask("A", "B", "tcp/81").state is State.REFUSED
    assert reach.ask("A", "B", "tcp/22").state is State.FILTERED

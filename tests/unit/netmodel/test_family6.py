"""IPv6: rules, entries and routes of the other family count for themselves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stackproof.netmodel import Flow, Network, Reach, State
from stackproof.netmodel.model import Outside

MakeNetwork = Callable[[str], Network]

HOSTS = """
  Six:
    Type: AWS::EC2::Subnet
    Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.6.0/24, Ipv6CidrBlock: "2001:db8:0:6::/64"}
  Seven:
    Type: AWS::EC2::Subnet
    Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.7.0/24, Ipv6CidrBlock: "2001:db8:0:7::/64"}
  A: {Type: AWS::EC2::Instance, Properties: {SubnetId: !Ref Six, SecurityGroupIds: [!Ref G]}}
  B: {Type: AWS::EC2::Instance, Properties: {SubnetId: !Ref Seven, SecurityGroupIds: [!Ref G]}}
  G:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: g
      VpcId: !Ref Vpc
      SecurityGroupIngress:
        - {IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIpv6: "::/0"}
        - {IpProtocol: tcp, FromPort: 81, ToPort: 81, CidrIp: 0.0.0.0/0}
        - {IpProtocol: tcp, FromPort: 82, ToPort: 82, CidrIpv6: "2001:db8:0:7::/64"}
        - {IpProtocol: icmpv6, FromPort: 128, ToPort: -1, CidrIpv6: "::/0"}
"""
ROUTES = """
  Table: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
  OfSix:
    Type: AWS::EC2::SubnetRouteTableAssociation
    Properties: {SubnetId: !Ref Six, RouteTableId: !Ref Table}
  Out:
    Type: AWS::EC2::Route
    Properties: {RouteTableId: !Ref Table, DestinationIpv6CidrBlock: "::/0", GATEWAY}
  Only: {Type: AWS::EC2::EgressOnlyInternetGateway, Properties: {VpcId: !Ref Vpc}}
"""


@pytest.mark.parametrize(
    ("port", "family", "state"),
    [
        (80, 6, State.PASSED),
        (80, 4, State.FILTERED),
        (81, 6, State.FILTERED),
        (81, 4, State.PASSED),
        (82, 6, State.FILTERED),
    ],
)
def test_a_rule_is_about_its_family(network: MakeNetwork, port: int, family: int, state: State) -> None:
    assert Reach(network(HOSTS)).ask("A", "B", Flow("tcp", port, family=family)).state is state


def test_its_echo_requests_are_messages_of_their_own(network: MakeNetwork) -> None:
    reach = Reach(network(HOSTS))
    assert reach.ask("A", "B", "icmpv6").state is State.OPEN
    assert reach.ask("A", "B", "icmp").state is State.FILTERED


@pytest.mark.parametrize(
    ("gateway", "inward", "outward"),
    [
        ("GatewayId: !Ref Gateway", State.PASSED, State.PASSED),
        ("EgressOnlyInternetGatewayId: !Ref Only", State.FILTERED, State.PASSED),
    ],
)
def test_an_egress_only_gateway_lets_nothing_in(
    network: MakeNetwork, gateway: str, inward: State, outward: State
) -> None:
    reach = Reach(network(HOSTS + ROUTES.replace("GATEWAY", gateway)))
    reach.outside["stranger"] = Outside("stranger", "198.51.100.7", "2001:db8:ffff::7")
    assert reach.ask("stranger", "A", Flow("tcp", 80, family=6)).state is inward
    assert reach.ask("A", "stranger", Flow("tcp", 80, family=6)).state is outward

"""Routes: the internet both ways, NAT gateways, peering; public or not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stackproof.netmodel import Network, Reach, State

MakeNetwork = Callable[[str], Network]

OPEN = """
  G:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: g
      VpcId: !Ref Vpc
      SecurityGroupIngress: [{IpProtocol: '-1', CidrIp: 0.0.0.0/0}]
"""
A = """
  A: {Type: AWS::EC2::Instance, Properties: {SubnetId: !Ref Public, SecurityGroupIds: [!Ref G]}}
"""
B = """
  B: {Type: AWS::EC2::Instance, Properties: {SubnetId: !Ref Private, SecurityGroupIds: [!Ref G]}}
"""
STRANGER = {"stranger": "198.51.100.7"}


def test_a_public_host_is_reached_and_reaches(network: MakeNetwork) -> None:
    reach = Reach(network(OPEN + A), STRANGER)
    assert reach.ask("stranger", "A", "tcp/80").state is State.PASSED
    assert reach.ask("A", "stranger", "tcp/80").state is State.PASSED


def test_a_host_without_a_public_address_is_not(network: MakeNetwork) -> None:
    text = OPEN + A.replace(
        "SubnetId: !Ref Public, SecurityGroupIds: [!Ref G]",
        "NetworkInterfaces: [{DeviceIndex: '0', SubnetId: !Ref Public, GroupSet: [!Ref G],"
        " AssociatePublicIpAddress: false}]",
    )
    reach = Reach(network(text), STRANGER)
    answer = reach.ask("stranger", "A", "tcp/80")
    assert answer.state is State.FILTERED
    assert [one.text for one in answer.reasons] == ["A has no public address"]
    assert reach.ask("A", "stranger", "tcp/80").state is State.FILTERED


@pytest.mark.parametrize("how", ["InstanceId: !Ref A", "association"])
def test_an_elastic_address_is_a_public_one(network: MakeNetwork, how: str) -> None:
    text = (
        OPEN
        + A.replace("!Ref Public", "!Ref Other")
        + """
  Other: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.7.0/24}}
  OtherAssociation:
    Type: AWS::EC2::SubnetRouteTableAssociation
    Properties: {SubnetId: !Ref Other, RouteTableId: !Ref PublicTable}
"""
    )
    assert Reach(network(text), STRANGER).ask("stranger", "A", "tcp/80").state is State.FILTERED
    if how == "association":
        text += """
  Address: {Type: AWS::EC2::EIP, Properties: {Domain: vpc}}
  Use:
    Type: AWS::EC2::EIPAssociation
    Properties: {InstanceId: !Ref A, AllocationId: !GetAtt Address.AllocationId}
"""
    else:
        text += f"\n  Address: {{Type: AWS::EC2::EIP, Properties: {{Domain: vpc, {how}}}}}\n"
    assert Reach(network(text), STRANGER).ask("stranger", "A", "tcp/80").state is State.PASSED


def test_without_a_route_there_is_no_way(network: MakeNetwork) -> None:
    text = OPEN + B
    reach = Reach(network(text), STRANGER)
    answer = reach.ask("B", "stranger", "tcp/443")
    assert answer.state is State.FILTERED
    assert "Vpc.MainRouteTable of Private has no route to 198.51.100.7/32" in [
        one.text for one in answer.reasons
    ]


def test_a_gateway_that_is_attached_nowhere_leads_nowhere(network: MakeNetwork) -> None:
    text = (
        OPEN
        + A
        + """
  Loose: {Type: AWS::EC2::InternetGateway}
  Specific:
    Type: AWS::EC2::Route
    Properties: {RouteTableId: !Ref PublicTable, DestinationCidrBlock: 198.51.100.0/24, GatewayId: !Ref Loose}
"""
    )
    reach = Reach(network(text), {**STRANGER, "other": "203.0.113.9"})
    assert reach.ask("A", "stranger", "tcp/80").state is State.FILTERED  # the longer prefix wins
    assert reach.ask("A", "other", "tcp/80").state is State.PASSED


NAT = """
  Nat: {Type: AWS::EC2::NatGateway, Properties: {SubnetId: !Ref Public, AllocationId: eipalloc-0}}
  Table: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
  Out:
    Type: AWS::EC2::Route
    Properties: {RouteTableId: !Ref Table, DestinationCidrBlock: 0.0.0.0/0, NatGatewayId: !Ref Nat}
  OfPrivate:
    Type: AWS::EC2::SubnetRouteTableAssociation
    Properties: {SubnetId: !Ref Private, RouteTableId: !Ref Table}
"""


def test_by_a_nat_gateway_out_and_never_in(network: MakeNetwork) -> None:
    reach = Reach(network(OPEN + A + B + NAT), STRANGER)
    assert reach.ask("B", "stranger", "tcp/443").state is State.PASSED
    assert reach.ask("stranger", "B", "tcp/443").state is State.FILTERED
    assert reach.ask("stranger", "Nat", "tcp/443").state is State.FILTERED
    assert reach.ask("A", "Nat", "tcp/443").state is State.FILTERED


def test_a_public_address_behind_a_nat_gateway_answers_nobody(network: MakeNetwork) -> None:
    """What comes in by the internet gateway would be answered by another way."""
    text = (
        OPEN
        + B
        + NAT
        + """
  Address: {Type: AWS::EC2::EIP, Properties: {Domain: vpc, InstanceId: !Ref B}}
"""
    )
    answer = Reach(network(text), STRANGER).ask("stranger", "B", "tcp/80")
    assert answer.state is State.FILTERED
    assert [one.text for one in answer.reasons] == ["Out of Table leads 198.51.100.7/32 to Nat"]


def test_a_nat_gateway_s_own_subnet_must_let_through(network: MakeNetwork) -> None:
    acl = """
  Acl: {Type: AWS::EC2::NetworkAcl, Properties: {VpcId: !Ref Vpc}}
  OfPublic:
    Type: AWS::EC2::SubnetNetworkAclAssociation
    Properties: {SubnetId: !Ref Public, NetworkAclId: !Ref Acl}
  In:
    Type: AWS::EC2::NetworkAclEntry
    Properties:
      {NetworkAclId: !Ref Acl, RuleNumber: 1, Protocol: -1, RuleAction: allow,
       CidrBlock: 0.0.0.0/0}
  Out1:
    Type: AWS::EC2::NetworkAclEntry
    Properties:
      {NetworkAclId: !Ref Acl, RuleNumber: 1, Egress: true, Protocol: 6, RuleAction: allow,
       CidrBlock: 0.0.0.0/0, PortRange: {From: 443, To: 443}}
  Out2:
    Type: AWS::EC2::NetworkAclEntry
    Properties:
      {NetworkAclId: !Ref Acl, RuleNumber: 2, Egress: true, Protocol: 6, RuleAction: allow,
       CidrBlock: 10.0.0.0/16, PortRange: {From: 1024, To: 65535}}
"""
    reach = Reach(network(OPEN + B + NAT + acl), STRANGER)
    assert reach.ask("B", "stranger", "tcp/443").state is State.PASSED
    answer = reach.ask("B", "stranger", "tcp/80")
    assert answer.state is State.FILTERED
    assert "Acl has no outbound entry for tcp 80 to stranger (198.51.100.7)" in [
        one.text for one in answer.reasons
    ]


PEER = (
    OPEN
    + B
    + """
  Far: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.9.0.0/16}}
  FarSubnet: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Far, CidrBlock: 10.9.1.0/24}}
  FarTable: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Far}}
  FarAssociation:
    Type: AWS::EC2::SubnetRouteTableAssociation
    Properties: {SubnetId: !Ref FarSubnet, RouteTableId: !Ref FarTable}
  FarGroup:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: g
      VpcId: !Ref Far
      SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 80, ToPort: 80, SourceSecurityGroupId: !Ref G}]
  C: {Type: AWS::EC2::Instance, Properties: {SubnetId: !Ref FarSubnet, SecurityGroupIds: [!Ref FarGroup]}}
  Peering: {Type: AWS::EC2::VPCPeeringConnection, Properties: {VpcId: !Ref Vpc, PeerVpcId: !Ref Far}}
  Table: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
  OfPrivate:
    Type: AWS::EC2::SubnetRouteTableAssociation
    Properties: {SubnetId: !Ref Private, RouteTableId: !Ref Table}
  There:
    Type: AWS::EC2::Route
    Properties:
      {RouteTableId: !Ref Table, DestinationCidrBlock: 10.9.0.0/16, VpcPeeringConnectionId: !Ref Peering}
"""
)
BACK = """
  Back:
    Type: AWS::EC2::Route
    Properties:
      {RouteTableId: !Ref FarTable, DestinationCidrBlock: 10.0.0.0/16, VpcPeeringConnectionId: !Ref Peering}
"""


def test_peering_needs_a_route_on_both_sides(network: MakeNetwork) -> None:
    answer = Reach(network(PEER)).ask("B", "C", "tcp/80")
    assert answer.state is State.FILTERED
    assert [one.text for one in answer.reasons] == ["FarTable of C has no route to 10.0.1.0/24"]
    reach = Reach(network(PEER + BACK))
    assert reach.ask("B", "C", "tcp/80").state is State.PASSED
    assert reach.ask("B", "C", "tcp/81").state is State.FILTERED


def test_a_way_that_is_not_modelled_is_undecided(network: MakeNetwork) -> None:
    text = (
        OPEN
        + B
        + """
  Table: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
  OfPrivate:
    Type: AWS::EC2::SubnetRouteTableAssociation
    Properties: {SubnetId: !Ref Private, RouteTableId: !Ref Table}
  Away:
    Type: AWS::EC2::Route
    Properties:
      {RouteTableId: !Ref Table, DestinationCidrBlock: 0.0.0.0/0, TransitGatewayId: tgw-0123456789abcdef0}
"""
    )
    answer = Reach(network(text), STRANGER).ask("B", "stranger", "tcp/443")
    assert answer.state is State.UNDECIDED
    assert "tgw-0123456789abcdef0, which is not modelled" in answer.reasons[0].text

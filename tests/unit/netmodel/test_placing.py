"""Who stands where: groups, balancers, databases, functions; and templates that find each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stackproof.deploy.model import Level, Resource, Verdict
from stackproof.hosts.netns import lay_out
from stackproof.model import Location
from stackproof.netmodel import Network, Part, Reach, State, matrix, part_of_deployed, read

MakeNetwork = Callable[[str], Network]
MakePart = Callable[..., Part]

GROUPS = """
  FrontGroup:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: front
      VpcId: !Ref Vpc
      SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 0.0.0.0/0}]
  BackGroup:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: back
      VpcId: !Ref Vpc
      SecurityGroupIngress:
        - {IpProtocol: tcp, FromPort: 3306, ToPort: 8080, SourceSecurityGroupId: !Ref FrontGroup}
"""
BALANCER = """
  Balancer:
    Type: AWS::ElasticLoadBalancingV2::LoadBalancer
    Properties:
      {Type: application, Scheme: internet-facing, Subnets: [!Ref Public], SecurityGroups: [!Ref FrontGroup]}
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties: {LoadBalancerArn: !Ref Balancer, Port: 80, Protocol: HTTP, DefaultActions: []}
"""
FLEET = """
  Template:
    Type: AWS::EC2::LaunchTemplate
    Properties: {LaunchTemplateData: {SecurityGroupIds: [!Ref BackGroup]}}
  Fleet:
    Type: AWS::AutoScaling::AutoScalingGroup
    Properties:
      MinSize: '2'
      MaxSize: '4'
      VPCZoneIdentifier: [!Ref Private]
      LaunchTemplate: {LaunchTemplateId: !Ref Template, Version: !GetAtt Template.LatestVersionNumber}
"""


def test_a_balancer_listens_where_its_listeners_say(network: MakeNetwork) -> None:
    reach = Reach(network(GROUPS + BALANCER + FLEET), {"stranger": "198.51.100.7"})
    assert reach.ask("stranger", "Balancer", "tcp/80").state is State.OPEN
    assert reach.ask("stranger", "Balancer", "tcp/443").state is State.FILTERED
    assert reach.ask("Balancer", "Fleet", "tcp/8080").state is State.PASSED
    assert reach.ask("Fleet", "Balancer", "tcp/8080").state is State.FILTERED
    assert reach.network.nodes["Fleet"].count == 2


def test_members_in_subnets_that_differ_are_undecided(network: MakeNetwork) -> None:
    text = GROUPS + FLEET.replace("[!Ref Private]", "[!Ref Private, !Ref Public]").replace(
        "SecurityGroupIds: [!Ref BackGroup]", "SecurityGroupIds: [!Ref FrontGroup]"
    )
    answer = Reach(network(text), {"stranger": "198.51.100.7"}).ask("stranger", "Fleet", "tcp/80")
    assert answer.state is State.UNDECIDED
    assert "Fleet has no public address" in {one.text for one in answer.reasons}


def test_a_network_balancer_without_groups_filters_nothing(network: MakeNetwork) -> None:
    text = GROUPS + BALANCER.replace("Type: application, ", "Type: network, ").replace(
        ", SecurityGroups: [!Ref FrontGroup]", ""
    )
    reach = Reach(network(text), {"stranger": "198.51.100.7"})
    assert reach.ask("stranger", "Balancer", "tcp/443").state is State.PASSED


@pytest.mark.parametrize(
    ("resource", "port", "state"),
    [
        (
            "Type: AWS::RDS::DBInstance, Properties: {Engine: mysql, DBSubnetGroupName: !Ref Subnets, "
            "VPCSecurityGroups: [!Ref BackGroup]}",
            3306,
            State.OPEN,
        ),
        (
            "Type: AWS::ElastiCache::CacheCluster, Properties: {Engine: memcached, NumCacheNodes: 2, "
            "Port: 4000, CacheNodeType: cache.t4g.micro, CacheSubnetGroupName: !Ref Subnets, "
            "VpcSecurityGroupIds: [!Ref BackGroup]}",
            4000,
            State.OPEN,
        ),
        (
            "Type: AWS::ECS::Service, Properties: {DesiredCount: 2, NetworkConfiguration: "
            "{AwsvpcConfiguration: {Subnets: [!Ref Private], SecurityGroups: [!Ref BackGroup]}}}",
            8080,
            State.PASSED,
        ),
        (
            "Type: AWS::EC2::NetworkInterface, Properties: {SubnetId: !Ref Private, "
            "GroupSet: [!Ref BackGroup]}",
            8080,
            State.PASSED,
        ),
    ],
)
def test_kinds_of_hosts(network: MakeNetwork, resource: str, port: int, state: State) -> None:
    text = f"""
  Back: {{{resource}}}
  Subnets:
    Type: AWS::RDS::DBSubnetGroup
    Properties: {{DBSubnetGroupDescription: d, SubnetIds: [!Ref Private]}}
"""
    reach = Reach(network(GROUPS + BALANCER + text))
    assert reach.ask("Balancer", "Back", f"tcp/{port}").state is state
    assert reach.ask("Balancer", "Back", "tcp/22").state is State.FILTERED


@pytest.mark.parametrize(
    ("properties", "port", "nodes"),
    [
        ("{Engine: memcached, NumCacheNodes: 3, CacheSubnetGroupName: !Ref Two}", 11211, 3),
        ("{Engine: redis, NumCacheNodes: 1, CacheSubnetGroupName: !Ref Two}", 6379, 1),
    ],
)
def test_a_cache_cluster_is_nodes_in_its_subnets(
    network: MakeNetwork, properties: str, port: int, nodes: int
) -> None:
    """Without groups of its own it has the default one of its VPC; it never has a public address."""
    text = f"""
  Two:
    Type: AWS::ElastiCache::SubnetGroup
    Properties: {{Description: d, SubnetIds: [!Ref Private, !Ref Public]}}
  Cache: {{Type: AWS::ElastiCache::CacheCluster, Properties: {properties}}}
"""
    found = network(text)
    node = found.nodes["Cache"]
    assert (node.count, node.listening) == (nodes, frozenset({("tcp", port)}))
    assert [(one.subnet, one.groups, one.public) for one in node.places] == [
        ("Private", ("Vpc.DefaultSecurityGroup",), False),
        ("Public", ("Vpc.DefaultSecurityGroup",), False),
    ]
    names = [f"Cache-{number}" for number in range(1, nodes + 1)] if nodes > 1 else ["Cache"]
    members = lay_out(found).members
    assert list(members) == names
    assert [one.subnet for one in members.values()] == ["Private", "Public", "Private"][:nodes]


def test_a_function_asks_and_is_never_asked(network: MakeNetwork) -> None:
    text = (
        GROUPS
        + FLEET
        + """
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Role: arn:aws:iam::111122223333:role/r
      Code: {ZipFile: x}
      VpcConfig: {SubnetIds: [!Ref Private], SecurityGroupIds: [!Ref FrontGroup]}
"""
    )
    reach = Reach(network(text))
    assert reach.ask("Function", "Fleet", "tcp/8080").state is State.PASSED
    assert reach.ask("Function", "Fleet", "tcp/22").state is State.FILTERED


FOUNDATION = """
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  First: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}}
  Second: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24}}
  VpcName: {Type: AWS::SSM::Parameter, Properties: {Name: /net/vpc, Type: String, Value: !Ref Vpc}}
  Subnets:
    Type: AWS::SSM::Parameter
    Properties: {Name: /net/subnets, Type: StringList, Value: !Join [',', [!Ref First, !Ref Second]]}
"""
SERVICE = """
  G:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: g
      VpcId: !Ref VpcId
      SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 10.0.0.0/24}]
  A:
    Type: AWS::EC2::Instance
    Properties: {SubnetId: !Select [0, !Ref SubnetIds], SecurityGroupIds: [!Ref G]}
  B:
    Type: AWS::EC2::Instance
    Properties: {SubnetId: !Select [1, !Ref SubnetIds], SecurityGroupIds: [!Ref G]}
"""
PARAMETERS = """Parameters:
  VpcId: {Type: 'AWS::SSM::Parameter::Value<AWS::EC2::VPC::Id>', Default: /net/vpc}
  SubnetIds: {Type: 'AWS::SSM::Parameter::Value<List<AWS::EC2::Subnet::Id>>'}
"""


def test_templates_find_each_other_by_the_parameter_store(part: MakePart) -> None:
    service = part(SERVICE, "service", top=PARAMETERS, parameters={"SubnetIds": "/net/subnets"})
    found = read([service, part(FOUNDATION, "net")])
    assert [one.subnet for one in found.nodes["service/A"].places] == ["net/First"]
    reach = Reach(found)
    assert reach.ask("service/A", "service/B", "tcp/80").state is State.PASSED
    assert reach.ask("service/B", "service/A", "tcp/80").state is State.FILTERED


def test_alone_it_says_what_is_missing(part: MakePart) -> None:
    service = part(SERVICE, "service", top=PARAMETERS, parameters={"SubnetIds": "/net/subnets"})
    reach = Reach(read([service]))
    answer = reach.ask("service/A", "service/B", "tcp/80")
    assert answer.state is State.UNDECIDED
    assert any("is not in the templates" in one.text for one in answer.reasons)
    # What no rule is about is certain whatever the rest is.
    assert reach.ask("service/A", "service/B", "tcp/22").state is State.FILTERED


def test_two_resources_of_one_name_need_names_of_their_templates(part: MakePart) -> None:
    with pytest.raises(ValueError, match="'Vpc': give them names"):
        read([part(FOUNDATION), part(FOUNDATION)])


def test_a_deployed_stack_reads_alike(network: MakeNetwork) -> None:
    def made(logical_id: str, kind: str, physical: str, **properties: Any) -> tuple[str, Resource]:
        at = Location("t.yaml", 3)
        return logical_id, Resource(
            logical_id=logical_id,
            type=kind,
            physical_id=physical,
            attributes={"GroupId": physical} if kind.endswith("Group") else {},
            properties=properties,
            verdict=Verdict(Level.EMULATED),
            location=at,
        )

    rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "SourceSecurityGroupId": "sg-00000001"}
    stack = dict(
        [
            made("Vpc", "AWS::EC2::VPC", "vpc-00000001", CidrBlock="10.0.0.0/16"),
            made("S", "AWS::EC2::Subnet", "subnet-00000001", VpcId="vpc-00000001", CidrBlock="10.0.0.0/24"),
            made(
                "G",
                "AWS::EC2::SecurityGroup",
                "sg-00000001",
                VpcId="vpc-00000001",
                SecurityGroupIngress=[rule],
            ),
            made(
                "A",
                "AWS::EC2::Instance",
                "i-00000001",
                SubnetId="subnet-00000001",
                SecurityGroupIds=["sg-00000001"],
            ),
            made(
                "B",
                "AWS::EC2::Instance",
                "i-00000002",
                SubnetId="subnet-00000001",
                SecurityGroupIds=["sg-00000001"],
            ),
        ]
    )
    reach = Reach(read([part_of_deployed(stack)]))
    assert reach.ask("A", "B", "tcp/80").state is State.PASSED
    assert reach.ask("A", "B", "tcp/22").state is State.FILTERED


def test_the_matrix_asks_everybody(network: MakeNetwork) -> None:
    found = matrix(
        Reach(network(GROUPS + BALANCER + FLEET), {"stranger": "198.51.100.7"}), ["tcp/80", "tcp/8080"]
    )
    assert len(found) == (2 * 1 + 2) * 2
    assert found["stranger", "Balancer", "tcp 80"].state is State.OPEN
    assert found.table().splitlines() == [
        "source    target    tcp 80    tcp 8080",
        "Balancer  Fleet     filtered  passed",
        "Fleet     Balancer  open      filtered",
        "stranger  Balancer  open      filtered",
        "stranger  Fleet     filtered  filtered",
    ]

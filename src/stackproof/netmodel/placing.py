"""Who stands where: for each type of resource that has interfaces, its subnets, groups and addresses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stackproof.netmodel.flow import EPHEMERAL_ANY, EPHEMERAL_LINUX
from stackproof.netmodel.model import Network, Node, Place
from stackproof.netmodel.parts import Item, Namer, Part
from stackproof.template.model import Choice, Unknown

_ELASTIC = "AWS::EC2::EIPAssociation"


def nodes(parts: Sequence[Part], namer: Namer, network: Network) -> dict[str, Node]:
    """Every node of the parts by its id."""
    placer = _Placer(parts, namer, network)
    found = {}
    for part in parts:
        for item in part.items:
            make = _KINDS.get(item.type)
            node = make(placer, part, item) if make else None
            if node is not None:
                found[item.id] = node
    return found


class _Placer:
    def __init__(self, parts: Sequence[Part], namer: Namer, network: Network) -> None:
        self.namer = namer
        self.network = network
        self.items: dict[str, tuple[Part, Item]] = {
            item.id: (part, item) for part in parts for item in part.items
        }
        self.elastic = self._elastic()
        self.listeners = self._listeners()

    def _elastic(self) -> set[str]:
        """Ids of instances and interfaces that have an elastic address."""
        found = set()
        for part, item in self.items.values():
            if item.type == _ELASTIC or (item.type == "AWS::EC2::EIP" and "InstanceId" in item.properties):
                for name in ("InstanceId", "NetworkInterfaceId"):
                    if name in item.properties:
                        found.add(self.namer.text(part, item.properties[name]))
        return found

    def _listeners(self) -> dict[str, set[tuple[str, int]]]:
        found: dict[str, set[tuple[str, int]]] = {}
        for part, item in self.items.values():
            if item.type == "AWS::ElasticLoadBalancingV2::Listener":
                balancer = self.namer.text(part, item.properties.get("LoadBalancerArn", ""))
                udp = str(item.properties.get("Protocol")) in {"UDP", "QUIC"}
                port = str(item.properties.get("Port", ""))
                if port.isdigit():
                    found.setdefault(balancer, set()).add(("udp" if udp else "tcp", int(port)))
        return found

    def texts(self, part: Part, value: Any) -> tuple[str, ...]:
        return tuple(self.namer.texts(part, value))

    def place(
        self,
        part: Part,
        subnet: str,
        groups: Any,
        *,
        public: Any = None,
        elastic: bool = False,
        address: Any = None,
    ) -> Place:
        """One interface; ``public`` None: as its subnet says, ``groups`` None: the VPC's default group."""
        there = self.network.subnets.get(subnet)
        named = self.texts(part, groups) if groups is not None else ()
        vpc = there.vpc if there else ""
        if not vpc and named and (first := self.network.groups.get(named[0])):
            vpc = first.vpc
        if groups is None:
            named = (f"{vpc}.DefaultSecurityGroup",)
        has: bool | None
        if elastic:
            has = True
        elif public is None:
            has = there.public if there else None
        else:
            has = _flag(public)
        known = "" if address is None else self.namer.text(part, address)
        return Place(subnet, named, vpc, "" if known.startswith("?") else known, "", has)


def _flag(value: Any) -> bool | None:
    return None if isinstance(value, Unknown | Choice) else str(value).lower() == "true"


def _first(value: Any) -> Mapping[str, Any]:
    """The first interface of a list; the one with device index 0 where several are given."""
    listed = [one for one in value or [] if isinstance(one, Mapping)]
    primary = [one for one in listed if str(one.get("DeviceIndex", "0")) == "0"]
    return (primary or listed or [{}])[0]


def _template(placer: _Placer, part: Part, given: Any) -> tuple[Part, Mapping[str, Any]]:
    """The data of a launch template (or configuration) that ``given`` refers to; empty when unknown."""
    if not isinstance(given, Mapping):
        given = {"LaunchTemplateId": given}
    token = placer.namer.text(part, given.get("LaunchTemplateId", given.get("LaunchTemplateName", "")))
    owner, item = placer.items.get(token, (part, None))
    if item is None:
        return part, {}
    data = item.properties.get("LaunchTemplateData", item.properties)
    return owner, data if isinstance(data, Mapping) else {}


def _interface(placer: _Placer, part: Part, data: Mapping[str, Any], subnet: str, own: str) -> Place:
    """The primary interface that an instance's properties or a launch template's data make."""
    primary = _first(data.get("NetworkInterfaces"))
    if "NetworkInterfaceId" in primary:
        token = placer.namer.text(part, primary["NetworkInterfaceId"])
        owner, item = placer.items.get(token, (part, None))
        if item is not None:
            return _eni_place(placer, owner, item, also=own)
    groups = primary.get("GroupSet", primary.get("Groups", data.get("SecurityGroupIds")))
    if groups is None:
        # A launch configuration says SecurityGroups; an instance by that name means groups by their name.
        groups = data.get("SecurityGroups")
    if not subnet:
        value = primary.get("SubnetId", data.get("SubnetId"))
        subnet = "" if value is None else placer.namer.text(part, value)
    address = primary.get("PrivateIpAddress", data.get("PrivateIpAddress"))
    public = primary.get("AssociatePublicIpAddress", data.get("AssociatePublicIpAddress"))
    elastic = own in placer.elastic
    return placer.place(part, subnet, groups, public=public, elastic=elastic, address=address)


def _eni_place(placer: _Placer, part: Part, item: Item, also: str = "") -> Place:
    own = item.properties
    subnet = placer.namer.text(part, own.get("SubnetId", ""))
    elastic = item.id in placer.elastic or also in placer.elastic
    # An interface that is made by itself gets no public address at launch.
    return placer.place(
        part, subnet, own.get("GroupSet"), public=False, elastic=elastic, address=own.get("PrivateIpAddress")
    )


def _instance(placer: _Placer, part: Part, item: Item) -> Node:
    owner, data = part, item.properties
    if "LaunchTemplate" in item.properties:
        owner, base = _template(placer, part, item.properties["LaunchTemplate"])
        if not {"NetworkInterfaces", "SecurityGroupIds"} & set(item.properties):
            subnet = item.properties.get("SubnetId")
            text = "" if subnet is None else placer.namer.text(part, subnet)
            place = _interface(placer, owner, base, text, item.id)
            return Node(item.id, item.type, (place,), item.at(), ephemeral=EPHEMERAL_LINUX)
    place = _interface(placer, part, data, "", item.id)
    return Node(item.id, item.type, (place,), item.at(), ephemeral=EPHEMERAL_LINUX)


def _eni(placer: _Placer, part: Part, item: Item) -> Node:
    return Node(item.id, item.type, (_eni_place(placer, part, item),), item.at())


def _group(placer: _Placer, part: Part, item: Item) -> Node:
    own = item.properties
    given = own.get("LaunchTemplate", own.get("LaunchConfigurationName"))
    mixed = own.get("MixedInstancesPolicy")
    if given is None and isinstance(mixed, Mapping):
        given = mixed.get("LaunchTemplate", {}).get("LaunchTemplateSpecification")
    owner, data = _template(placer, part, given)
    subnets = placer.texts(part, own.get("VPCZoneIdentifier"))
    places = tuple(_interface(placer, owner, data, subnet, "") for subnet in subnets)
    wanted = str(own.get("DesiredCapacity", own.get("MinSize", 1)))
    count = int(wanted) if wanted.isdigit() else 1
    return Node(item.id, item.type, places, item.at(), count=count)


def _balancer(placer: _Placer, part: Part, item: Item) -> Node:
    own = item.properties
    mapped = [one.get("SubnetId") for one in own.get("SubnetMappings") or [] if isinstance(one, Mapping)]
    subnets = placer.texts(part, own.get("Subnets") or mapped)
    groups = own.get("SecurityGroups")
    plain = groups is None and str(own.get("Type", "application")) != "application"
    public = str(own.get("Scheme", "internet-facing")) == "internet-facing"
    places = [placer.place(part, one, [] if plain else groups, public=public) for one in subnets]
    if plain:
        places = [Place(one.subnet, None, one.vpc, one.address, "", one.public) for one in places]
    listening = placer.listeners.get(item.id)
    if item.type == "AWS::ElasticLoadBalancing::LoadBalancer":
        listed = [one for one in own.get("Listeners") or [] if isinstance(one, Mapping)]
        ports = [str(one.get("LoadBalancerPort", "")) for one in listed]
        listening = {("tcp", int(one)) for one in ports if one.isdigit()}
    heard = frozenset(listening) if listening else None
    return Node(item.id, item.type, tuple(places), item.at(), heard, ephemeral=EPHEMERAL_ANY)


def _service(placer: _Placer, part: Part, item: Item) -> Node | None:
    configured = item.properties.get("NetworkConfiguration")
    own = configured.get("AwsvpcConfiguration") if isinstance(configured, Mapping) else None
    if not isinstance(own, Mapping):
        return None
    public = str(own.get("AssignPublicIp", "DISABLED")) == "ENABLED"
    subnets = placer.texts(part, own.get("Subnets"))
    places = tuple(placer.place(part, one, own.get("SecurityGroups"), public=public) for one in subnets)
    wanted = str(item.properties.get("DesiredCount", 1))
    return Node(item.id, item.type, places, item.at(), count=int(wanted) if wanted.isdigit() else 1)


def _function(placer: _Placer, part: Part, item: Item) -> Node | None:
    own = item.properties.get("VpcConfig")
    if not isinstance(own, Mapping):
        return None
    subnets = placer.texts(part, own.get("SubnetIds"))
    places = tuple(placer.place(part, one, own.get("SecurityGroupIds"), public=False) for one in subnets)
    return Node(item.id, item.type, places, item.at(), frozenset(), ephemeral=EPHEMERAL_ANY)


def _database(placer: _Placer, part: Part, item: Item) -> Node:
    own = item.properties
    token = placer.namer.text(part, own.get("DBSubnetGroupName", ""))
    owner, group = placer.items.get(token, (part, None))
    subnets = placer.texts(owner, group.properties.get("SubnetIds")) if group else ("",)
    groups = own.get("VPCSecurityGroups", own.get("VpcSecurityGroupIds"))
    if groups is None and "SourceDBInstanceIdentifier" in own:
        source = placer.namer.text(part, own["SourceDBInstanceIdentifier"])
        first, base = placer.items.get(source, (part, None))
        if base is not None and not token:
            places = _database(placer, first, base).places
            return Node(item.id, item.type, places, item.at(), _port(own) or _port(base.properties))
    public = own.get("PubliclyAccessible", False)
    places = tuple(placer.place(part, one, groups, public=public) for one in subnets)
    return Node(item.id, item.type, places, item.at(), _port(own))


def _cache(placer: _Placer, part: Part, item: Item) -> Node:
    """A cluster of nodes with one interface each, in one subnet of its group each.

    Without security groups it has the default one of its VPC (ElastiCache user guide, "Amazon VPCs").
    """
    own = item.properties
    owner, group = placer.items.get(
        placer.namer.text(part, own.get("CacheSubnetGroupName", "")), (part, None)
    )
    subnets = placer.texts(owner, group.properties.get("SubnetIds")) if group else ("",)
    groups = own.get("VpcSecurityGroupIds")
    places = tuple(placer.place(part, one, groups, public=False) for one in subnets)
    wanted = str(own.get("NumCacheNodes", 1))
    count = int(wanted) if wanted.isdigit() else 1
    return Node(item.id, item.type, places, item.at(), _port(own), count, EPHEMERAL_LINUX)


_ENGINES = {
    "mysql": 3306,
    "mariadb": 3306,
    "aurora-mysql": 3306,
    "postgres": 5432,
    "aurora-postgresql": 5432,
    "memcached": 11211,
    "redis": 6379,
    "valkey": 6379,
}


def _port(own: Mapping[str, Any]) -> frozenset[tuple[str, int]] | None:
    port = str(own.get("Port", _ENGINES.get(str(own.get("Engine")), "")))
    return frozenset({("tcp", int(port))}) if port.isdigit() else None


def _nat(placer: _Placer, part: Part, item: Item) -> Node:
    subnet = placer.namer.text(part, item.properties.get("SubnetId", ""))
    there = placer.network.subnets.get(subnet)
    public = str(item.properties.get("ConnectivityType", "public")) == "public"
    place = Place(subnet, None, there.vpc if there else "", "", "", public)
    return Node(item.id, item.type, (place,), item.at(), frozenset(), ephemeral=EPHEMERAL_ANY)


_KINDS: dict[str, Callable[[_Placer, Part, Item], Node | None]] = {
    "AWS::EC2::Instance": _instance,
    "AWS::EC2::NetworkInterface": _eni,
    "AWS::EC2::NatGateway": _nat,
    "AWS::AutoScaling::AutoScalingGroup": _group,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _balancer,
    "AWS::ElasticLoadBalancing::LoadBalancer": _balancer,
    "AWS::ECS::Service": _service,
    "AWS::Lambda::Function": _function,
    "AWS::RDS::DBInstance": _database,
    "AWS::ElastiCache::CacheCluster": _cache,
}

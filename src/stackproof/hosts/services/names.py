"""The DNS and DHCP of a network: real servers that follow Amazon Route 53 and the network's DHCP options.

``Resolver`` is the VPC's own DNS server (base of the network plus two) as unbound: it knows the private zones
of the network, caches what it answers as long as their records say, and what does not exist as long as the
zone's SOA record says (RFC 2308), as Route 53 Resolver does. Names of AWS itself (endpoints of caches,
databases, load balancers) are ``names`` that the caller gives, with the addresses of their hosts.

``lease`` gives a host what EC2's DHCP gives it (VPC user guide, "DHCP option sets in Amazon VPC"): a dnsmasq
on its link tells the domain and the server, a DHCP client of the host writes them into ``/etc/resolv.conf``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stackproof.errors import BackendError, CapabilityMissing
from stackproof.hosts.services import need
from stackproof.hosts.services.etc import etc_of

if TYPE_CHECKING:
    from stackproof.hosts.netns.built import BuiltNetwork

AMAZON = "AmazonProvidedDNS"
"""What stands in DHCP options for the VPC's own server."""
_NAME_TTL = 5
_SCRIPT = """\
#!/bin/sh
# What a DHCP client of a distribution does with a lease (busybox udhcpc): the address is there already.
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
{
  echo "search ${search:-$domain}"
  for server in $dns; do echo "nameserver $server"; done
} > /etc/resolv.conf
"""


@dataclass(frozen=True, slots=True)
class Record:
    """A record set of a zone: the name ends with a dot, ``ttl`` in seconds."""

    name: str
    kind: str
    ttl: int
    values: tuple[str, ...]


def zone_of(route53: Any, identifier: str, addresses: Mapping[str, str] | None = None) -> list[Record]:
    """What a hosted zone holds. ``addresses`` maps addresses of the state to those of the hosts that stand.

    Raises ``CapabilityMissing`` for alias records and for routing policies: they are not followed.
    """
    known = addresses or {}
    found = []
    for page in route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=identifier):
        for one in page["ResourceRecordSets"]:
            if "AliasTarget" in one or "SetIdentifier" in one:
                raise CapabilityMissing(f"{one['Name']} is an alias or routed by a policy: not followed")
            values = tuple(known.get(each["Value"], each["Value"]) for each in one["ResourceRecords"])
            found.append(Record(str(one["Name"]), str(one["Type"]), int(one["TTL"]), values))
    return found


def zone_file(records: Sequence[Record]) -> str:
    """The records as a zone file (RFC 1035, section 5), the SOA record first."""
    ordered = sorted(records, key=lambda one: (one.kind != "SOA", one.name, one.kind))
    lines = [f"{one.name} {one.ttl} IN {one.kind} {value}" for one in ordered for value in one.values]
    return "\n".join(lines) + "\n"


def rest_of_the_world(names: Mapping[str, str]) -> list[Record]:
    """A root zone with nothing but the names: what nobody here knows does not exist, at once."""
    soa = Record(".", "SOA", _NAME_TTL, (f"localhost. nobody.localhost. 1 60 60 60 {_NAME_TTL}",))
    ns = Record(".", "NS", _NAME_TTL, ("localhost.",))
    return [soa, ns, *(Record(f"{name.rstrip('.')}.", "A", _NAME_TTL, (to,)) for name, to in names.items())]


def configuration(folder: str, zones: Mapping[str, str]) -> str:
    """The unbound.conf of a resolver. ``zones`` maps domains to their files."""
    lines = [
        "server:",
        "  interface: 0.0.0.0",
        "  access-control: 0.0.0.0/0 allow",
        f'  directory: "{folder}"',
        '  username: ""',
        '  chroot: ""',
        f'  pidfile: "{folder}/unbound.pid"',
        "  use-syslog: no",
        "  do-ip6: no",
        "  num-threads: 1",
        '  module-config: "iterator"',
        # Else names that end with 'internal' and the like are answered by unbound itself.
        "  unblock-lan-zones: yes",
        "remote-control:",
        "  control-enable: yes",
        f"  control-interface: {folder}/control",
        "  control-use-cert: no",
    ]
    for domain, file in zones.items():
        lines += ["auth-zone:", f'  name: "{domain}"', f'  zonefile: "{file}"']
        # It is asked as a server of the zone would be, and its answers are cached.
        lines += ["  for-downstream: no", "  for-upstream: yes", "  fallback-enabled: no"]
    return "\n".join(lines) + "\n"


class Resolver:
    """The DNS server ``node`` (``<vpc>.resolver``) of a network, following the hosted zone ``identifier``."""

    def __init__(
        self, network: BuiltNetwork, node: str, route53: Any, identifier: str, *,
        addresses: Mapping[str, str] | None = None, names: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        need("unbound", "unbound-control")
        self.network, self.node = network, node
        self._route53, self._zone = route53, identifier
        self._addresses = dict(addresses or {})
        self.domain = str(route53.get_hosted_zone(Id=identifier)["HostedZone"]["Name"])
        self.folder = network.session.scratch("resolver")
        self.write()
        (self.folder / "root").write_text(zone_file(rest_of_the_world(names or {})), encoding="utf-8")
        zones = {".": str(self.folder / "root"), self.domain: str(self.folder / "zone")}
        text = configuration(str(self.folder), zones)
        (self.folder / "unbound.conf").write_text(text, encoding="utf-8")
        self.start()

    def start(self) -> None:
        """Start it with an empty cache."""
        command = ["unbound", "-d", "-c", str(self.folder / "unbound.conf")]
        log = self.folder / "unbound.log"
        self.process = self.network.start(self.node, command, ready="udp/53", log=log)

    def write(self) -> None:
        """Write the zone file as the hosted zone is now; a running server does not see it yet."""
        records = zone_of(self._route53, self._zone, self._addresses)
        (self.folder / "zone").write_text(zone_file(records), encoding="utf-8")

    def follow(self) -> None:
        """Take over what the hosted zone holds now; what is cached stays as long as it may."""
        self.write()
        self.control("auth_zone_reload", self.domain)

    def control(self, *words: str) -> str:
        """A command of unbound-control(8)."""
        command = ["unbound-control", "-c", str(self.folder / "unbound.conf"), *words]
        said = self.network.run(self.node, command)
        if said.startswith("error"):
            raise BackendError(f"unbound refuses '{' '.join(words)}': {said.strip()}")
        return said


def options_of(ec2: Any, vpc: str) -> dict[str, list[str]]:
    """The DHCP options of a VPC by their keys (``domain-name``, ``domain-name-servers``)."""
    (found,) = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
    (options,) = ec2.describe_dhcp_options(DhcpOptionsIds=[found["DhcpOptionsId"]])["DhcpOptions"]
    return {
        str(one["Key"]): [str(value["Value"]) for value in one["Values"]]
        for one in options["DhcpConfigurations"]
    }


def lease(
    network: BuiltNetwork, node: str, router: str, resolver: str, options: Mapping[str, Sequence[str]]
) -> str:
    """Give a host a lease; returns its ``/etc/resolv.conf``.

    ``router`` is the namespace at the other end of the host's link, ``resolver`` the address that
    ``AmazonProvidedDNS`` stands for. Raises ``BackendError`` when no lease comes.
    """
    need("dnsmasq", "busybox")
    session, host = network.session, network.node(node)
    if host.member is None:
        raise BackendError(f"{node} stands in no subnet: nobody gives it a lease")
    folder = session.scratch("dhcp")
    script = folder / "script"
    script.write_text(_SCRIPT, encoding="utf-8")
    script.chmod(0o755)
    servers = [resolver if one == AMAZON else one for one in options.get("domain-name-servers", [AMAZON])]
    hardware = network.run(node, ["cat", "/sys/class/net/eth0/address"]).strip()
    device = host.member.device
    start = host.address.rpartition(".")[0] + ".0"
    command = [
        "ip", "netns", "exec", router, "dnsmasq", "--keep-in-foreground", "--port=0", "--conf-file=/dev/null",
        "--leasefile-ro", "--no-ping", "--user=root", f"--interface={device}", "--bind-dynamic",
        f"--shared-network={device},{start}", f"--dhcp-range={start},static,255.255.255.0,600",
        f"--dhcp-host={hardware},{host.address}", f"--dhcp-option=option:dns-server,{','.join(servers)}",
        *(f"--dhcp-option=option:domain-name,{one}" for one in options.get("domain-name", ())),
        f"--pid-file={folder / 'dnsmasq.pid'}", "--log-dhcp", "--log-facility=-",
    ]  # fmt: skip
    log = folder / "dnsmasq.log"
    session.start(command, log=log)
    file = etc_of(network, node) / "resolv.conf"
    file.write_text("", encoding="utf-8")
    asking = ["busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-t", "10", "-T", "1", "-s", str(script)]
    try:
        network.run(node, asking)
    except BackendError as error:
        said = log.read_text(encoding="utf-8", errors="replace")[-800:]
        raise BackendError(f"{node} got no lease: {error}; the server said: {said}") from error
    return file.read_text(encoding="utf-8")

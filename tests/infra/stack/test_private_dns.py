"""Bare names on a host: a real DNS server, a real lease, and what the deployed stacks announce.

The stacks are deployed into a world of the fabric; the network's DNS server follows its hosted zone, its DHCP
server gives the domain that its DHCP options say. The checks ask on the host alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from stackproof.hosts import probes
from stackproof.hosts.differs import Differs
from stackproof.hosts.model import Running
from stackproof.hosts.netns import BuiltNetwork, network
from stackproof.hosts.probes import Answer
from stackproof.hosts.services.etc import etc_of
from stackproof.hosts.services.names import Resolver, lease, options_of
from stackproof.hosts.services.naming import CHECKS, Names
from stackproof.hosts.session import Session
from stackproof.hosts.stands.checks import compared
from stackproof.hosts.stands.looking import asked, listening
from stackproof.netmodel import Flow, State
from stackproof.plugin.clients import Aws
from stackproof.plugin.factory import Factory
from stackproof.plugin.world import Fabric, opened

ROOT = Path(__file__).resolve().parents[3]
SYSTEM = "templates/private-dns"
DOMAIN = "test.estate.internal"
LATE = "cache-late"
"""A name that is asked for before anybody announces it."""
MEMCACHED = """
import socketserver
class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(b"VERSION 1.6\\r\\n" if line.strip() == b"version" else b"ERROR\\r\\n")
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
Server(("0.0.0.0", 11211), Answer).serve_forever()
"""

pytestmark = [pytest.mark.hosts(stack="private-dns"), pytest.mark.capability("network")]


class System:
    """The deployed stacks and the servers that follow them."""

    def __init__(self, session: Session, world: Fabric) -> None:
        self.net = net = network(session, "private-dns")
        self.aws = Aws(world.backend)
        self._deploy = Factory(world, ROOT, "")
        subnets = self.aws.ec2.describe_subnets()["Subnets"][:2]
        ids = ",".join(one["SubnetId"] for one in subnets)
        self.vpc = subnets[0]["VpcId"]
        self.home = "Cache"
        for name, value in (("vpc-id", self.vpc), ("cache-subnet-ids", ids), ("private-subnet-ids", ids)):
            self.aws.ssm.put_parameter(Name=f"/network/test/{name}", Value=value, Type="String")
        self.zone = self.deploy("template")["Zone"].physical_id
        self.cache, self.application = self.deploy("cache"), self.deploy("application")
        self.endpoint = self.cache["Cache"].attributes["ConfigurationEndpoint.Address"]
        self.server = net.node("Vpc.resolver").address
        own = self.application["Instance"].attributes["PrivateIp"]
        self.resolver = Resolver(
            net,
            "Vpc.resolver",
            self.aws("route53"),
            self.zone,
            addresses={own: net.node("Instance").address},
            names={self.endpoint: net.node(self.home).address},
        )
        self.revive()
        options = options_of(self.aws.ec2, self.vpc)
        self.settings = lease(net, "Instance", net.router_of("Instance"), self.server, options)
        self.asked_at, self.early = 0.0, 0
        self.withdrawn: list[str] = []

    def revive(self) -> None:
        """Another cache server."""
        self.memcached = self.net.start(self.home, ["python3", "-I", "-c", MEMCACHED], ready="tcp/11211")

    def deploy(self, name: str) -> Any:
        """A template of the system."""
        return self._deploy(f"{SYSTEM}/{name}.yaml", config="test", name=name)

    def change(self, action: str, **record: Any) -> None:
        """Change the hosted zone, let the server follow and forget what it remembers."""
        self.record(action, **record)
        self.resolver.follow()
        self.resolver.control("flush_zone", DOMAIN)

    def record(self, action: str, **record: Any) -> None:
        """Change the hosted zone by its API."""
        given = {"Name": f"cache-myapp.{DOMAIN}.", "Type": "CNAME", "TTL": 10, **record}
        given["ResourceRecords"] = [{"Value": one} for one in given.pop("values", [f"{self.endpoint}."])]
        changes = {"Changes": [{"Action": action, "ResourceRecordSet": given}]}
        self.aws.route53.change_resource_record_sets(HostedZoneId=self.zone, ChangeBatch=changes)

    def soa(self, ttl: int, minimum: int) -> None:
        """The zone's own record."""
        listed = self.aws.route53.list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
        (value,) = [one["ResourceRecords"][0]["Value"] for one in listed if one["Type"] == "SOA"]
        text = f"{value.rpartition(' ')[0]} {minimum}"
        self.change("UPSERT", Name=f"{DOMAIN}.", Type="SOA", TTL=ttl, values=[text])

    @property
    def resolv_conf(self) -> Path:
        """The host's resolver settings."""
        return etc_of(self.net, "Instance") / "resolv.conf"

    def ask(self, name: str, kind: str = "A", source: str = "Instance") -> probes.Probe:
        """Ask the network's server."""
        return probes.dns(self.net.asker(source), name, server=self.server, kind=kind, timeout=1)

    def ask_until_forgotten(self, name: str, *, rcode: int) -> probes.Probe:
        """Ask until the answer is ``rcode``; the last answer, two seconds after the ten of the zone at most.

        A server counts whole seconds: what it may remember for ten is there for up to eleven.
        """
        while True:
            asked = time.monotonic()
            seen = self.ask(name, "CNAME")
            if seen.facts.get("rcode") == rcode or asked > self.asked_at + 12:
                return seen
            time.sleep(0.1)


@pytest.fixture(scope="module")
def system(request: pytest.FixtureRequest, inspection: Session) -> Iterator[System]:
    """The system, with one question asked too early: its answer is remembered while the others are made."""
    with opened(request, "embedded") as world:
        made = System(inspection, world)
        late, leaving = (f"{name}.{DOMAIN}." for name in (LATE, "cache-leaving"))
        made.record("CREATE", Name=leaving)
        made.resolver.follow()
        assert made.ask(late, "CNAME").facts["rcode"] == 3
        assert made.ask(leaving, "CNAME").facts["rcode"] == 0
        made.asked_at = time.monotonic()
        made.record("CREATE", Name=late)
        made.record("DELETE", Name=leaving)
        made.resolver.follow()
        made.early = made.ask(late, "CNAME").facts["rcode"]
        made.withdrawn = made.ask(leaving, "CNAME").facts["records"]
        yield made


@pytest.fixture
def complaints(inspected: Running, inspected_host: Host, system: System) -> Callable[[str], list[str]]:
    """``complaints("searches")``: what a check says now."""
    facts = inspected.entry.facts
    names = Names(inspected_host, str(facts["domain"]), str(facts["service"]), int(facts["port"]))
    return lambda name: list(CHECKS[name](names))


@pytest.mark.parametrize("check", CHECKS)
def test_names_are_well(check: str, complaints: Callable[[str], list[str]]) -> None:
    assert complaints(check) == []


@pytest.mark.capability("transient")
def test_the_lease_brings_the_domain_and_the_network_s_own_server(inspected: Running, system: System) -> None:
    assert system.server == "10.64.0.2"
    assert system.settings.splitlines() == [f"search {DOMAIN}", "nameserver 10.64.0.2"]


def test_a_bare_name_and_its_whole_name_are_the_same(
    inspected: Running, inspected_host: Host, system: System
) -> None:
    bare, whole = (
        inspected_host.check_output(f"getent ahostsv4 {name}").split()[0]
        for name in ("cache-myapp", f"cache-myapp.{DOMAIN}")
    )
    assert bare == whole == system.net.node(system.home).address


def test_the_name_leads_to_the_endpoint_of_the_deployed_cache(inspected: Running, system: System) -> None:
    seen = system.ask(f"cache-myapp.{DOMAIN}", "CNAME")
    assert seen.facts["records"] == [system.endpoint]
    assert 0 < seen.facts["ttl"] <= 10


def test_the_application_reaches_its_cache_by_the_name_alone(
    inspected: Running, inspected_host: Host, system: System
) -> None:
    program = (
        "import socket; s = socket.create_connection(('cache-myapp', 11211), 3); "
        "s.sendall(b'version' + bytes([13, 10])); print(s.recv(99).decode())"
    )
    assert inspected_host.check_output(f'python3 -I -c "{program}"').strip() == "VERSION 1.6"


FLOWS = tuple(map(Flow.parse, ("tcp/11211", "tcp/22", "tcp/8000")))


def differences(net: BuiltNetwork, target: str) -> Iterator[Differs]:
    """What a host is seen to answer to every other one, against what the templates say."""
    reach = net.reach({target: [str(one).replace(" ", "/") for one in FLOWS]})
    where = dict.fromkeys(FLOWS, net.node(target).address)
    with listening(net.asker(target), [one for one in FLOWS if one not in net.listening(target)]):
        controls = asked(net.asker(target), where, lambda flow: True)
        for source in (name for name in net.nodes if name not in {target, "Vpc.resolver"}):
            said = {flow: reach.ask(source, target, flow) for flow in FLOWS}
            seen = asked(net.asker(source), where, lambda flow, said=said: said[flow].state is State.OPEN)  # type: ignore[misc]
            for flow in FLOWS:
                yield from compared(said[flow], seen[flow], controls[flow])


@pytest.mark.capability("transient")
@pytest.mark.parametrize("target", ["Cache", "Instance"])
def test_who_reaches_the_cache_and_its_application_is_what_the_templates_say(
    target: str, inspected: Running, system: System
) -> None:
    if found := list(differences(system.net, target)):
        raise found[0]


@pytest.mark.capability("transient")
def test_the_cache_is_reached_on_its_port_from_its_network_alone_and_calls_nobody(
    inspected: Running, system: System
) -> None:
    net, cache = system.net, system.net.node("Cache").address
    matrix = net.matrix(["tcp/11211"])
    reaching = {one.source for one in matrix.answers if one.target == "Cache" and one.state is State.OPEN}
    assert reaching == {"Instance"}
    control = probes.tcp(net.asker("Instance"), cache, 11211)
    probes.assert_reachable(control)
    probes.assert_unreachable(
        probes.tcp(net.asker("office"), cache, 11211, timeout=0.5), control, how=(Answer.FILTERED,)
    )
    with listening(net.asker("Instance"), [Flow("tcp", 8000)]):
        answered = probes.tcp(net.asker("NatGatewaya"), inspected.address, 8000)
        seen = probes.tcp(net.asker("Cache"), inspected.address, 8000, timeout=0.5)
        probes.assert_unreachable(seen, answered, how=(Answer.FILTERED,))


@pytest.mark.capability("transient")
def test_a_port_of_the_cache_that_somebody_opened_is_named_with_its_group(
    inspected: Running, system: System
) -> None:
    system.net.run("Cache", "nft insert rule inet security_groups input tcp dport 8000 accept")
    try:
        found = [str(one) for one in differences(system.net, "Cache")]
    finally:
        listed = "nft -a list chain inet security_groups input | awk '/dport 8000 accept/ {print $NF}'"
        system.net.run("Cache", f"nft delete rule inet security_groups input handle $({listed})")
    assert any("tcp 8000 from NatGatewaya to Cache: written is filtered: CacheGroup" in one for one in found)
    assert list(differences(system.net, "Cache")) == []


def test_an_application_announces_itself(inspected: Running, inspected_host: Host, system: System) -> None:
    assert inspected_host.check_output("getent ahostsv4 myapp").split()[0] == inspected.address


def test_a_name_that_nobody_announces_is_unknown(
    inspected: Running, inspected_host: Host, system: System
) -> None:
    assert inspected_host.run("getent ahostsv4 cache-nobody").rc == 2
    assert system.ask(f"cache-nobody.{DOMAIN}").facts["rcode"] == 3
    # The control: the same question for one that is announced.
    assert system.ask(f"cache-myapp.{DOMAIN}").facts["records"]


@pytest.mark.capability("transient")
def test_the_zone_is_known_in_its_network_only(inspected: Running, system: System) -> None:
    seen = system.ask(f"cache-myapp.{DOMAIN}", source="office")
    control = system.ask(f"cache-myapp.{DOMAIN}")
    probes.assert_unreachable(seen, control, how=(Answer.FILTERED,))


@pytest.mark.capability("transient")
def test_a_name_asked_for_too_early_is_unknown_for_the_negative_ttl_and_no_longer(
    inspected: Running, system: System
) -> None:
    """Ten seconds since the first question, of which other checks took some."""
    assert system.early == 3, "announced since, and still remembered as unknown"
    seen = system.ask_until_forgotten(f"{LATE}.{DOMAIN}", rcode=0)
    assert seen.facts["rcode"] == 0
    assert seen.facts["records"]


@pytest.mark.capability("transient")
def test_a_name_that_is_withdrawn_is_unknown_after_its_time_to_live(
    inspected: Running, system: System
) -> None:
    """The answer of before is given from the cache as long as its record said, which is ten seconds."""
    assert system.withdrawn, "remembered although it was withdrawn"
    assert system.ask_until_forgotten(f"cache-leaving.{DOMAIN}", rcode=3).facts["rcode"] == 3


# Faults.


def forgotten(system: System) -> None:
    system.change("DELETE")


def announced(system: System) -> None:
    system.change("UPSERT")


def elsewhere(system: System) -> None:
    other = system.net.node("Instance").address
    system.change("DELETE")
    system.change("UPSERT", Type="A", values=[other])


def back(system: System) -> None:
    other = system.net.node("Instance").address
    system.change("DELETE", Type="A", values=[other])
    system.change("UPSERT")


def server_dead(system: System) -> None:
    system.resolver.process.kill()
    system.resolver.process.wait(5)


def zone_lost(system: System) -> None:
    (system.resolver.folder / "zone").write_text("")
    system.resolver.process.kill()
    system.resolver.process.wait(5)
    system.resolver.start()


def zone_found(system: System) -> None:
    system.resolver.process.kill()
    system.resolver.process.wait(5)
    system.resolver.write()
    system.resolver.start()


def search(text: str) -> Callable[[System], None]:
    return lambda system: void(system.resolv_conf.write_text(text + f"nameserver {system.server}\n"))


def server(address: str) -> Callable[[System], None]:
    return lambda system: void(system.resolv_conf.write_text(f"search {DOMAIN}\nnameserver {address}\n"))


def renewed(system: System) -> None:
    system.resolv_conf.write_text(system.settings)


def void(_: Any) -> None:
    return None


FAULTS: dict[str, tuple[Callable[[System], Any], str, str, Callable[[System], Any]]] = {
    "name missing": (forgotten, "bare-name-resolves", "cache-myapp is unknown", announced),
    "name of another host": (elsewhere, "is-reached", "answers no connection: refused", back),
    "cache dead": (
        lambda system: void((system.memcached.kill(), system.memcached.wait(5))),
        "is-reached",
        "answers no connection: refused",
        lambda system: system.revive(),
    ),
    "server dead": (
        server_dead,
        "server-answers",
        "the DNS server does not answer",
        lambda system: system.resolver.start(),
    ),
    "zone lost": (zone_lost, "server-answers", "the DNS server does not", zone_found),
    "another server": (server("10.64.0.3"), "server-answers", "the DNS server does not answer", renewed),
    "another domain": (
        search("search prod.estate.internal\n"),
        "searches",
        f"completed by prod.estate.internal, not by {DOMAIN}",
        renewed,
    ),
    "no domain": (search(""), "searches", "bare names are completed by nothing", renewed),
    "negative answers as Route 53 makes them": (
        lambda system: system.soa(900, 86400),
        "unknown-is-soon-forgotten",
        "unknown names are remembered for",
        lambda system: system.soa(10, 10),
    ),
    "time to live of an hour": (
        lambda system: system.change("UPSERT", TTL=3600),
        "is-soon-forgotten",
        "cache-myapp is remembered for",
        announced,
    ),
}


@pytest.mark.capability("transient")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named(fault: str, system: System, complaints: Callable[[str], list[str]]) -> None:
    inject, check, says, mend = FAULTS[fault]
    assert complaints(check) == [], "names were not well before"
    try:
        inject(system)
        found = complaints(check)
        assert any(says in one for one in found), found
    finally:
        mend(system)
    assert complaints(check) == [], "names are not well after they were mended"

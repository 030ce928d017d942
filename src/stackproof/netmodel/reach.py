"""Who reaches whom: routes, network ACLs both ways, security groups, and what is known to listen.

Facts (Amazon VPC user guide): security groups are stateful and only allow; network ACLs are stateless, are
asked at the border of a subnet only and by number; a rule that names a group means the private addresses of
its members; an address of the internet is in no group; NAT gateways let nothing in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stackproof.netmodel import routing
from stackproof.netmodel.flow import EPHEMERAL_ANY, MESSAGES, Flow
from stackproof.netmodel.model import Answer, Network, Node, Outside, Place, Reason, State
from stackproof.netmodel.trial import Party, Trial, acl_lets, block_of, groups_let, party_of

End = Node | Outside
_NAT = "AWS::EC2::NatGateway"
_REPLY = {8: 0, 13: 14, 128: 129}
"""The type of the answer to an ICMP message (RFC 792, RFC 4443)."""


class Reach:
    """Answers for one network. ``outside`` are hosts on the internet, ``listening`` what hosts answer on.

    ``listening`` maps ids of nodes to pairs of protocol and port; a node that is not in it is as its template
    says.
    """

    def __init__(
        self,
        network: Network,
        outside: Mapping[str, str] | None = None,
        listening: Mapping[str, frozenset[tuple[str, int]]] | None = None,
    ) -> None:
        self.network = network
        self.outside = {name: Outside(name, address) for name, address in (outside or {}).items()}
        self.listening = dict(listening or {})

    def end(self, name: str) -> End:
        """A node or a host outside. Raises ``KeyError`` with those that there are."""
        found: End | None = self.network.nodes.get(name) or self.outside.get(name)
        if found is None:
            known = ", ".join([*self.network.nodes, *self.outside]) or "none"
            raise KeyError(f"there is no '{name}'; there are: {known}")
        return found

    def ask(self, source: str, target: str, flow: Flow | str) -> Answer:
        """What becomes of the flow (a text: as ``Flow.parse``). ``KeyError`` for an unknown name."""
        wanted = Flow.parse(flow) if isinstance(flow, str) else flow
        one, other = self.end(source), self.end(target)
        if isinstance(one, Outside) and isinstance(other, Outside):
            why = Reason("both are outside: no template has a say")
            return Answer(source, target, wanted, State.UNDECIDED, (why,))
        trials = [
            self._trial(one, here, other, there, wanted) for here in _places(one) for there in _places(other)
        ]
        if not trials:
            why = Reason("it stands in no subnet that the templates name")
            return Answer(source, target, wanted, State.UNDECIDED, (why,))
        verdicts = {trial.passed for trial in trials}
        if len(verdicts) > 1 or None in verdicts:
            reasons = [reason for trial in trials if trial.passed is not True for reason in trial.reasons]
            return Answer(source, target, wanted, State.UNDECIDED, _unique(reasons))
        if False in verdicts:
            reasons = [reason for trial in trials for reason in trial.reasons]
            return Answer(source, target, wanted, State.FILTERED, _unique(reasons))
        heard = self._heard(other, wanted)
        return Answer(source, target, wanted, heard, _unique(trials[0].reasons))

    def _heard(self, target: End, flow: Flow) -> State:
        if flow.protocol in MESSAGES:
            return State.OPEN
        known = self.listening.get(target.id, target.listening if isinstance(target, Node) else None)
        if known is None:
            return State.PASSED
        if (flow.protocol, flow.port) in known:
            return State.OPEN
        return State.REFUSED if target.id in self.listening else State.PASSED

    def _trial(self, one: End, here: Place | None, other: End, there: Place | None, flow: Flow) -> Trial:
        if here is None:
            assert there is not None
            return _joined(self._from_outside(one, other, there, flow))
        if there is None:
            return _joined(self._to_outside(one, here, other, flow))
        return _joined(self._inside(one, here, other, there, flow))

    def _inside(self, one: End, here: Place, other: End, there: Place, flow: Flow) -> Iterator[Trial]:
        network, family = self.network, flow.family
        source, target = party_of(one.id, here, network, family), party_of(other.id, there, network, family)
        if isinstance(other, Node) and other.type == _NAT:
            yield Trial(False, (Reason(f"NAT gateway {other.id} lets nothing in", other.id, other.location),))
        if here == there and one.id == other.id:
            return
        yield groups_let(here.groups, True, flow, target, network, one.id)
        yield groups_let(there.groups, False, flow, source, network, other.id)
        yield routing.between(here, there, (one.id, other.id), network, family)
        if here.subnet == there.subnet and here.subnet:
            return
        yield self._acl(here, True, flow, _port(flow), target, one.id)
        yield self._acl(there, False, flow, _port(flow), source, other.id)
        back, ports = _back(flow, _ephemeral(one))
        yield self._acl(there, True, back, ports, source, other.id)
        yield self._acl(here, False, back, ports, target, one.id)

    def _from_outside(self, one: End, other: End, there: Place, flow: Flow) -> Iterator[Trial]:
        stranger = _stranger(one, flow.family)
        assert stranger.block is not None
        if isinstance(other, Node) and other.type == _NAT:
            yield Trial(False, (Reason(f"NAT gateway {other.id} lets nothing in", other.id, other.location),))
        yield groups_let(there.groups, False, flow, stranger, self.network, other.id)
        yield _public(other.id, there, flow.family)
        yield routing.to_internet(there, other.id, stranger.block, self.network, inbound=True)
        yield self._acl(there, False, flow, _port(flow), stranger, other.id)
        back, ports = _back(flow, EPHEMERAL_ANY)
        yield self._acl(there, True, back, ports, stranger, other.id)

    def _to_outside(self, one: End, here: Place, other: End, flow: Flow) -> Iterator[Trial]:
        stranger = _stranger(other, flow.family)
        assert stranger.block is not None
        yield groups_let(here.groups, True, flow, stranger, self.network, one.id)
        yield routing.to_internet(here, one.id, stranger.block, self.network, inbound=False)
        back, ports = _back(flow, _ephemeral(one))
        yield self._acl(here, True, flow, _port(flow), stranger, one.id)
        yield self._acl(here, False, back, ports, stranger, one.id)
        table = routing.table_of(here, self.network)
        route = routing.chosen(table, stranger.block, self.network)[0] if table else None
        if route is not None and route.kind == "nat":
            yield from self._by_nat(route.target, one, here, stranger, flow)
        elif route is not None and route.kind == "internet":
            yield _public(one.id, here, flow.family)

    def _by_nat(self, name: str, one: End, here: Place, stranger: Party, flow: Flow) -> Iterator[Trial]:
        """The second half of the way: the gateway's subnet, from which it speaks with a port of its own."""
        gateway = self.network.nodes.get(name)
        if gateway is None:
            yield Trial(None, (Reason(f"NAT gateway {name} is not in the templates"),))
            return
        place = gateway.places[0]
        source = party_of(one.id, here, self.network, flow.family)
        assert stranger.block is not None
        yield routing.to_internet(place, name, stranger.block, self.network, inbound=True)
        if place.subnet != here.subnet:
            yield self._acl(place, False, flow, _port(flow), source, name)
            back, ports = _back(flow, _ephemeral(one))
            yield self._acl(place, True, back, ports, source, name)
        yield self._acl(place, True, flow, _port(flow), stranger, name)
        back, ports = _back(flow, EPHEMERAL_ANY)
        yield self._acl(place, False, back, ports, stranger, name)

    def _acl(
        self, place: Place, egress: bool, flow: Flow, ports: tuple[int, int], peer: Party, whose: str
    ) -> Trial:
        subnet = self.network.subnets.get(place.subnet)
        if subnet is None:
            return Trial(None, (Reason(f"the subnet of {whose} is not in the templates"),))
        return acl_lets(self.network.acls.get(subnet.acl), subnet.acl, egress, flow, ports, peer)


def _places(end: End) -> tuple[Place | None, ...]:
    return end.places if isinstance(end, Node) else (None,)


def _ephemeral(end: End) -> tuple[int, int]:
    return end.ephemeral if isinstance(end, Node) else EPHEMERAL_ANY


def _port(flow: Flow) -> tuple[int, int]:
    return (flow.port, flow.port)


def _back(flow: Flow, ephemeral: tuple[int, int]) -> tuple[Flow, tuple[int, int]]:
    """The answer: to any source port of the client; ICMP answers with a message of its own."""
    if flow.protocol in MESSAGES:
        kind = _REPLY.get(flow.port, flow.port)
        return Flow(flow.protocol, kind, 0, flow.family), (kind, kind)
    return Flow(flow.protocol, ephemeral[0], 0, flow.family), ephemeral


def _stranger(end: End, family: int) -> Party:
    assert isinstance(end, Outside)
    block = block_of(end.address if family == 4 else end.address6)
    if block is None:
        raise ValueError(f"'{end.id}' outside has no IPv{family} address")
    return Party(end.id, block, None)


def _public(name: str, place: Place, family: int) -> Trial:
    if family == 6:
        return Trial(True, ())
    if place.public is None:
        return Trial(None, (Reason(f"whether {name} has a public address is not in the templates"),))
    return Trial(place.public, () if place.public else (Reason(f"{name} has no public address", name),))


def _joined(trials: Iterator[Trial]) -> Trial:
    """All must pass; what is certain not to pass outweighs what is unknown."""
    found = list(trials)
    for wanted in (False, None):
        hit = [one for one in found if one.passed is wanted]
        if hit:
            return Trial(wanted, tuple(reason for one in hit for reason in one.reasons))
    return Trial(True, tuple(reason for one in found for reason in one.reasons))


def _unique(reasons: list[Reason] | tuple[Reason, ...]) -> tuple[Reason, ...]:
    return tuple({str(one): one for one in reasons}.values())

"""The way of a packet: which route a table chooses, and where a flow passes by."""

from __future__ import annotations

from stackproof.netmodel.model import Network, Place, Reason, Route, Subnet, Table
from stackproof.netmodel.trial import Block, Trial, block_of, within


def vpc_of(place: Place, network: Network) -> str:
    """The VPC of an interface, "" when it is unknown."""
    subnet = network.subnets.get(place.subnet)
    return subnet.vpc if subnet else place.vpc


def table_of(place: Place, network: Network) -> Table | None:
    """The route table of an interface's subnet."""
    subnet = network.subnets.get(place.subnet)
    return network.tables.get(subnet.table) if subnet else None


def chosen(table: Table, target: Block, network: Network) -> tuple[Route | None, bool]:
    """The most specific route to an address (AWS: route priority), and whether that is certain."""
    best: tuple[int, Route] | None = None
    certain = True
    for route in table.routes:
        for cidr in network.prefix_lists.get(route.destination, (route.destination,)):
            matches = within(target, cidr)
            if matches is None and not route.destination.startswith("pl-"):
                certain = certain and route.kind == "endpoint"
            block = block_of(cidr)
            if matches and block is not None and (best is None or block.prefixlen > best[0]):
                best = (block.prefixlen, route)
    return (best[1] if best else None), certain


def to_internet(place: Place, name: str, stranger: Block, network: Network, *, inbound: bool) -> Trial:
    """Whether the interface's subnet has an internet gateway as its way to ``stranger``, both ways.

    A NAT gateway or an egress-only gateway lets nothing in (``inbound``).
    """
    subnet = network.subnets.get(place.subnet)
    table = table_of(place, network)
    if subnet is None or table is None:
        return Trial(None, (Reason(f"the subnet of {name} is not in the templates"),))
    route, certain = chosen(table, stranger, network)
    if not certain:
        return Trial(None, (Reason(f"routes of {table.id} go to unknown places", table.id, table.location),))
    if route is None:
        text = f"{table.id} of {subnet.id} has no route to {stranger}"
        return Trial(False, (Reason(text, table.id, table.location),))
    said = Reason(
        f"{route.logical_id} of {table.id} leads {stranger} to {route.target}",
        route.logical_id,
        route.location,
    )
    if route.kind == "internet" or (route.kind == "egress-only" and not inbound):
        if route.target not in network.attached and not route.target.startswith("?"):
            text = f"{route.target} is attached to no VPC"
            return Trial(False, (Reason(text, route.logical_id, route.location),))
        return Trial(True, (said,))
    if route.kind in ("nat", "peering", "egress-only"):
        return Trial(False, (said,)) if inbound or route.kind == "peering" else Trial(True, (said,))
    return Trial(None, (Reason(f"{said.text}, which is not modelled", said.logical_id, said.location),))


def between(source: Place, target: Place, names: tuple[str, str], network: Network, family: int) -> Trial:
    """Whether packets find their way from one interface to another and back, inside and between VPCs."""
    mine, theirs = vpc_of(source, network), vpc_of(target, network)
    if not mine or not theirs:
        return Trial(None, (Reason("the network that they stand in is not in the templates"),))
    if mine == theirs:
        return Trial(True, ())
    if mine.startswith("?") or theirs.startswith("?"):
        return Trial(None, (Reason(f"whether {mine} and {theirs} are one network is not in the templates"),))
    reasons: list[Reason] = []
    for here, there, name in ((source, target, names[0]), (target, source, names[1])):
        subnet = network.subnets.get(there.subnet)
        block = _goal(there, subnet, family)
        table = table_of(here, network)
        if table is None or block is None:
            return Trial(None, (Reason(f"the subnet of {name} is not in the templates"),))
        route, certain = chosen(table, block, network)
        peering = network.peerings.get(route.target) if route and route.kind == "peering" else None
        if peering is None or set(peering.vpcs) != {mine, theirs}:
            if not certain or (route and route.kind not in ("internet", "nat", "egress-only", "peering")):
                return Trial(
                    None, (Reason(f"routes of {table.id} go to unknown places", table.id, table.location),)
                )
            text = f"{table.id} of {name} has no route to {block}"
            return Trial(False, (Reason(text, table.id, table.location),))
        assert route is not None
        reasons.append(
            Reason(f"{route.logical_id} leads {block} to {route.target}", route.logical_id, route.location)
        )
    return Trial(True, tuple(reasons))


def _goal(place: Place, subnet: Subnet | None, family: int) -> Block | None:
    address = place.address if family == 4 else place.address6
    cidr = (subnet.cidr if family == 4 else subnet.cidr6) if subnet else ""
    return block_of(address or cidr)

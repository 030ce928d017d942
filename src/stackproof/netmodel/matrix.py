"""Everybody asks everybody: the answers of a network as a table, and what differs from what was seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from stackproof.netmodel.flow import Flow
from stackproof.netmodel.model import Answer
from stackproof.netmodel.reach import Reach

Key = tuple[str, str, str]
"""Source, target and flow (``tcp 22``)."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """The answers in the order in which they were asked."""

    answers: tuple[Answer, ...]

    def __iter__(self) -> Iterator[Answer]:
        return iter(self.answers)

    def __len__(self) -> int:
        return len(self.answers)

    def __getitem__(self, key: Key) -> Answer:
        for one in self.answers:
            if (one.source, one.target, str(one.flow)) == key:
                return one
        raise KeyError(key)

    def by_key(self) -> Mapping[Key, Answer]:
        """The answers by source, target and flow."""
        return {(one.source, one.target, str(one.flow)): one for one in self.answers}

    def table(self) -> str:
        """A line for each pair of hosts, a column for each flow."""
        flows = list(dict.fromkeys(str(one.flow) for one in self.answers))
        pairs = list(dict.fromkeys((one.source, one.target) for one in self.answers))
        found = self.by_key()
        rows = [["source", "target", *flows]]
        for source, target in pairs:
            states = [found.get((source, target, flow)) for flow in flows]
            rows.append([source, target, *(str(one.state) if one else "" for one in states)])
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = (
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
        )
        return "\n".join(line.rstrip() for line in lines)


def matrix(
    reach: Reach,
    flows: Iterable[Flow | str],
    sources: Iterable[str] | None = None,
    targets: Iterable[str] | None = None,
) -> Matrix:
    """Every source to every target for every flow.

    Without names: all nodes but NAT gateways and, as sources, all hosts outside.
    """
    wanted = [Flow.parse(one) if isinstance(one, str) else one for one in flows]
    hosts = [one.id for one in reach.network.nodes.values() if one.type != "AWS::EC2::NatGateway"]
    asking = list(sources) if sources is not None else [*hosts, *reach.outside]
    asked = list(targets) if targets is not None else hosts
    return Matrix(
        tuple(
            reach.ask(source, target, flow)
            for source in asking
            for target in asked
            if source != target
            for flow in wanted
        )
    )

"""The resource graph of a resolved template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stackproof.template.circles import of_resource
from stackproof.template.model import Resolved

if TYPE_CHECKING:
    import networkx


def graph(resolved: Resolved) -> networkx.DiGraph[str]:
    """Logical ids with an edge from each resource to what it needs.

    A node has ``type`` and ``conditional`` (the name of an unknown condition or ""). An edge has ``kinds``
    (a frozenset of ``ref``, ``getatt``, ``dependson``), ``attributes`` (of ``Fn::GetAtt``) and ``paths``
    (in the expanded template). Branches that a decided condition drops make no edge.
    """
    import networkx as nx

    found: networkx.DiGraph[str] = nx.DiGraph()
    resources = resolved.tree.get("Resources", {})
    for logical_id, resource in resources.items():
        kind = resource.get("Type", "") if isinstance(resource, dict) else ""
        found.add_node(logical_id, type=kind, conditional=resolved.conditional.get(logical_id, ""))
    source: dict[str, Any] = resolved.expanded.tree.get("Resources", {})
    for logical_id in resources:
        edges: dict[str, dict[str, Any]] = {}
        for reference in of_resource(logical_id, source.get(logical_id), resolved.conditions):
            if reference.target not in resources or reference.target in resolved.parameters:
                continue
            edge = edges.setdefault(reference.target, {"kinds": set(), "attributes": set(), "paths": []})
            edge["kinds"].add(reference.kind)
            edge["paths"].append(reference.path)
            if reference.attribute:
                edge["attributes"].add(reference.attribute)
        for target, edge in edges.items():
            found.add_edge(
                logical_id,
                target,
                kinds=frozenset(edge["kinds"]),
                attributes=frozenset(edge["attributes"]),
                paths=tuple(edge["paths"]),
            )
    return found

"""Quicker walks through moto's update expressions, with the same results.

moto walks an expression's tree ten times for each UpdateItem and asks at every node, through abstract
base classes, which of a dictionary made anew concerns it; before that it copies the tree with ``deepcopy``.
Here the answer is kept for each class of node, and the copy is made node by node.
"""

from __future__ import annotations

from copy import deepcopy
from importlib import import_module
from typing import Any

_UNCHANGED = (str, bytes, int, float, bool, type(None))
_replaced: list[tuple[Any, str, Any]] = []


def install() -> None:
    """Put the quicker functions in the place of moto's. Doing it again does nothing."""
    if _replaced:
        return
    from moto.dynamodb.parsing import validators

    nodes: Any = import_module("moto.dynamodb.parsing.ast_nodes")
    walk = _Walk(nodes.Node, nodes.DepthFirstTraverser.pre_processing_of_child)
    search = _Search((nodes.Expression, nodes.UpdateExpressionFunction))
    for owner, name, new in (
        (nodes.DepthFirstTraverser, "traverse_node_recursively", _method(walk)),
        (nodes.Node, "find_clauses", _method(search)),
        (validators, "deepcopy", _Copy(nodes.Node)),
    ):
        _replaced.append((owner, name, getattr(owner, name)))
        setattr(owner, name, new)


def uninstall() -> None:
    """Give moto its own functions back (for the tests)."""
    while _replaced:
        owner, name, original = _replaced.pop()
        setattr(owner, name, original)


def _method(called: Any) -> Any:
    return lambda self, *arguments: called(self, *arguments)


class _Walk:
    """``DepthFirstTraverser.traverse_node_recursively``: children first, then the node itself."""

    def __init__(self, node: type, no_hook: Any) -> None:
        self._node = node
        self._no_hook = no_hook
        self._kinds: dict[type, dict[type, tuple[bool, type | None]]] = {}

    def __call__(self, walker: Any, node: Any, child_id: int = -1) -> Any:
        hooked = type(walker).pre_processing_of_child is not self._no_hook
        kinds = self._kinds.setdefault(type(walker), {})
        return self._at(walker, node, child_id, walker._processing_map(), kinds, hooked)

    def _at(
        self,
        walker: Any,
        node: Any,
        child_id: int,
        processors: dict[type, Any],
        kinds: dict[type, tuple[bool, type | None]],
        hooked: bool,
    ) -> Any:
        kind = type(node)
        if kind not in kinds:
            concerned = (key for key in processors if issubclass(kind, key))
            kinds[kind] = issubclass(kind, self._node), next(concerned, None)
        is_node, concerned_by = kinds[kind]
        if not is_node:
            return node
        parent = node.parent
        if node.children is not None:
            for position, child in enumerate(node.children):
                if hooked:
                    walker.pre_processing_of_child(node, position)
                self._at(walker, child, position, processors, kinds, hooked)
        if concerned_by is None:
            return node
        node = processors[concerned_by](node)
        node.parent = parent
        if parent:
            parent.children[child_id] = node
        return node


class _Search:
    """``Node.find_clauses``: the nodes of these very types, in order, below expressions and functions."""

    def __init__(self, entered: tuple[type, ...]) -> None:
        self._entered = entered
        self._kinds: dict[type, bool] = {}

    def __call__(self, node: Any, clause_types: Any) -> list[Any]:
        found: list[Any] = []
        for child in node.children or ():
            kind = type(child)
            if kind in clause_types:
                found.append(child)
                continue
            if kind not in self._kinds:
                self._kinds[kind] = issubclass(kind, self._entered)
            if self._kinds[kind]:
                found.extend(self(child, clause_types))
        return found


class _Copy:
    """``deepcopy`` for a tree of nodes; anything else is copied by ``deepcopy`` itself."""

    def __init__(self, node: type) -> None:
        self._node = node

    def __call__(self, value: Any, memo: Any = None) -> Any:
        if memo is None and isinstance(value, self._node) and getattr(value, "parent", None) is None:
            return self._tree(value, None)
        return deepcopy(value, memo)

    def _tree(self, node: Any, parent: Any) -> Any:
        copy = object.__new__(type(node))
        for name, value in vars(node).items():
            if name == "parent":
                copy.parent = parent
            elif isinstance(value, list):
                setattr(copy, name, [self._part(node, one, copy) for one in value])
            else:
                setattr(copy, name, self._part(node, value, copy))
        return copy

    def _part(self, node: Any, value: Any, copy: Any) -> Any:
        if isinstance(value, _UNCHANGED):
            return value
        if isinstance(value, self._node) and getattr(value, "parent", None) is node:
            return self._tree(value, copy)
        return deepcopy(value)

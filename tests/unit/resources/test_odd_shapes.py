"""No template, however wrong its shape, stops the rules: each node of a right one is replaced in turn."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stackproof.checks.resources import ResourceChecks
from stackproof.template.model import Resolved, Unknown

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))
ODD: tuple[Any, ...] = (
    None,
    "x",
    1,
    True,
    [],
    {},
    [None],
    {"a": None},
    [[1]],
    Unknown({"Fn::GetAtt": None}, "is odd"),
    Unknown(None, "is odd"),
    Unknown({"Fn::Join": ["", None]}, "is odd", "string", "("),
)


def _paths(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, item in items:
        yield from _paths(item, (*path, key))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_node_of_another_shape_never_stops_the_rules(case: Path, resolved: Callable[..., Resolved]) -> None:
    right = resolved(case.read_text(encoding="utf-8"))
    checks = ResourceChecks()
    for turn, path in enumerate(_paths(right.tree["Resources"])):
        for offset in range(0, len(ODD), 4):
            tree = {"Resources": copy.deepcopy(right.tree["Resources"])}
            *parents, last = ("Resources", *path)
            node: Any = tree
            for step in parents:
                node = node[step]
            node[last] = copy.deepcopy(ODD[(turn + offset) % len(ODD)])
            for finding in checks.run(dataclasses.replace(right, tree=tree)):
                assert finding.message

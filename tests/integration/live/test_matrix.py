"""The matrix of this folder speaks of tests and capabilities that there are."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

from stackproof.backends.servers.capabilities import capabilities_of

HERE = Path(__file__).parent


def _tests() -> set[str]:
    trees = (ast.parse(path.read_text()) for path in HERE.glob("test_*.py"))
    return {node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_row_names_a_test(matrix: Mapping[str, Mapping[str, str]]) -> None:
    rows = {name for row in matrix.values() for name in row}
    assert rows <= _tests()


def test_every_row_names_a_capability_that_the_backend_lacks(
    matrix: Mapping[str, Mapping[str, str]],
) -> None:
    unfounded = {
        (backend, capability)
        for backend, row in matrix.items()
        for capability in row.values()
        if capability not in capabilities_of(backend).missing
    }
    assert unfounded == set()

"""What the hosts room needs of the distribution is in the list that one command installs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path


def _packages(tree: ast.AST) -> Iterator[str]:
    """The package that each ``Need(what, found, package, why)`` or ``tool(what, package, why)`` names."""
    places = {"Need": 2, "tool": 1, "_tool": 1}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in places:
            package = node.args[places[called]]
            if isinstance(package, ast.Constant) and package.value:
                yield str(package.value)


def test_every_package_that_a_provider_needs_is_listed(root: Path) -> None:
    lines = (root / "tests/infra/packages.txt").read_text(encoding="utf-8").splitlines()
    listed = {line.partition("#")[0].strip() for line in lines}
    needed = {
        package: path.name
        for path in (root / "src/stackproof/hosts").rglob("*.py")
        for package in _packages(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert {"user-mode-linux", "systemd-container", "iproute2"} <= needed.keys()
    assert {name: file for name, file in needed.items() if name not in listed} == {}

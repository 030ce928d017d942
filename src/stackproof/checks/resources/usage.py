"""Who refers to whom: references as they are written, in every branch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stackproof.checks.resources.stack import Stack

_VARIABLE = re.compile(r"\$\{([A-Za-z0-9]+)(?:\.[A-Za-z0-9.]+)?\}")
OUTPUTS = "(outputs)"


def referring(stack: Stack) -> dict[str, list[str]]:
    """For each logical id the resources (or ``OUTPUTS``) that refer to it; ``DependsOn`` does not count."""
    tree = stack.resolved.expanded.tree
    found: dict[str, list[str]] = {}
    for user, body in (tree.get("Resources") or {}).items():
        if isinstance(body, Mapping) and user in stack.resources:
            for name in _names({key: item for key, item in body.items() if key != "DependsOn"}):
                found.setdefault(name, []).append(user)
    for name in _names(tree.get("Outputs") or {}):
        found.setdefault(name, []).append(OUTPUTS)
    return found


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if len(node) == 1:
            yield from _called(*next(iter(node.items())))
        for item in node.values():
            yield from _names(item)
    elif isinstance(node, list):
        for item in node:
            yield from _names(item)


def _called(function: str, argument: Any) -> Iterator[str]:
    if function == "Ref" and isinstance(argument, str):
        yield argument
    elif function == "Fn::GetAtt":
        first = argument.split(".")[0] if isinstance(argument, str) else next(iter(argument or ()), None)
        if isinstance(first, str):
            yield first
    elif function == "Fn::Sub":
        text = argument[0] if isinstance(argument, list) and argument else argument
        if isinstance(text, str):
            yield from _VARIABLE.findall(text)

"""Passwords, tokens and keys that stand in a template or come in where everybody can read them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.samples import sample
from stackproof.checks.resources.secret_paths import Steps, is_secret, secret_paths
from stackproof.checks.resources.stack import Resource, Stack
from stackproof.checks.resources.values import truth
from stackproof.model import DocPath
from stackproof.template.model import Unknown

_KEPT = re.compile(r"\{\{resolve:(ssm-secure|secretsmanager):|^arn:")
_PLAIN = "{{resolve:ssm:"
_STORED = "AWS::SSM::Parameter::Value<"


def _examine(stack: Stack) -> Iterator[Hit]:
    for resource in stack.resources.values():
        for steps in secret_paths(resource.type):
            for path, value in _values(resource.properties, steps, ()):
                message = _wrong(stack, resource, path, value)
                if message:
                    yield Hit(resource.at(*path), message)


def _values(node: Any, steps: Steps, path: DocPath) -> Iterator[tuple[DocPath, str | Unknown]]:
    """What stands at the steps; in a mapping there the values whose names tell of a secret."""
    if steps and steps[0] == "*" and isinstance(node, list):
        for index, item in enumerate(node):
            yield from _values(item, steps[1:], (*path, index))
    elif steps and isinstance(node, Mapping) and steps[0] in node:
        yield from _values(node[steps[0]], steps[1:], (*path, steps[0]))
    elif not steps and isinstance(node, Mapping):
        for key, item in node.items():
            yield from _values(item, (), (*path, str(key)))
    elif not steps and isinstance(node, list):
        for index, item in enumerate(node):
            yield from _values(item, (), (*path, index))
    elif not steps and isinstance(node, str | Unknown) and _named(path):
        yield path, node


def _named(path: DocPath) -> bool:
    name = next((step for step in reversed(path) if isinstance(step, str)), "")
    return is_secret(name, write_only=True)


def _wrong(stack: Stack, resource: Resource, path: DocPath, value: str | Unknown) -> str:
    """What is wrong with a secret's value, "" when it is kept where secrets are."""
    name = ".".join(map(str, path))
    text = _seen(value)
    if _KEPT.search(text) or value == "":
        return ""
    if _PLAIN in text:
        return f"The secret {name} is a plain parameter of Parameter Store: keep it in Secrets Manager"
    if isinstance(value, str):
        given = stack.resolved.provenance((*resource.path, "Properties", *path))
        how = f"comes from the {given[0].message}" if given else "stands in the template"
        return f"The secret {name} {how}: read it from Secrets Manager by a dynamic reference"
    shown = _readable(stack, value)
    return f"The secret {name} comes in by parameter {shown}, which shows it: set NoEcho" if shown else ""


def _seen(value: str | Unknown) -> str:
    """As much of a value's text as can be seen."""
    if isinstance(value, Unknown) and isinstance(value.expression, str):
        return value.expression
    return sample(value) or ""


def _readable(stack: Stack, value: Unknown) -> str:
    """The parameter without ``NoEcho`` that a value is made of, "" when none is or a secret is in it too."""
    section = stack.tree.get("Parameters")
    declared: Mapping[str, Any] = section if isinstance(section, Mapping) else {}
    used = [declared[name] for name in value.sources if isinstance(declared.get(name), Mapping)]
    if not used or len(used) < len(value.sources):
        return ""
    if any(truth(one.get("NoEcho")) or str(one.get("Type", "")).startswith(_STORED) for one in used):
        return ""
    return value.sources[0]


RULE = Rule(
    describe(
        "SECRET-LITERAL",
        "Secrets are not written down",
        why="What stands in a template, in a parameter file or in a parameter that is shown can be read by "
        "everybody who may see the repository or describe the stack.",
        fix="Use {{resolve:secretsmanager:NAME}} or let the service manage the secret; pass it by a "
        "parameter with NoEcho at least.",
        source="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/security-best-practices.html",
    ),
    _examine,
)

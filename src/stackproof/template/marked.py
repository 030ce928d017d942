"""Configuration files with line marks: JSON, YAML and the few facts of TOML, without cfn-lint's import.

YAML is composed, not constructed: no tag runs anything, and an anchor bomb stays a graph of few nodes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from stackproof.model import Location

_TAG = "tag:yaml.org,2002:"
_NO_NUMBER = re.compile(r'"(?:\\.|[^"\\])*"|(NaN|-?Infinity)')
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]")


class Unreadable(Exception):
    """A configuration file that cannot be decoded; ``location`` says where."""

    def __init__(self, message: str, location: Location) -> None:
        super().__init__(message)
        self.message = message
        self.location = location


@dataclass(frozen=True, slots=True)
class Node:
    """A value with its place. ``kind`` is ``object``, ``list`` or a scalar's YAML type (``str``, ``int`` …).

    ``value`` is a tuple of (key, node) pairs, a tuple of nodes, or the scalar's text.
    """

    kind: str
    value: Any
    location: Location

    def pairs(self) -> Iterator[tuple[Node, Node]]:
        """The pairs of an object, nothing for another kind."""
        if self.kind == "object":
            yield from self.value

    def get(self, key: str) -> Node | None:
        """The value of a key, None when it is missing."""
        return next((value for name, value in self.pairs() if name.value == key), None)

    @property
    def keys(self) -> list[str]:
        """The keys of an object, in order."""
        return [str(name.value) for name, _ in self.pairs()]


def decode(file: str, text: str, *, is_json: bool) -> Node:
    """The marked tree of a file. ``file`` is the name that locations carry.

    Raises ``Unreadable`` for a syntax error, an empty file, or nesting that goes too deep.
    """
    import yaml  # a run that the cache answers decodes nothing

    text = text.removeprefix("\ufeff")
    if is_json:
        _check_json(file, text)
        # Only blanks outside of strings can be tabs in valid JSON, and YAML does not take them.
        text = text.replace("\t", " ")
    try:
        node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = Location(file, mark.line + 1, mark.column + 1) if mark else Location(file)
        raise Unreadable(f"is not valid YAML: {error.problem or error.context}", where) from error
    except yaml.YAMLError as error:
        raise Unreadable(f"is not valid YAML: {str(error).splitlines()[0]}", Location(file)) from error
    except RecursionError as error:
        raise Unreadable("is nested too deeply", Location(file)) from error
    if node is None:
        raise Unreadable("is empty", Location(file))
    return _node(file, node, 0, is_json)


def _check_json(file: str, text: str) -> None:
    try:
        json.loads(text, parse_constant=lambda name: _refuse(file, text, name))
    except json.JSONDecodeError as error:
        message = "is empty" if not text.strip() else f"is not valid JSON: {error.msg}"
        raise Unreadable(message, Location(file, error.lineno, error.colno)) from error
    except RecursionError as error:
        raise Unreadable("is nested too deeply", Location(file)) from error


def _refuse(file: str, text: str, name: str) -> NoReturn:
    """Python takes numbers that JSON has not (RFC 8259, section 6)."""
    start = next((found.start(1) for found in _NO_NUMBER.finditer(text) if found[1] == name), 0)
    line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
    raise Unreadable(f"is not valid JSON: {name} is no number", Location(file, line, column))


def _node(file: str, node: Any, depth: int, is_json: bool) -> Node:
    start, end = node.start_mark, node.end_mark
    where = Location(file, start.line + 1, start.column + 1, end.line + 1, end.column + 1)
    if depth > 8:
        return Node("deep", "", where)
    if node.id == "mapping":
        pairs = [[_node(file, part, depth + 1, is_json) for part in pair] for pair in node.value]
        return Node("object", tuple((key, value) for key, value in pairs), where)
    if node.id == "sequence":
        return Node("list", tuple(_node(file, item, depth + 1, is_json) for item in node.value), where)
    # libyaml leaves surrogate pairs of JSON's \\u escapes apart.
    text = _SURROGATES.sub(
        lambda found: found[0].encode("utf-16", "surrogatepass").decode("utf-16"), node.value
    )
    kind = str(node.tag).removeprefix(_TAG)
    # What has no quotes in JSON is a number, though YAML 1.1 takes some of them (1e3) for text.
    return Node("float" if is_json and kind == "str" and not node.style else kind, text, where)

"""A template's values with their numbers as they are written.

The gate's decoder makes machine numbers, as cfn-lint does: ``1.10`` becomes 1.1, and an integer of more
than 64 bits becomes text. A conversion must keep both. What is a number, a boolean or text is decided as
the decoder does (PyYAML's YAML 1.1: ``0x1F``, ``007``, ``1_000`` and ``12:30`` are numbers, ``yes`` is a
boolean; CloudFormation's exception: a date is text). Where JSON has no such spelling the value is written
in JSON's, and the change is recorded.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from stackproof.template.decode import Loader

_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_PARTS = re.compile(
    r"(?P<whole>-?[0-9]+)(?P<fraction>\.[0-9]+)?(?:(?P<e>[eE])(?P<sign>[-+]?)(?P<power>[0-9]+))?"
)
_BOOLEANS = frozenset(["true", "false"])
_CORE = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number as JSON writes it."""

    text: str

    @property
    def yaml(self) -> str:
        """The same number as YAML 1.1 writes it: an exponent needs a point before it and a sign."""
        parts = _PARTS.fullmatch(self.text)
        if parts is None or not parts["e"]:
            return self.text
        return (
            f"{parts['whole']}{parts['fraction'] or '.0'}{parts['e']}{parts['sign'] or '+'}{parts['power']}"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Numeral) and self.yaml == other.yaml

    def __hash__(self) -> int:
        return hash(self.yaml)


@dataclass(frozen=True, slots=True)
class Respelled:
    """A plain scalar at ``line`` and ``column`` (1-based) that JSON spells otherwise."""

    line: int
    column: int
    written: str
    becomes: str


@dataclass(slots=True)
class Lexical:
    """Plain ``dict``, ``list``, ``str``, ``bool``, None and ``Numeral``; what JSON spells otherwise."""

    tree: Any
    respelled: list[Respelled] = field(default_factory=list)


def read(text: str) -> Lexical:
    """The values of a text that the decoder has accepted."""
    try:
        return Lexical(from_json(text))
    except (ValueError, RecursionError):
        loader = _Lexical(text)
    try:
        return Lexical(_plain(loader.get_single_data()), loader.respelled)
    finally:
        loader.dispose()


def from_json(text: str) -> Any:
    """The values of JSON text. Raises ``ValueError`` or ``RecursionError`` for any other."""
    decoder = json.JSONDecoder(
        object_hook=_attribute, parse_int=Numeral, parse_float=Numeral, parse_constant=_no_constant
    )
    return decoder.decode(text.lstrip("\ufeff"))


def _attribute(node: dict[str, Any]) -> dict[str, Any]:
    """``Fn::GetAtt`` of a dotted string in its list form, as the decoder makes it."""
    named = node.get("Fn::GetAtt")
    if isinstance(named, str) and "." in named:
        node["Fn::GetAtt"] = named.split(".", 1)
    return node


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def dump_json(node: Any, indent: str = "") -> str:
    """JSON with two spaces a level and every number as it is written."""
    inner = indent + "  "
    if isinstance(node, Numeral):
        return node.text
    if isinstance(node, dict) and node:
        items = [
            f"{json.dumps(key, ensure_ascii=False)}: {dump_json(item, inner)}" for key, item in node.items()
        ]
    elif isinstance(node, list) and node:
        items = [dump_json(item, inner) for item in node]
    else:
        return json.dumps(node, ensure_ascii=False)
    opening, closing = "{}" if isinstance(node, dict) else "[]"
    body = ",\n".join(inner + item for item in items)
    return f"{opening}\n{body}\n{indent}{closing}"


class _Lexical(Loader):
    """The decoder's loader; numbers keep their spelling."""

    def __init__(self, text: str) -> None:
        super().__init__(text, is_json=False)
        self.respelled: list[Respelled] = []

    def key(self, node: Any) -> str:
        before = len(self.respelled)
        key = super().key(node)
        if key == node.value:  # a number's spelling is the key
            del self.respelled[before:]
        return key

    def integer(self, node: Any) -> Any:
        if _JSON_NUMBER.fullmatch(node.value):
            return Numeral(node.value)
        value = self._number(node, self.construct_yaml_int)
        return value if isinstance(value, str) else self._respell(node, str(value))

    def real(self, node: Any) -> Any:
        if _JSON_NUMBER.fullmatch(node.value):
            return Numeral(node.value)
        value = self._number(node, self.construct_yaml_float)
        if isinstance(value, str) or node.value.lower().lstrip("+-") in (".inf", ".nan"):
            return self.text(node)
        bare = _bare(node.value)
        return self._respell(node, bare if _JSON_NUMBER.fullmatch(bare) else repr(value))

    def boolean(self, node: Any) -> Any:
        value = self.construct_yaml_bool(node)
        if node.value.lower() not in _BOOLEANS:
            self._record(node, str(value).lower())
        return value

    def _respell(self, node: Any, text: str) -> Numeral:
        self._record(node, text)
        return Numeral(text)

    def _record(self, node: Any, text: str) -> None:
        mark = node.start_mark
        self.respelled.append(Respelled(mark.line + 1, mark.column + 1, node.value, text))


def _bare(text: str) -> str:
    """A decimal number of YAML without what JSON does not allow: ``+``, ``_``, no digit beside the point."""
    text = text.replace("_", "").lstrip("+")
    text = re.sub(r"^(-?)(?=\.)", r"\g<1>0", text)
    text = re.sub(r"^(-?)0+(?=[0-9])", r"\1", text)
    return re.sub(r"\.(?![0-9])", ".0", text)


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(item) for item in node]
    return str(node) if isinstance(node, str) else node


for _tag, _method in {"int": _Lexical.integer, "float": _Lexical.real, "bool": _Lexical.boolean}.items():
    _Lexical.add_constructor(_CORE + _tag, _method)

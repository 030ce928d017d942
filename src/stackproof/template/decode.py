"""Decode template text once, with cfn-lint's marked nodes, into a tree of JSON values.

Import this module only where a template is decoded: it imports a part of cfn-lint.

Loaders disagree about YAML 1.1 scalars, so the tree holds what JSON can hold: dates stay text,
integers of more than 64 bits and ``.inf``/``.nan`` become their text, every key is a string (a number's
or a date's source text), ``Fn::GetAtt`` of a string becomes its list form.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode
from yaml.reader import ReaderError

from stackproof.template.decoder import decoder

_DECODER = decoder()
cfn_json, cfn_yaml = _DECODER.cfn_json, _DECODER.cfn_yaml
dict_node, list_node, str_node = _DECODER.node.dict_node, _DECODER.node.list_node, _DECODER.node.str_node

_FullLoader: Any = cfn_yaml.CfnFullLoader
_FullDecoder: Any = cfn_json.CfnJSONDecoder

# serde_json, which Guard uses, refuses documents nested deeper than 128.
MAX_DEPTH = 100
MAX_NODES = 250_000
_MAX_INTEGER = 2**63

SHORT_TAGS = frozenset(
    [
        "Ref",
        "Condition",
        "And",
        "Base64",
        "Cidr",
        "Contains",
        "EachMemberEquals",
        "EachMemberIn",
        "Equals",
        "FindInMap",
        "GetAtt",
        "GetAZs",
        "GetStackOutput",
        "If",
        "ImportValue",
        "Join",
        "Length",
        "Not",
        "Or",
        "RefAll",
        "Select",
        "Split",
        "Sub",
        "ToJsonString",
        "Transform",
        "ValueOf",
        "ValueOfAll",
    ]
)
_CORE_TAGS = frozenset(
    ["str", "int", "float", "bool", "null", "map", "seq", "timestamp", "binary", "merge", "value"]
)
_EXPONENT = re.compile(r"-?[0-9.]+[eE][-+]?[0-9]+")
_CORE = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something wrong with the text. ``line`` and ``column`` are 1-based."""

    rule: str
    message: str
    line: int = 1
    column: int = 1
    related: tuple[tuple[int, int, str], ...] = ()


class Undecodable(Exception):
    """The text is no document; ``mistakes`` says why, at least one."""

    def __init__(self, *mistakes: Mistake) -> None:
        super().__init__(mistakes[0].message)
        self.mistakes = mistakes


def decode(text: str) -> tuple[Any, list[Mistake]]:
    """The marked tree of ``text`` (None when it is empty) and the mistakes that do not stop us.

    Raises ``Undecodable`` for text that is neither YAML nor JSON, holds several documents or a key twice,
    is nested deeper than ``MAX_DEPTH`` or expands to more than ``MAX_NODES`` values.
    """
    try:
        mistakes = _survey(text)
        json_like = text.lstrip("\ufeff \t\r\n")[:1] == "{"
        unlike = _strict(text) if json_like else []
        return _yaml(text, json_like and not unlike), mistakes + unlike
    except yaml.YAMLError as error:
        first = _explain(text, error)
        if text.lstrip("\ufeff \t\r\n")[:1] not in ("{", "["):
            raise Undecodable(first) from error
    # YAML refuses tabs and surrogate pairs that JSON allows: cfn-lint tries JSON then, and so do we.
    return _json(text, first), []


def _strict(text: str) -> list[Mistake]:
    """CloudFormation reads what starts with ``{`` as JSON, where YAML would allow a trailing comma."""
    try:
        json.loads(text.lstrip("\ufeff"))
    except RecursionError:
        return []
    except ValueError as error:
        message = f"JSON not well-formed: {getattr(error, 'msg', error)}; what starts with {{ is read as JSON"
        return [Mistake("SP-LOAD-SYNTAX", message, getattr(error, "lineno", 1), getattr(error, "colno", 1))]
    return []


def _survey(text: str) -> list[Mistake]:
    """One pass over the events before any node exists: libyaml composes nodes recursively in C."""
    mistakes: list[Mistake] = []
    depth = documents = 0
    for event in yaml.parse(text, Loader=cfn_yaml.FastLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                message = f"nested deeper than {MAX_DEPTH} levels"
                raise Undecodable(_at("SP-LOAD-DEPTH", message, event.start_mark))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                message = "a second YAML document starts here; a template is one document"
                raise Undecodable(_at("SP-LOAD-DOCUMENTS", message, event.start_mark))
        tag = getattr(event, "tag", None)
        if tag and not _known_tag(tag):
            mistakes.append(_at("SP-LOAD-TAG", f"unknown tag '{tag}'", event.start_mark))
    return mistakes


def _known_tag(tag: str) -> bool:
    if tag.startswith(_CORE):
        return tag.removeprefix(_CORE) in _CORE_TAGS
    return tag == "!" or tag.removeprefix("!") in SHORT_TAGS


def _at(rule: str, message: str, mark: Any) -> Mistake:
    return Mistake(rule, message, mark.line + 1, mark.column + 1)


class Loader(_FullLoader):  # type: ignore[misc]
    """cfn-lint's loader with JSON values only, and with bounds on keys and merges."""

    def __init__(self, text: str, is_json: bool) -> None:
        super().__init__(text, None)
        self.is_json = is_json
        self.merged = 0

    def flatten_mapping(self, node: MappingNode) -> None:
        super().flatten_mapping(node)
        self.merged += len(node.value)
        if self.merged > MAX_NODES:
            message = f"merge keys expand to more than {MAX_NODES} values"
            raise Undecodable(_at("SP-LOAD-ALIASES", message, node.start_mark))

    def map(self, node: MappingNode) -> Any:
        self.flatten_mapping(node)
        merging = bool(getattr(node, "using_merge", False))
        result = dict_node({}, node.start_mark, node.end_mark, merging)
        seen: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self.key(key_node)
            if key in seen and not merging:
                raise Undecodable(_duplicate(key, seen[key].start_mark, key_node.start_mark))
            seen[key] = key_node
            value = self.construct_object(value_node, deep=True)
            if key == "Fn::GetAtt" and isinstance(value, str) and "." in value:
                value = list_node(value.split(".", 1), value_node.start_mark, value_node.end_mark)
            result[key] = value
        return result

    def key(self, node: Node) -> str:
        if not isinstance(node, ScalarNode):
            message = "a key must be text, not a list or a mapping"
            raise Undecodable(_at("SP-LOAD-SYNTAX", message, node.start_mark))
        value = self.construct_object(node, deep=True)
        if value is None:
            message = f"null key '{node.value}' is not supported"
            raise Undecodable(_at("SP-LOAD-SYNTAX", message, node.start_mark))
        if isinstance(value, str):
            return value
        text = str(value).lower() if isinstance(value, bool) else node.value
        return str_node(text, node.start_mark, node.end_mark)  # type: ignore[no-any-return]

    def seq(self, node: Any) -> Any:
        items = [self.construct_object(child, deep=True) for child in node.value]
        return list_node(items, node.start_mark, node.end_mark)

    def text(self, node: Any) -> Any:
        # YAML 1.1 wants a point in a number with an exponent, JSON does not.
        if self.is_json and not node.style and _EXPONENT.fullmatch(node.value):
            value = float(node.value)
            if math.isfinite(value):
                return value
        return str_node(self.construct_scalar(node), node.start_mark, node.end_mark)

    def integer(self, node: Any) -> Any:
        value = self._number(node, self.construct_yaml_int)
        return value if isinstance(value, str) or -_MAX_INTEGER <= value < _MAX_INTEGER else self.text(node)

    def real(self, node: Any) -> Any:
        value = self._number(node, self.construct_yaml_float)
        return value if isinstance(value, str) or math.isfinite(value) else self.text(node)

    def _number(self, node: Any, construct: Callable[[Any], Any]) -> Any:
        try:
            return construct(node)
        except (ValueError, OverflowError):  # "0x_", or more digits than int() takes
            return self.text(node)

    def short(self, suffix: str, node: Any) -> Any:
        name = suffix if suffix in cfn_yaml.UNCONVERTED_SUFFIXES else f"Fn::{suffix}"
        if name == "Fn::GetAtt":
            value = self.construct_getatt(node)
        elif isinstance(node, ScalarNode):
            value = self.text(node)
        elif isinstance(node, MappingNode):
            value = self.map(node)
        else:
            value = self.seq(node)
        return dict_node({name: value}, node.start_mark, node.end_mark)


def _duplicate(key: str, first: Any, second: Any) -> Mistake:
    message = f"duplicate key '{key}', first given in line {first.line + 1}"
    related = ((first.line + 1, first.column + 1, "first given here"),)
    return Mistake("SP-LOAD-DUPLICATE", message, second.line + 1, second.column + 1, related)


for _tag, _method in {
    "map": Loader.map,
    "seq": Loader.seq,
    "str": Loader.text,
    "timestamp": Loader.text,
    "binary": Loader.text,
    "value": Loader.text,
    "int": Loader.integer,
    "float": Loader.real,
}.items():
    Loader.add_constructor(_CORE + _tag, _method)
for _tag in ("set", "omap", "pairs"):
    Loader.add_constructor(_CORE + _tag, SafeConstructor.construct_undefined)
Loader.add_multi_constructor("!", Loader.short)


def _yaml(text: str, is_json: bool) -> Any:
    loader = Loader(text, is_json)
    try:
        tree = loader.get_single_data()
    except RecursionError as error:
        raise Undecodable(Mistake("SP-LOAD-DEPTH", "nested too deeply to be read")) from error
    finally:
        loader.dispose()
    if "&" in text:
        _bound(tree)
    return tree


def _bound(tree: Any) -> None:
    """Refuse a tree that aliases blow up or that contains itself; each distinct node is visited once."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: Any) -> int:
        if not isinstance(node, dict | list):
            return 1
        if id(node) in open_nodes:
            raise Undecodable(_at("SP-LOAD-ALIASES", "an alias contains itself", _mark(node)))
        if id(node) not in sizes:
            open_nodes.add(id(node))
            sizes[id(node)] = 1 + sum(map(size, node.values() if isinstance(node, dict) else node))
            open_nodes.discard(id(node))
        return sizes[id(node)]

    try:
        total = size(tree)
    except RecursionError as error:
        raise Undecodable(Mistake("SP-LOAD-DEPTH", "aliases nest too deeply")) from error
    if total > MAX_NODES:
        message = f"aliases expand to {total} values, more than the {MAX_NODES} allowed"
        raise Undecodable(Mistake("SP-LOAD-ALIASES", message))


def _mark(node: Any) -> Any:
    return getattr(node, "start_mark", None) or cfn_json.Mark(0, 0)


def _explain(text: str, error: yaml.YAMLError) -> Mistake:
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        shown = error.character if isinstance(error.character, str) else f"U+{error.character:04X}"
        return Mistake("SP-LOAD-SYNTAX", f"character {shown} is not allowed in YAML", line, column)
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or error)
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    if "'\\t'" in problem or _indents_with_tab(text, line):
        return Mistake("SP-LOAD-TABS", "a tab is used for indentation; YAML allows spaces only", line, column)
    if isinstance(error, ConstructorError) and "could not determine a constructor" in problem:
        return Mistake("SP-LOAD-TAG", problem, line, column)
    if "recursive" in problem:
        return Mistake("SP-LOAD-ALIASES", "an alias contains itself", line, column)
    context = getattr(error, "context", None)
    return Mistake("SP-LOAD-SYNTAX", f"{context}: {problem}" if context else problem, line, column)


def _indents_with_tab(text: str, line: int) -> bool:
    lines = text.splitlines()
    content = lines[line - 1] if line <= len(lines) else ""
    return "\t" in content[: len(content) - len(content.lstrip())]


class _JSONDecoder(_FullDecoder):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.object_pairs_hook = _pairs
        self.parse_constant = str
        self.parse_int = _json_integer


def _json_integer(digits: str) -> Any:
    value = int(digits) if len(digits) < 20 else _MAX_INTEGER
    return value if -_MAX_INTEGER <= value < _MAX_INTEGER else digits


def _pairs(pairs: list[tuple[Any, Any]], start: Any, end: Any) -> Any:
    result = dict_node({}, start, end)
    for key, value in pairs:
        if key in result:
            first = next(_mark(other) for other in result if other == key)
            raise Undecodable(_duplicate(key, first, _mark(key)))
        if key == "Fn::GetAtt" and isinstance(value, str) and "." in value:
            value = list_node(value.split(".", 1), _mark(key), _mark(key))
        result[key] = value
    return result


def _json(text: str, yaml_mistake: Mistake) -> Any:
    if _json_depth(text) > MAX_DEPTH:
        raise Undecodable(Mistake("SP-LOAD-DEPTH", f"nested deeper than {MAX_DEPTH} levels"))
    try:
        json.loads(text.lstrip("\ufeff"))
    except ValueError as error:
        line, column = getattr(error, "lineno", 1), getattr(error, "colno", 1)
        mistake = Mistake("SP-LOAD-SYNTAX", str(getattr(error, "msg", error)), line, column)
    else:
        return _JSONDecoder().decode(text.lstrip("\ufeff"))
    # Where a tab or an escape stopped the YAML decoder the JSON decoder's answer is the better one.
    generic = mistake.message == "Expecting value"
    retried = yaml_mistake.rule == "SP-LOAD-TABS" or "escape character" in yaml_mistake.message
    raise Undecodable(mistake if retried and not generic else yaml_mistake)


def _json_depth(text: str) -> int:
    depth = deepest = 0
    for character in text:
        if character in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "}]":
            depth -= 1
    return deepest

"""Parameter files of a deployment, in every form that AWS tools take.

CloudFormation: ``[{"ParameterKey": …, "ParameterValue": …}]`` and ``["Key=Value"]`` (``aws cloudformation
deploy --parameter-overrides``); CodePipeline: ``{"Parameters": {…}, "Tags": {…}, "StackPolicy": {…}}``;
and a plain ``{"Key": "Value"}``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stackproof.model import Finding, Location, Severity
from stackproof.template.marked import Node, Unreadable, decode
from stackproof.template.model import ParameterValue, Unknown

_PIPELINE = frozenset({"Parameters", "Tags", "StackPolicy"})
_SCALARS = frozenset({"str", "int", "float", "bool", "null", "timestamp"})
_NO_VALUE = frozenset({"object", "list", "null"})
"""What a section can be and a parameter's value cannot: it tells a template configuration."""
_ENTRY = frozenset({"ParameterKey", "ParameterValue", "UsePreviousValue", "ResolvedValue"})


@dataclass(slots=True)
class Settings:
    """What one file says. ``keys`` are the places of the parameters' names.

    ``given`` is False for a ``samconfig.toml`` environment without parameters: alone it is no configuration
    where the template has others. ``broken``: nothing of the file could be understood.
    """

    parameters: dict[str, ParameterValue] = field(default_factory=dict)
    keys: dict[str, Location] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    stack_policy: Any = None
    region: str = ""
    stack_name: str = ""
    given: bool = True
    broken: bool = False
    findings: list[Finding] = field(default_factory=list)

    def refuse(self, rule: str, message: str, location: Location, fix: str = "") -> None:
        """Add a finding that leaves nothing of the file."""
        self.broken = True
        self.report(rule, message, location, fix)

    def report(self, rule: str, message: str, location: Location, fix: str = "") -> None:
        """Add a finding in the configuration file."""
        self.findings.append(
            Finding(
                f"SP-CONFIG-{rule}", message, location, severity=Severity.ERROR, source="template", fix=fix
            )
        )

    def put(self, name: str, value: Any, key: Location, location: Location) -> None:
        """Add a parameter; a second one of the same name is reported and the first stays."""
        if name in self.parameters:
            self.report("DUPLICATE", f"parameter '{name}' is given twice", key, "keep one of them")
            return
        self.parameters[name] = ParameterValue(value, location)
        self.keys[name] = key


def read(path: Path, file: str, max_size: int) -> Settings:
    """The settings of one file; whatever is wrong with it is a finding, what is right still counts."""
    settings = Settings()
    try:
        data = path.read_bytes()
    except OSError as error:
        settings.refuse("READ", f"cannot be read: {error.strerror}", Location(file))
        return settings
    if len(data) > max_size:
        settings.refuse("READ", f"has {len(data)} bytes, more than the limit of {max_size}", Location(file))
        return settings
    try:
        node = decode(file, data.decode("utf-8"), is_json=path.suffix == ".json")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        settings.refuse("SYNTAX", "is not UTF-8 text", Location(file, line))
    except Unreadable as error:
        settings.refuse("SYNTAX", error.message, error.location)
    else:
        _interpret(node, settings)
    return settings


def is_template(path: Path) -> bool:
    """Whether a file in a ``config`` folder is a template and so no configuration."""
    try:
        head = path.read_bytes()[:65536]
    except OSError:
        return False
    return b"AWSTemplateFormatVersion" in head or (b"Resources" in head and b"AWS::" in head)


def _interpret(node: Node, settings: Settings) -> None:
    if node.kind == "list":
        for item in node.value:
            _interpret_item(item, settings)
        return
    if node.kind != "object":
        _shape(settings, node, "is no list and no object")
        settings.broken = True
        return
    _check_duplicates(node, settings)
    if any(key.value in _PIPELINE and value.kind in _NO_VALUE for key, value in node.pairs()):
        _interpret_pipeline(node, settings)
        return
    nested = [(key, value) for key, value in node.pairs() if value.kind not in _SCALARS]
    if nested:
        key, value = nested[0]
        message = f"'{key.value}' is no parameter value and no section of a template configuration"
        _shape(settings, value, message)
        settings.broken = True
        return
    _interpret_object(node, settings)


def _shape(settings: Settings, node: Node, message: str) -> None:
    settings.report(
        "SHAPE",
        f"a configuration file {message}" if message.startswith("is") else message,
        node.location,
        'write [{"ParameterKey": …, "ParameterValue": …}], ["Key=Value"] or {"Parameters": {"Key": "Value"}}',
    )


def _interpret_pipeline(node: Node, settings: Settings) -> None:
    for key, value in node.pairs():
        if key.value not in _PIPELINE:
            settings.report(
                "SHAPE", f"'{key.value}' is no section; there are Parameters, Tags, StackPolicy", key.location
            )
        elif value.kind not in {"object", "null"}:
            said = {"list": "a list", "str": "text", "bool": "a boolean"}.get(value.kind, "a number")
            settings.report("SHAPE", f"{key.value} is {said}, expected an object", value.location)
        elif key.value == "Parameters":
            _check_duplicates(value, settings)
            _interpret_object(value, settings)
        elif key.value == "Tags":
            _check_duplicates(value, settings)
            for name, tag in value.pairs():
                settings.tags[str(name.value)] = str(_text(tag, f"tag '{name.value}'", settings) or "")
        else:
            settings.stack_policy = _plain(value)


def _interpret_object(node: Node, settings: Settings) -> None:
    seen: set[str] = set()
    for key, value in node.pairs():
        name = str(key.value)
        if name not in seen:
            seen.add(name)
            found = _text(value, f"parameter '{name}'", settings)
            if found is not None:
                settings.put(name, found, key.location, value.location)


def _interpret_item(item: Node, settings: Settings) -> None:
    if item.kind == "str":
        name, sign, text = str(item.value).partition("=")
        if sign and name.strip():
            settings.put(name.strip(), text, item.location, item.location)
        else:
            _shape(settings, item, f"'{item.value}' is no 'Key=Value'")
        return
    if item.kind != "object":
        _shape(settings, item, "is a list with an item that is neither an object nor 'Key=Value'")
        return
    _check_duplicates(item, settings)
    key, value = item.get("ParameterKey"), item.get("ParameterValue")
    for other, _ in item.pairs():
        if other.value not in _ENTRY:
            settings.report("SHAPE", f"'{other.value}' is no key of a parameter entry", other.location)
    if key is None or key.kind != "str":
        _shape(settings, item, "an entry has no ParameterKey")
        return
    name = str(key.value)
    if value is None:
        _interpret_previous(item, name, key, settings)
        return
    found = _text(value, f"parameter '{name}'", settings)
    if found is not None:
        settings.put(name, found, key.location, value.location)


def _interpret_previous(item: Node, name: str, key: Node, settings: Settings) -> None:
    previous = item.get("UsePreviousValue")
    if previous is not None and str(previous.value).lower() == "true":
        unknown = Unknown(
            {"Ref": name}, "keeps the value of the deployed stack", may_be_empty=True, sources=(name,)
        )
        settings.put(name, unknown, key.location, previous.location)
    else:
        settings.report("VALUE", f"parameter '{name}' has no ParameterValue", key.location)


def _text(value: Node, what: str, settings: Settings) -> Any:
    """The text of a value. One that is no string is reported and counts with the text it has."""
    if value.kind == "str":
        return value.value
    names = {"int": "a number", "float": "a number", "bool": "a boolean", "timestamp": "a date"}
    if value.kind in names:
        settings.report(
            "VALUE",
            f"{what} is {names[value.kind]}, expected a string",
            value.location,
            f'put it in quotes: "{value.value}"',
        )
        return value.value.lower() if value.kind == "bool" else value.value
    kind = {"null": "null", "list": "a list", "object": "an object"}.get(value.kind, "no text")
    hint = "write a list parameter as one text with commas" if value.kind == "list" else ""
    settings.report("VALUE", f"{what} is {kind}, expected a string", value.location, hint)
    return None


def _check_duplicates(node: Node, settings: Settings) -> None:
    seen: set[str] = set()
    for key, _ in node.pairs():
        if key.value in seen:
            settings.report(
                "DUPLICATE", f"the key '{key.value}' stands twice", key.location, "keep one of them"
            )
        seen.add(key.value)


def _plain(node: Node) -> Any:
    if node.kind == "object":
        return {str(key.value): _plain(value) for key, value in node.pairs()}
    if node.kind == "list":
        return [_plain(item) for item in node.value]
    if node.kind == "bool":
        return node.value.lower() in {"true", "yes", "on"}
    return None if node.kind == "null" else node.value


def names(settings: Settings) -> Iterator[tuple[str, Location]]:
    """The parameters' names with their places."""
    yield from settings.keys.items()

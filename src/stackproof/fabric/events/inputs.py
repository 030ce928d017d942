"""What a target gets: the event, a constant, a part of the event, or a filled template.

Source: EventBridge user guide, "Amazon EventBridge input transformation"; what quotes, lists and missing
values become was recorded from AWS: inside of quotes an object or list loses its own quotes, outside of
them a value is written as JSON, and what is missing is empty text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from stackproof.fabric.clock import iso
from stackproof.fabric.events import errors, paths
from stackproof.fabric.events.model import Event, Rule, compact

_PLACEHOLDER = re.compile(r"<([^<>\s]+)>")
_RESERVED = (
    "aws.events.rule-arn",
    "aws.events.rule-name",
    "aws.events.event.ingestion-time",
    "aws.events.event",
    "aws.events.event.json",
)


class InvalidInput(ValueError):
    """A template whose filling is no JSON; EventBridge gives the event up with INVALID_JSON."""


def check(target: Mapping[str, Any]) -> None:
    """What AWS refuses of a target's input settings. Raises ServiceError."""
    name = target["Id"]
    given = [key for key in ("Input", "InputPath", "InputTransformer") if target.get(key) is not None]
    if len(given) > 1:
        raise errors.validation(
            f"Only one of Input, InputPath, or InputTransformer must be provided for target {name}."
        )
    if target.get("Input") is not None and _decoded(target["Input"]) is paths.MISSING:
        raise errors.validation(f"JSON syntax error in input for target {name}")
    if target.get("InputPath") is not None:
        _check_path(str(target["InputPath"]), f"InputPath for target {name}")
    if target.get("InputTransformer") is not None:
        _check_transformer(target["InputTransformer"], name)


def _check_path(path: str, where: str) -> None:
    try:
        paths.parse(path)
    except paths.InvalidPath as error:
        raise errors.validation(f"Invalid {where} : {path}.") from error


def _check_transformer(transformer: Mapping[str, Any], target: str) -> None:
    known = transformer.get("InputPathsMap") or {}
    if len(known) > 100:
        raise errors.validation(f"InputPathsMap for target {target} has more than 100 keys.")
    for key, path in known.items():
        if key.lower().startswith("aws."):
            raise errors.validation(f"InputPathsMap for target {target} contains invalid key {key}.")
        _check_path(path, f"JSONPath for target {target}")
    template = transformer["InputTemplate"]
    for found in _PLACEHOLDER.finditer(template):
        if found[1] not in known and found[1] not in _RESERVED:
            raise errors.validation(
                f"InputTemplate for target {target} contains invalid placeholder {found[1]}."
            )
    if not _is_text(template) and _decoded(filled(template, lambda name, quoted: "0")) is paths.MISSING:
        raise errors.validation(
            f"Invalid InputTemplate for target {target} : it is neither JSON nor quoted text."
        )


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return paths.MISSING


def _is_text(template: str) -> bool:
    """Quoted text: one line, or several lines each in quotes."""
    lines = [line.strip() for line in template.strip().splitlines()]
    return bool(lines) and all(len(line) > 1 and line[0] == line[-1] == '"' for line in lines)


def made(target: Mapping[str, Any], rule: Rule, event: Event) -> str:
    """The text that a target gets. Raises ``InvalidInput``."""
    if target.get("Input") is not None:
        return str(target["Input"])
    if target.get("InputPath") not in (None, "$"):
        found = paths.find(target["InputPath"], event.document)
        return "null" if found is paths.MISSING else compact(found)
    if target.get("InputTransformer") is not None:
        return transformed(target["InputTransformer"], rule, event)
    return event.text


def transformed(transformer: Mapping[str, Any], rule: Rule, event: Event) -> str:
    """A filled template: JSON without spaces, or quoted text as it stands."""
    known = transformer.get("InputPathsMap") or {}

    def value(name: str, quoted: bool) -> str:
        found = _reserved(name, rule, event) if name in _RESERVED else paths.find(known[name], event.document)
        return written(found, quoted)

    template = transformer["InputTemplate"]
    text = filled(template, value)
    if _is_text(template):
        return text
    try:
        return compact(json.loads(text))
    except ValueError as error:
        raise InvalidInput(f"the filled template is no JSON: {error}") from error


def _reserved(name: str, rule: Rule, event: Event) -> Any:
    if name == "aws.events.rule-arn":
        # Rules of the default bus are shown without it; those of others with it.
        return rule.arn
    if name == "aws.events.rule-name":
        return rule.name
    if name == "aws.events.event.ingestion-time":
        return iso(event.ingested_ms)[:-5] + "Z"
    if name == "aws.events.event":
        return {key: value for key, value in event.document.items() if key != "detail"}
    return dict(event.document)


def written(value: Any, quoted: bool) -> str:
    """A value as a template shows it, inside of quotes or outside."""
    if value is paths.MISSING:
        return "" if quoted else '""'
    if not quoted:
        return compact(value)
    return value if isinstance(value, str) else compact(value).replace('"', "")


def filled(template: str, value: Any) -> str:
    """The template with ``value(name, quoted)`` in place of each ``<name>``."""
    parts: list[str] = []
    at = 0
    quoted = False
    for found in _PLACEHOLDER.finditer(template):
        literal = template[at : found.start()]
        quoted = _quoted_after(literal, quoted)
        parts += [literal, value(found[1], quoted)]
        at = found.end()
    return "".join([*parts, template[at:]])


def _quoted_after(literal: str, quoted: bool) -> bool:
    for character in _unescaped(literal):
        if character == '"':
            quoted = not quoted
    return quoted


def _unescaped(text: str) -> Iterator[str]:
    escaped = False
    for character in text:
        if not escaped:
            if character != "\\":
                yield character
            escaped = character == "\\"
        else:
            escaped = False

"""Parameter declarations and the values that CloudFormation would refuse for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from stackproof.template.model import Choice, Unknown
from stackproof.template.unknowns import possible, text_of

_STORE = re.compile(r"AWS::SSM::Parameter::Value<(.+)>$")
_LIST = re.compile(r"List<(.+)>$")
_MATCH_SECONDS = 1.0
_ID_TYPES = {
    "AWS::EC2::VPC::Id": "vpc",
    "AWS::EC2::Subnet::Id": "subnet",
    "AWS::EC2::SecurityGroup::Id": "sg",
    "AWS::EC2::Instance::Id": "i",
    "AWS::EC2::Image::Id": "ami",
    "AWS::EC2::Volume::Id": "vol",
}
_SSM_PREFIX = "resolve:"


@dataclass(frozen=True, slots=True)
class Declaration:
    """A parameter as the template declares it. ``item_type`` is the type of the value or of one item."""

    name: str
    type: str = "String"
    item_type: str = "String"
    is_list: bool = False
    from_store: bool = False
    has_default: bool = False
    default: Any = None
    allowed_values: tuple[Any, ...] = ()
    pattern: str = ""
    min_length: int | None = None
    max_length: int | None = None
    min_value: float | None = None
    max_value: float | None = None
    description: str = ""
    no_echo: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """A value that a declaration does not allow, or (``undecided``) of which that cannot be told."""

    rule: str
    message: str
    fix: str = ""
    undecided: bool = False


def declaration(name: str, raw: dict[str, Any]) -> Declaration:
    """Read a parameter's declaration; what has the wrong shape counts as not given (cfn-lint reports it)."""
    declared = raw.get("Type")
    full = declared if isinstance(declared, str) else "String"
    inner, from_store = full, False
    store = _STORE.match(full)
    if store:
        inner, from_store = store[1], True
    as_list = _LIST.match(inner)
    is_list = as_list is not None or inner == "CommaDelimitedList"
    item = as_list[1] if as_list else "String" if is_list else inner
    allowed = raw.get("AllowedValues")
    pattern = raw.get("AllowedPattern")
    return Declaration(
        name=name,
        type=full,
        item_type=item,
        is_list=is_list,
        from_store=from_store,
        has_default="Default" in raw and raw["Default"] is not None,
        default=raw.get("Default"),
        allowed_values=tuple(allowed) if isinstance(allowed, list) else (),
        pattern=str(pattern) if isinstance(pattern, str) else "",
        min_length=_integer(raw.get("MinLength")),
        max_length=_integer(raw.get("MaxLength")),
        min_value=number(raw.get("MinValue")),
        max_value=number(raw.get("MaxValue")),
        description=text_of(raw.get("ConstraintDescription") or ""),
        no_echo=text_of(raw.get("NoEcho")).lower() == "true",
    )


def number(value: Any) -> float | None:
    """A number from its text, None when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if abs(found) != float("inf") and found == found else None


def _integer(value: Any) -> int | None:
    found = number(value)
    return int(found) if found is not None else None


def check_value(declared: Declaration, value: Any) -> Iterator[Fault]:
    """Everything in a value that the declaration does not allow. Secrets are not quoted."""
    if isinstance(value, Choice):
        yield from check_value(declared, value.then)
        yield from check_value(declared, value.otherwise)
        return
    if isinstance(value, Unknown):
        yield from _check_unknown(declared, value)
        return
    if isinstance(value, dict):
        yield _fault(declared, "TYPE", f"is an object, expected {_article(declared.type)}")
        return
    if declared.from_store:
        yield from _check_key(declared, value)
        return
    items = value if isinstance(value, list) else [value]
    if declared.is_list and not isinstance(value, list):
        items = [item.strip() for item in text_of(value).split(",")]
    for item in items:
        if isinstance(item, Unknown | Choice):
            continue
        yield from _check_item(declared, text_of(item))


def _check_unknown(declared: Declaration, value: Unknown) -> Iterator[Fault]:
    """Only what holds for every value that the unknown can have."""
    if declared.from_store:
        return
    if value.kind == "list" and not declared.is_list:
        yield _fault(declared, "TYPE", f"is a list, expected {_article(declared.type)}")
    if value.kind in {"string", "number"} and value.values and not declared.is_list:
        faults = [list(_check_item(declared, text_of(item))) for item in value.values]
        if all(faults):
            yield faults[0][0]
    elif (
        declared.allowed_values
        and value.kind == "string"
        and not declared.is_list
        and not any(possible(value, item) for item in declared.allowed_values)
    ):
        allowed = ", ".join(text_of(item) for item in declared.allowed_values)
        yield _fault(declared, "ALLOWED-VALUES", f"can be none of the allowed values {allowed}")


def _check_key(declared: Declaration, value: Any) -> Iterator[Fault]:
    text = text_of(value)
    if not text or len(text) > 2048 or not re.fullmatch(r"[A-Za-z0-9_.\-/:]+", text):
        yield _fault(declared, "TYPE", f"is {_quoted(declared, text)}, expected the name of an SSM parameter")


def _check_item(declared: Declaration, text: str) -> Iterator[Fault]:
    if text.startswith("{{" + _SSM_PREFIX):
        return
    quoted = _quoted(declared, text)
    if declared.item_type == "Number":
        found = number(text)
        if found is None:
            yield _fault(declared, "TYPE", f"is {quoted}, expected a number")
            return
        yield from _check_range(declared, found, quoted)
    prefix = _ID_TYPES.get(declared.item_type)
    if prefix and not re.fullmatch(rf"{prefix}-[0-9a-f]{{8}}(?:[0-9a-f]{{9}})?", text):
        yield _fault(declared, "TYPE", f"is {quoted}, expected an id like {prefix}-0123456789abcdef0")
    if declared.allowed_values and text not in {text_of(item) for item in declared.allowed_values}:
        allowed = ", ".join(text_of(item) for item in declared.allowed_values)
        yield _fault(declared, "ALLOWED-VALUES", f"is {quoted}, allowed are {allowed}")
    yield from _check_text(declared, text, quoted)


def _check_range(declared: Declaration, found: float, quoted: str) -> Iterator[Fault]:
    if declared.min_value is not None and found < declared.min_value:
        yield _fault(declared, "RANGE", f"is {quoted}, the smallest allowed is {declared.min_value:g}")
    if declared.max_value is not None and found > declared.max_value:
        yield _fault(declared, "RANGE", f"is {quoted}, the largest allowed is {declared.max_value:g}")


def _check_text(declared: Declaration, text: str, quoted: str) -> Iterator[Fault]:
    if declared.item_type != "Number":
        if declared.min_length is not None and len(text) < declared.min_length:
            yield _fault(
                declared, "LENGTH", f"is {quoted}, at least {declared.min_length} characters are needed"
            )
        if declared.max_length is not None and len(text) > declared.max_length:
            yield _fault(
                declared, "LENGTH", f"is {quoted}, at most {declared.max_length} characters are allowed"
            )
    matched = full_match(declared.pattern, text) if declared.pattern else True
    if matched is False:
        yield _fault(declared, "PATTERN", f"is {quoted}, it does not match {declared.pattern}")
    elif matched is None:
        fault = _fault(declared, "PATTERN", f"is {quoted}, its AllowedPattern cannot be applied here")
        yield replace(fault, undecided=True)


def full_match(pattern: str, text: str) -> bool | None:
    """Whether a Java regular expression matches a text from end to end; None when it cannot be told.

    The ``regex`` module reads Java's ``\\p{…}`` classes, possessive quantifiers and named groups.
    """
    compiled = _compiled(pattern)
    if compiled is None:
        return None
    try:
        return compiled.fullmatch(text, timeout=_MATCH_SECONDS) is not None
    except TimeoutError:
        return None


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> Any:
    import regex

    try:
        return regex.compile(pattern, regex.V1)
    except (regex.error, OverflowError, RecursionError, ValueError):
        return None


def _article(declared: str) -> str:
    return f"a value of type {declared}"


def _quoted(declared: Declaration, text: str) -> str:
    if declared.no_echo:
        return "a secret"
    shown = text if len(text) <= 60 else text[:57] + "…"
    return f"'{shown}'"


def _fault(declared: Declaration, rule: str, message: str) -> Fault:
    said = f" ({declared.description})" if declared.description else ""
    return Fault(
        f"SP-PARAM-{rule}",
        f"parameter '{declared.name}' {message}{said}",
        f"give '{declared.name}' a value that its declaration allows",
    )

"""``Fn::Sub``, ``Fn::Join``, ``Fn::Split`` and ``Fn::Select``."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from stackproof.model import DocPath
from stackproof.template.constraints import number
from stackproof.template.model import ABSENT, Choice, Unknown
from stackproof.template.unknowns import concat, contains_unknown, escape, lift, text_of, unite, written

if TYPE_CHECKING:
    from stackproof.template.evaluate import Evaluator
    from stackproof.template.live import Live

_DYNAMIC = re.compile(r"(\{\{resolve:(?:ssm|ssm-secure|secretsmanager):[^{}]*\}\})")
VARIABLE = re.compile(r"\$\{(!?)([^{}]*)\}")
"""``${Name}``, ``${Name.Attribute}`` and the literal ``${!Name}``."""


def _wrong(evaluator: Evaluator, name: str, takes: str, arguments: Any, path: DocPath) -> Unknown:
    return evaluator.scope.invalid("SP-RESOLVE-SHAPE", f"{name} takes {takes}", path, {name: arguments})


def sub(evaluator: Evaluator, arguments: Any, path: DocPath) -> Any:
    """Both forms: a text, or ``[text, {Name: value}]``."""
    takes = "a text, or a list of a text and an object of values"
    text, given, inner = arguments, {}, path
    if isinstance(arguments, list):
        if len(arguments) != 2 or not isinstance(arguments[1], dict):
            return _wrong(evaluator, "Fn::Sub", takes, arguments, path)
        text, inner = arguments[0], (*path, 0)
        given = {key: evaluator.argument(item, (*path, 1, key)) for key, item in arguments[1].items()}
    if not isinstance(text, str):
        return _wrong(evaluator, "Fn::Sub", takes, arguments, path)
    parts: list[Any] = []
    end = 0
    for found in VARIABLE.finditer(text):
        parts.append(text[end : found.start()])
        end = found.end()
        if found[1]:
            parts.append("${" + found[2] + "}")
        else:
            parts.append(_variable(evaluator, found[2].strip(), given, inner))
    parts.append(text[end:])
    return joined(evaluator, "Fn::Sub", [part for part in parts if part != ""], path)


def _variable(evaluator: Evaluator, name: str, given: dict[str, Any], path: DocPath) -> Any:
    if name in given:
        return "" if given[name] is ABSENT else given[name]
    if "." in name:
        return evaluator.references.getatt(name, path)
    value = evaluator.references.ref(name, path)
    return "" if value is ABSENT else value


def joined(evaluator: Evaluator, name: str, parts: list[Any], path: DocPath) -> Any:
    """The parts as one text; lists and objects among them are reported."""
    expression = _sub_expression(parts)

    def finish(known: list[Any]) -> Any:
        for part in known:
            if isinstance(part, dict | list) or (isinstance(part, Unknown) and part.kind == "list"):
                message = f"{name} puts a list or an object into a text"
                return evaluator.scope.invalid("SP-RESOLVE-SHAPE", message, path, expression)
        return resolved_text(concat(known, expression), known, evaluator.scope.live)

    return lift(parts, finish, expression)


def resolved_text(value: Any, parts: list[Any], live: Live | None = None) -> Any:
    """A joined text after its dynamic references, which CloudFormation resolves last."""
    if isinstance(value, str):
        return dynamic(value, live) if "{{resolve:" in value else value
    if any(isinstance(part, str) and "{{resolve:" in part for part in parts):
        reason = "holds a dynamic reference that is read while it deploys"
        return Unknown(value.expression, reason, "string", sources=value.sources)
    return value


def dynamic(text: str, live: Live | None = None) -> Any:
    """A string with dynamic references: unknown, with the written form as its expression, unless ``live``.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
    """
    pieces = _DYNAMIC.split(text)
    if len(pieces) == 1:
        return text
    if live is not None:
        return "".join(live.dynamic(piece) if i % 2 else piece for i, piece in enumerate(pieces))
    parts = [
        Unknown(piece, f"{piece} is read while it deploys", "string", sources=(piece,))
        if index % 2
        else piece
        for index, piece in enumerate(pieces)
        if piece
    ]
    return concat(parts, text)


def _sub_expression(parts: list[Any]) -> Any:
    """Known and unknown parts as one document: an ``Fn::Sub`` where that can say it, else a ``Fn::Join``."""
    pieces: list[str] = []
    for part in parts:
        if not isinstance(part, Unknown | Choice | dict | list):
            pieces.append(text_of(part).replace("${", "${!"))
            continue
        expression = written(part)
        match expression:
            case {"Ref": str(name)}:
                pieces.append("${" + name + "}")
            case {"Fn::GetAtt": [str(name), str(attribute)]}:
                pieces.append("${" + f"{name}.{attribute}" + "}")
            case {"Fn::Sub": str(inner)}:
                pieces.append(inner)
            case _:
                return {"Fn::Join": ["", [written(item) for item in parts]]}
    return {"Fn::Sub": "".join(pieces)}


def join(evaluator: Evaluator, arguments: Any, path: DocPath) -> Any:
    """``[delimiter, [values]]``; the values may come from a function that returns a list."""
    takes = "a delimiter and a list of values"
    if not isinstance(arguments, list) or len(arguments) != 2 or not isinstance(arguments[0], str):
        return _wrong(evaluator, "Fn::Join", takes, arguments, path)
    values = evaluator.argument(arguments[1], (*path, 1))
    delimiter = str(arguments[0])
    expression = {"Fn::Join": [delimiter, written(values)]}

    def finish(known: list[Any]) -> Any:
        items = known[0] if known else []
        if isinstance(items, Unknown) and items.kind in {"list", "any"}:
            pattern = ""
            if items.pattern:
                pattern = f"(?:{items.pattern})(?:{escape(delimiter)}(?:{items.pattern}))*"
                pattern = f"(?:{pattern})?" if items.may_be_empty else pattern
            return Unknown(
                expression,
                items.reason,
                "string",
                pattern,
                (),
                items.generated,
                items.may_be_empty,
                items.sources,
            )
        if not isinstance(items, list):
            return _wrong(evaluator, "Fn::Join", takes, arguments, path)
        parts: list[Any] = []
        for item in items:
            parts.extend([delimiter, item] if parts and delimiter else [item])
        return joined(evaluator, "Fn::Join", parts, path)

    return lift([values], finish, expression)


def split(evaluator: Evaluator, arguments: Any, path: DocPath) -> Any:
    """``[delimiter, text]``."""
    takes = "a delimiter and a text"
    if not isinstance(arguments, list) or len(arguments) != 2 or not isinstance(arguments[0], str):
        return _wrong(evaluator, "Fn::Split", takes, arguments, path)
    delimiter = str(arguments[0])
    value = evaluator.argument(arguments[1], (*path, 1))
    expression = {"Fn::Split": [delimiter, written(value)]}
    if delimiter == "":
        return _wrong(evaluator, "Fn::Split", "a delimiter that is not empty", arguments, path)

    def finish(known: list[Any]) -> Any:
        item = known[0] if known else None
        if isinstance(item, dict | list):
            return _wrong(evaluator, "Fn::Split", takes, arguments, path)
        if isinstance(item, Unknown):
            rows = tuple(
                dict.fromkeys(part for text in item.values for part in text_of(text).split(delimiter))
            )
            return Unknown(expression, item.reason, "list", "", rows, False, False, item.sources)
        return text_of(item).split(delimiter)

    return lift([value], finish, expression)


def select(evaluator: Evaluator, arguments: Any, path: DocPath) -> Any:
    """``[index, list]``."""
    takes = "an index and a list"
    if not isinstance(arguments, list) or len(arguments) != 2:
        return _wrong(evaluator, "Fn::Select", takes, arguments, path)
    index = evaluator.argument(arguments[0], (*path, 0))
    values = evaluator.argument(arguments[1], (*path, 1))
    expression = {"Fn::Select": [written(index), written(values)]}

    def finish(known: list[Any]) -> Any:
        if len(known) != 2:
            return _wrong(evaluator, "Fn::Select", takes, arguments, path)
        position, items = known
        if isinstance(items, Unknown) and items.kind in {"list", "any"}:
            return _item(items, expression)
        if not isinstance(items, list):
            return _wrong(evaluator, "Fn::Select", takes, arguments, path)
        if isinstance(position, Unknown):
            return _one_of(position, items, expression)
        wanted = number(position)
        if wanted is None or wanted != int(wanted):
            return _wrong(evaluator, "Fn::Select", "a number as its index", arguments, path)
        if not 0 <= wanted < len(items):
            message = f"Fn::Select asks for item {int(wanted)} of a list of {len(items)}"
            return evaluator.scope.invalid("SP-RESOLVE-SELECT", message, path, expression)
        return items[int(wanted)]

    return lift([index, values], finish, expression)


def _item(items: Unknown, expression: Any) -> Unknown:
    return Unknown(
        expression, items.reason, "string", items.pattern, items.values, items.generated,
        items.may_be_empty or "" in items.values or not (items.pattern or items.values), items.sources,
    )  # fmt: skip


def _one_of(position: Unknown, items: list[Any], expression: Any) -> Unknown:
    scalars = all(isinstance(item, str | int | float) for item in items)
    values = tuple(dict.fromkeys(items)) if scalars else ()
    return Unknown(
        expression, position.reason, "any", "", values, may_be_empty=True, sources=position.sources
    )


def json_parts(value: Any) -> list[Any]:
    """A tree with unknowns as pieces of JSON text; an unknown string stands between its quotes."""
    parts: list[Any] = []
    _json_into(value, parts)
    return parts


def _json_into(value: Any, parts: list[Any]) -> None:
    if isinstance(value, Unknown):
        quote = '"' if value.kind == "string" else ""
        parts.extend([quote, value, quote] if quote else [_raw(value)])
    elif isinstance(value, dict) and contains_unknown(value):
        for index, (key, item) in enumerate(value.items()):
            parts.append(("," if index else "{") + json.dumps(key) + ":")
            _json_into(item, parts)
        parts.append("}")
    elif isinstance(value, list) and contains_unknown(value):
        for index, item in enumerate(value):
            parts.append("," if index else "[")
            _json_into(item, parts)
        parts.append("]")
    else:
        parts.append(json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str))


def _raw(value: Unknown) -> Unknown:
    """An unknown of another kind as JSON text: any text, its sources kept."""
    return Unknown(value.expression, value.reason, "any", may_be_empty=False, sources=unite([value]))

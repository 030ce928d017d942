"""What DynamoDB refuses in expressions and numbers before it looks at a table, and moto lets pass.

Source: DynamoDB developer guide, "Expression attribute names", "Expression attribute values" and "Supported
data types" (numbers have up to 38 digits of precision).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stackproof.fabric.service import Params, Response, ServiceError

DIGITS = 38
_EXPRESSIONS = (
    "ConditionExpression", "UpdateExpression", "KeyConditionExpression", "FilterExpression",
    "ProjectionExpression",
)  # fmt: skip
_PLACEHOLDERS = {"#": "ExpressionAttributeNames", ":": "ExpressionAttributeValues"}
_PLACEHOLDER = re.compile(r"[:#][A-Za-z0-9_]+")
_UNDEFINED = {
    "#": "An expression attribute name used in the document path is not defined; attribute name: ",
    ":": "An expression attribute value used in expression is not defined; attribute value: ",
}
_BROKEN = (ValueError, AssertionError, IndexError)
"""What moto's parser of conditions raises for an expression that is none."""


def refused(message: str) -> ServiceError:
    """ValidationException."""
    return ServiceError("ValidationException", message)


def check(params: Params) -> None:
    """Raise ValidationException for what a call's parameters alone show."""
    for part in _parts(params):
        _check_placeholders(part)
        for name in ("Item", "ExpressionAttributeValues"):
            if name in part:
                _check_numbers({"M": part[name]})


def _parts(params: Params) -> Iterator[Mapping[str, Any]]:
    """A call's parameters; of a transaction or a batch each of its operations."""
    yield params
    for one in params.get("TransactItems") or ():
        yield from one.values()
    items = params.get("RequestItems") or {}
    for requests in items.values():
        for request in requests if isinstance(requests, list) else ():
            yield request.get("PutRequest") or {}


def _check_placeholders(part: Mapping[str, Any]) -> None:
    expressions = {name: part[name] for name in _EXPRESSIONS if isinstance(part.get(name), str)}
    used = {name: set(_PLACEHOLDER.findall(text)) for name, text in expressions.items()}
    for sign, member in _PLACEHOLDERS.items():
        given = part.get(member)
        for name, found in used.items():
            for one in sorted(found - set(given or ())):
                if one.startswith(sign):
                    raise refused(f"Invalid {name}: {_UNDEFINED[sign]}{one}")
        if given and not expressions:
            raise refused(f"{member} can only be specified when using expressions")
        unused = [one for one in given or () if not any(one in found for found in used.values())]
        if unused:
            raise refused(f"Value provided in {member} unused in expressions: keys: {{{', '.join(unused)}}}")


def _check_numbers(value: Mapping[str, Any]) -> None:
    for kind, content in value.items():
        if kind == "N" or kind == "NS":
            for text in (content,) if kind == "N" else content:
                if len(text) > DIGITS and _significant(text) > DIGITS:
                    raise refused(f"Attempting to store more than {DIGITS} significant digits in a Number")
        elif kind == "M" or kind == "L":
            for one in content.values() if kind == "M" else content:
                _check_numbers(one)


def _significant(text: str) -> int:
    return len(re.split("[eE]", text)[0].lstrip("+-").replace(".", "").strip("0"))


def malformed(params: Params, error: Exception) -> ServiceError | None:
    """The ValidationException for an expression that moto's parser fell over; None for other failures."""
    if not isinstance(error, _BROKEN):
        return None
    for part in _parts(params):
        for name in _EXPRESSIONS:
            if isinstance(part.get(name), str):
                return refused(f"Invalid {name}: Syntax error; {error or part[name]}")
    return None


def asked_for(params: Params, response: Response) -> Response:
    """The answer without the figures that nobody asked for."""
    if params.get("ReturnConsumedCapacity", "NONE") == "NONE":
        response.pop("ConsumedCapacity", None)
    if params.get("ReturnItemCollectionMetrics", "NONE") == "NONE":
        response.pop("ItemCollectionMetrics", None)
    return response

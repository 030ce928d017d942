"""Names of objects: prefixes with expressions, and what Firehose puts behind them.

Sources: Firehose developer guide, "Understand custom prefixes for Amazon S3 objects" (expressions and their
rules) and "Configure Amazon S3 object name format". Times are those of the oldest record of an object.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from stackproof.fabric.firehose import errors
from stackproof.fabric.ids import Ids

_EXPRESSION = re.compile(r"!\{([^}]*)\}")
_LETTERS = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+")
_USUAL = "!{timestamp:yyyy/MM/dd/HH/}"
_TIMES: dict[str, Callable[[datetime, int], str]] = {
    "y": lambda now, width: f"{now.year % 100:02d}" if width == 2 else f"{now.year:0{width}d}",
    "M": lambda now, width: (
        f"{now.month:0{width}d}" if width < 3 else f"{now:%b}" if width == 3 else f"{now:%B}"
    ),
    "d": lambda now, width: f"{now.day:0{width}d}",
    "D": lambda now, width: f"{now.timetuple().tm_yday:0{width}d}",
    "H": lambda now, width: f"{now.hour:0{width}d}",
    "h": lambda now, width: f"{(now.hour + 11) % 12 + 1:0{width}d}",
    "m": lambda now, width: f"{now.minute:0{width}d}",
    "s": lambda now, width: f"{now.second:0{width}d}",
    "S": lambda now, width: f"{now.microsecond:06d}".ljust(width, "0")[:width],
    "a": lambda now, width: f"{now:%p}",
    "E": lambda now, width: f"{now:%a}" if width < 4 else f"{now:%A}",
}
"""Letters of Java's DateTimeFormatter; the others are refused."""


def check(prefix: str, error_prefix: str, *, partitioned: bool) -> None:
    """Raise ``InvalidArgumentException`` (or say what is not emulated) for prefixes that Firehose refuses."""
    for text in (prefix, error_prefix):
        if "!{" in _EXPRESSION.sub("", text):
            raise errors.invalid("The prefix contains an expression that is not closed.")
        for expression in _EXPRESSION.findall(text):
            _check(expression)
    if _has(prefix, "firehose:error-output-type"):
        raise errors.invalid("Prefix cannot contain !{firehose:error-output-type}.")
    if _EXPRESSION.search(prefix) and not error_prefix:
        raise errors.invalid("ErrorOutputPrefix cannot be null or empty when Prefix contains expressions.")
    if _EXPRESSION.search(error_prefix) and not _has(error_prefix, "firehose:error-output-type"):
        raise errors.invalid("ErrorOutputPrefix should contain at least one !{firehose:error-output-type}.")
    if "!{partitionKey" in error_prefix:
        raise errors.invalid("ErrorOutputPrefix cannot contain partition keys.")
    if "!{partitionKey" in prefix and not partitioned:
        raise errors.invalid("Partition keys in a prefix need dynamic partitioning to be enabled.")
    if partitioned and "!{partitionKey" not in prefix:
        raise errors.invalid("S3 Prefix should contain Dynamic Partitioning namespaces when it is enabled.")


def _has(text: str, expression: str) -> bool:
    return expression in _EXPRESSION.findall(text)


def _check(expression: str) -> None:
    namespace, _, value = expression.partition(":")
    if namespace == "timestamp":
        _moment(value, datetime(2026, 1, 1, tzinfo=UTC))
    elif namespace == "firehose":
        if value not in ("random-string", "error-output-type"):
            raise errors.invalid(f"The expression !{{{expression}}} is not valid.")
    elif namespace not in ("partitionKeyFromQuery", "partitionKeyFromLambda") or not value:
        raise errors.invalid(f"The expression !{{{expression}}} is not valid.")


def check_zone(name: str) -> None:
    """Raise ``InvalidArgumentException`` for a time zone that nobody knows."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise errors.invalid(f"The time zone {name} is not supported.") from error


def evaluated(prefix: str, ms: int, zone: str, ids: Ids, keys: Mapping[str, str]) -> str:
    """A prefix for good records; without a time in it (or partition keys) the usual time is added."""
    if "!{timestamp:" not in prefix and "!{partitionKey" not in prefix:
        prefix += _USUAL
    return _filled(prefix, moment(ms, zone), ids, {"": "", **keys})


def evaluated_for_errors(prefix: str, error_prefix: str, kind: str, ms: int, zone: str, ids: Ids) -> str:
    """A prefix for failed records; ``kind`` is ``processing-failed`` and the like."""
    if not error_prefix:
        error_prefix = f"{prefix}!{{firehose:error-output-type}}/{_USUAL}"
    elif not _EXPRESSION.search(error_prefix):
        error_prefix += f"!{{firehose:error-output-type}}/{_USUAL}"
    elif "!{timestamp:" not in error_prefix:
        error_prefix += _USUAL
    return _filled(error_prefix, moment(ms, zone), ids, {"error-output-type": kind})


def moment(ms: int, zone: str) -> datetime:
    """A time in milliseconds in a time zone."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(ZoneInfo(zone))


def _filled(prefix: str, now: datetime, ids: Ids, values: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        namespace, _, name = found[1].partition(":")
        if namespace == "timestamp":
            return _moment(name, now)
        if name == "random-string":
            return _random(ids)
        return values[name]

    return _EXPRESSION.sub(value, prefix)


def _random(ids: Ids) -> str:
    """Eleven letters and digits."""
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    return "".join(ids.random.choices(alphabet, k=11))


def _moment(pattern: str, now: datetime) -> str:
    """A time as Java's DateTimeFormatter writes it."""

    def piece(found: re.Match[str]) -> str:
        letter = found[2]
        if letter is None:
            return (found[1] or "'").replace("''", "'") if found[0].startswith("'") else found[0]
        if letter not in _TIMES:
            raise errors.not_emulated(f"the letter '{letter}' in !{{timestamp:{pattern}}} is")
        return _TIMES[letter](now, len(found[0]))

    return _LETTERS.sub(piece, pattern)


def key(prefix: str, name: str, version: int, ms: int, zone: str, ids: Ids, extension: str) -> str:
    """The whole name of an object."""
    return f"{prefix}{name}-{version}-{moment(ms, zone):%Y-%m-%d-%H-%M-%S}-{ids.uuid()}{extension}"

"""Does an answer of ours agree with a recorded one? Placeholders stand for values that vary.

botocore's models gained a ``message`` member after some recordings were made: it may be there when it
repeats the error's message. Some recordings of the query protocol were cleaned of ``Detail: null``.

The same placeholder must be the same value throughout a recording, and two placeholders of one
kind two values. Tolerances, all of them: headers are not compared; ``timestamp`` and ``date`` take
any time, ``<timestamp:…>`` any of that form; a value hidden by its key (``sender-id`` for ``SenderId``)
takes any, and so do S3's request ids and sequencers, which other words hide; the position that AWS's JSON
parser appends to a message (``\\n at [Source …``) is cut off.
"""

from __future__ import annotations

import datetime
import json
import re
from typing import Any

_PLACEHOLDER = re.compile(r"<([a-z0-9_-]+?)(?::(\d+))?>")
_HIDDEN = frozenset({"amz-id", "amz-request-id", "sequencer", "object-sequencer"})
_LOOSE = {"partition": r"aws[a-z-]*", "region": r"[a-z]{2}-[a-z-]+-\d"}
_STAMP = re.compile(r"<timestamp:([0-9TZ:.-]+)>")
_VALUES = {"resource": r"\d{4}-\d\d-\d\dT[\d:.]+|[^:/]+(?::\d+)?", "uuid": r"[0-9a-f-]{36}"}


class Mismatch(AssertionError):
    """Where and how an answer differs."""


class Matcher:
    """Compares the answers of one recording; ``bound`` maps placeholders to values."""

    def __init__(self) -> None:
        self._bound: dict[str, str] = {}

    def compare(self, path: str, recorded: Any, actual: Any) -> None:
        """Raise ``Mismatch`` unless ``actual`` agrees with ``recorded``."""
        if isinstance(actual, bytes):
            actual = repr(actual)
        if isinstance(actual, str) and isinstance(recorded, (dict, list)):
            actual = _decoded(path, actual)
        if isinstance(recorded, dict):
            self._compare_object(path, recorded, actual)
        elif isinstance(recorded, list):
            self._compare_list(path, recorded, actual)
        elif isinstance(recorded, str):
            self._compare_text(path, recorded, actual)
        elif recorded != actual or isinstance(recorded, bool) != isinstance(actual, bool):
            raise Mismatch(f"{path}: AWS {recorded!r}, here {actual!r}")

    def _compare_object(self, path: str, recorded: dict[str, Any], actual: Any) -> None:
        if not isinstance(actual, dict):
            raise Mismatch(f"{path}: AWS an object, here {actual!r}")
        if "HTTPStatusCode" in recorded:
            actual = {"HTTPStatusCode": actual.get("HTTPStatusCode"), "HTTPHeaders": {}}
        if "Error" in recorded and "message" not in recorded:
            actual = _without_repeated_message(actual)
        if "Code" in recorded and "Detail" not in recorded and actual.get("Detail", "") is None:
            actual = {key: value for key, value in actual.items() if key != "Detail"}
        if recorded.keys() != actual.keys():
            missing, extra = sorted(recorded.keys() - actual.keys()), sorted(actual.keys() - recorded.keys())
            raise Mismatch(f"{path}: missing {missing}, too many {extra}")
        for key, value in recorded.items():
            if actual[key] is None or value != _hidden(key):
                self.compare(f"{path}.{key}", value, actual[key])

    def _compare_list(self, path: str, recorded: list[Any], actual: Any) -> None:
        if not isinstance(actual, list) or len(actual) != len(recorded):
            raise Mismatch(f"{path}: AWS {len(recorded)} elements, here {actual!r}")
        for index, (left, right) in enumerate(zip(recorded, actual, strict=True)):
            self.compare(f"{path}[{index}]", left, right)

    def _compare_text(self, path: str, recorded: str, actual: Any) -> None:
        if _PLACEHOLDER.fullmatch(recorded) and isinstance(actual, (int, float, datetime.datetime)):
            actual = str(actual)
        if recorded in ("timestamp", "date", "datetime"):
            if isinstance(actual, (int, float, datetime.datetime)) or re.search(r"\d", str(actual)):
                return
            if recorded == "timestamp" and isinstance(actual, dict):
                return
        if not isinstance(actual, str):
            raise Mismatch(f"{path}: AWS {recorded!r}, here {actual!r}")
        if recorded in _HIDDEN and actual:
            return
        if "\n at [Source" in recorded:
            recorded = recorded.split("\n at [Source")[0]
            actual = actual.split("\n at [Source")[0]
        stamp = _STAMP.fullmatch(recorded)
        if stamp is not None and _shape(stamp.group(1)) == _shape(actual):
            return
        self._unify(path, recorded, actual)

    def _unify(self, path: str, recorded: str, actual: str) -> None:
        parts: list[str] = []
        names: list[str] = []
        at = 0
        for found in _PLACEHOLDER.finditer(recorded):
            parts.append(re.escape(recorded[at : found.start()]))
            kind = found.group(1)
            parts.append(f"({_LOOSE.get(kind) or _VALUES.get(kind) or '.+?'})")
            names.append(found.group(0) if found.group(2) else "")
            at = found.end()
        parts.append(re.escape(recorded[at:]))
        match = re.fullmatch("".join(parts), actual, re.DOTALL)
        if match is None:
            raise Mismatch(f"{path}: AWS {recorded!r}, here {actual!r}")
        for name, value in zip(names, match.groups(), strict=True):
            if name:
                self._bind(path, name, value)

    def _bind(self, path: str, name: str, value: str) -> None:
        known = self._bound.setdefault(name, value)
        if known != value:
            raise Mismatch(f"{path}: {name} was {known!r}, is {value!r}")
        kind = name.split(":")[0]
        for other, taken in self._bound.items():
            if other != name and taken == value and other.split(":")[0] == kind and kind != "<resource":
                raise Mismatch(f"{path}: {name} and {other} are both {value!r}")


def _shape(text: str) -> str:
    return re.sub(r"\d", "0", text)


def _hidden(key: str) -> str:
    """What stands for a value that was hidden by its key: ``sent-timestamp`` for ``SentTimestamp``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", key).lower()


def _decoded(path: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise Mismatch(f"{path}: AWS a JSON document, here {text!r}") from None


def _without_repeated_message(answer: dict[str, Any]) -> dict[str, Any]:
    if answer.get("message") != answer.get("Error", {}).get("Message"):
        return answer
    return {key: value for key, value in answer.items() if key != "message"}

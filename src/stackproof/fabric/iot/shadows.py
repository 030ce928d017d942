"""Device shadows: desired and reported state, the delta, versions, and the messages about them.

Source: developer guide, "AWS IoT Device Shadow service" (shadow documents, MQTT topics, error messages).
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stackproof.fabric.iot.evaluate import UNDEFINED, Message
from stackproof.fabric.service import Caller, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.iot.service import IotService

_LARGEST = 8 * 1024
_DEEPEST = 8
_TOPIC = re.compile(
    r"\$aws/things/(?P<thing>[^/]+)/shadow(?:/name/(?P<name>[^/]+))?/(?P<operation>update|get|delete)"
)
Key = tuple[str, str, str, str]
"""Account, region, thing, and the shadow's name ("" for the classic one)."""


@dataclass(slots=True)
class Shadow:
    """``state`` and ``metadata`` have ``desired`` and ``reported``; a deleted one keeps its version."""

    version: int = 0
    state: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    ms: int = 0
    there: bool = False


class Rejected(Exception):
    """A request that the service rejects, with the code and message of the rejected topic."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Shadows:
    """``table`` holds the shadows; ``update``, ``get`` and ``delete`` work for the API and over topics."""

    def __init__(self, service: IotService) -> None:
        self._service = service
        self._world = service.world
        self.table: dict[Key, Shadow] = {}

    # Over topics.

    def received(self, place: Caller, message: Message) -> None:
        """Do what a message to a shadow's topic asks for."""
        match = _TOPIC.fullmatch(message.topic)
        if match is None:
            return
        key = (place.account, place.region, match["thing"], match["name"] or "")
        token = message.document.get("clientToken") if isinstance(message.document, dict) else None
        try:
            if match["operation"] == "update":
                self.update(key, message.payload, place)
                return
            work = self.get if match["operation"] == "get" else self.delete
            answer = work(key)
            if match["operation"] == "delete":
                self._tell(key, "delete/accepted", _with(answer, token), place)
            else:
                self._tell(key, "get/accepted", _with(answer, token), place)
        except Rejected as error:
            if match["operation"] != "update":
                self.reject(key, match["operation"], error, place, token)

    def _tell(self, key: Key, suffix: str, document: Mapping[str, Any], place: Caller) -> None:
        name = f"name/{key[3]}/" if key[3] else ""
        topic = f"$aws/things/{key[2]}/shadow/{name}{suffix}"
        payload = json.dumps(document, separators=(",", ":")).encode()
        self._service.broker.publish(place, topic, payload, actor="iot")

    def reject(self, key: Key, operation: str, error: Rejected, place: Caller, token: Any = None) -> None:
        """Tell on the rejected topic."""
        document = {"code": error.code, "message": error.message, "timestamp": self._now()}
        self._tell(key, f"{operation}/rejected", _with(document, token), place)

    def _now(self) -> int:
        return self._world.clock.ms // 1000

    # The operations.

    def update(self, key: Key, payload: bytes, place: Caller) -> dict[str, Any]:
        """Merge a document into a shadow and tell about it. Raises ``Rejected`` (told as well)."""
        token = None
        try:
            document = _parsed(payload)
            token = document.get("clientToken")
            return self._update(key, document, place)
        except Rejected as error:
            self.reject(key, "update", error, place, token)
            raise

    def _update(self, key: Key, document: dict[str, Any], place: Caller) -> dict[str, Any]:
        shadow = self.table.setdefault(key, Shadow())
        if document.get("version") is not None and document["version"] != shadow.version:
            raise Rejected(409, "Version conflict")
        before: dict[str, Any] = {
            "state": copy.deepcopy(shadow.state),
            "metadata": copy.deepcopy(shadow.metadata),
            "version": shadow.version,
        }
        now = self._now()
        given = document["state"]
        told: dict[str, Any] = {}
        for side in ("desired", "reported"):
            if side not in given:
                continue
            if given[side] is None:
                shadow.state.pop(side, None)
                shadow.metadata.pop(side, None)
                told[side] = None
                continue
            _merge(shadow.state.setdefault(side, {}), given[side])
            _stamp(shadow.metadata.setdefault(side, {}), given[side], now)
            told[side] = _stamped(given[side], now)
        if len(json.dumps(shadow.state)) > _LARGEST:
            shadow.state, shadow.metadata = before["state"], before["metadata"]
            raise Rejected(413, "The payload exceeds the maximum size allowed")
        shadow.version += 1
        shadow.ms, shadow.there = self._world.clock.ms, True
        token = document.get("clientToken")
        accepted = {"state": given, "metadata": told, "version": shadow.version, "timestamp": now}
        self._announce(key, shadow, before, _with(accepted, token), token, place)
        return _with(accepted, token)

    def _announce(
        self,
        key: Key,
        shadow: Shadow,
        before: dict[str, Any],
        accepted: dict[str, Any],
        token: Any,
        place: Caller,
    ) -> None:
        self._tell(key, "update/accepted", accepted, place)
        now = self._now()
        delta, metadata = _delta(shadow)
        if delta:
            document = {"version": shadow.version, "timestamp": now, "state": delta, "metadata": metadata}
            self._tell(key, "update/delta", _with(document, token), place)
        current = {"state": shadow.state, "metadata": shadow.metadata, "version": shadow.version}
        if not before["version"]:
            before = {"state": {}, "metadata": {}}
        document = {"previous": before, "current": current, "timestamp": now}
        self._tell(key, "update/documents", _with(document, token), place)

    def _there(self, key: Key) -> Shadow:
        shadow = self.table.get(key)
        if shadow is None or not shadow.there:
            raise Rejected(404, f"No shadow exists with name: '{key[2]}{f'~{key[3]}' if key[3] else ''}'")
        return shadow

    def get(self, key: Key) -> dict[str, Any]:
        """The document with its delta. Raises ``Rejected``."""
        shadow = self._there(key)
        state = copy.deepcopy(shadow.state)
        delta, _ = _delta(shadow)
        if delta:
            state["delta"] = delta
        return {
            "state": state, "metadata": copy.deepcopy(shadow.metadata), "version": shadow.version,
            "timestamp": self._now(),
        }  # fmt: skip

    def delete(self, key: Key) -> dict[str, Any]:
        """Forget the state; a later shadow of the name goes on counting versions. Raises ``Rejected``."""
        shadow = self._there(key)
        answer = {"version": shadow.version, "timestamp": self._now()}
        self.table[key] = Shadow(version=shadow.version + 1)
        return answer

    def snapshot(self) -> Any:
        """Copies."""
        return copy.deepcopy(self.table)

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        self.table = copy.deepcopy(state)


def _with(document: dict[str, Any], token: Any) -> dict[str, Any]:
    return document if token is None else {**document, "clientToken": token}


def _parsed(payload: bytes) -> dict[str, Any]:
    try:
        document = json.loads(payload)
    except ValueError as error:
        raise Rejected(400, "Payload contains invalid json") from error
    if not isinstance(document, dict):
        raise Rejected(400, "Payload contains invalid json")
    state = document.get("state", UNDEFINED)
    if state is UNDEFINED or state is None:
        raise Rejected(400, "Missing required node: state")
    if not isinstance(state, dict):
        raise Rejected(400, "State node must be an object")
    for side in ("desired", "reported"):
        if state.get(side) is not None and not isinstance(state[side], dict):
            raise Rejected(400, f"{side.capitalize()} node must be an object")
        if _depth(state.get(side)) > _DEEPEST:
            raise Rejected(400, "JSON contains too many levels of nesting; maximum is 8")
    version = document.get("version")
    if version is not None and (isinstance(version, bool) or not isinstance(version, int)):
        raise Rejected(400, "Invalid version")
    return document


def _depth(value: Any) -> int:
    if not isinstance(value, dict):
        return 0
    return 1 + max((_depth(one) for one in value.values()), default=0)


def _merge(into: dict[str, Any], given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if value is None:
            into.pop(name, None)
        elif isinstance(value, dict):
            if not isinstance(into.get(name), dict):
                into[name] = {}
            _merge(into[name], value)
        else:
            into[name] = value


def _stamped(value: Any, now: int) -> Any:
    if isinstance(value, dict):
        return {name: _stamped(one, now) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_stamped(one, now) for one in value]
    return {"timestamp": now}


def _stamp(into: dict[str, Any], given: Mapping[str, Any], now: int) -> None:
    for name, value in given.items():
        if value is None:
            into.pop(name, None)
        elif isinstance(value, dict):
            if not isinstance(into.get(name), dict) or "timestamp" in into[name]:
                into[name] = {}
            _stamp(into[name], value, now)
        else:
            into[name] = _stamped(value, now)


def _delta(shadow: Shadow) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is desired and not so reported, with its metadata."""
    desired, reported = shadow.state.get("desired") or {}, shadow.state.get("reported") or {}
    return _differing(desired, reported, shadow.metadata.get("desired") or {})


def _differing(
    desired: Mapping[str, Any], reported: Mapping[str, Any], metadata: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    state: dict[str, Any] = {}
    stamps: dict[str, Any] = {}
    for name, value in desired.items():
        other = reported.get(name, UNDEFINED)
        if value == other:
            continue
        if isinstance(value, dict) and isinstance(other, dict):
            inner, inner_stamps = _differing(value, other, metadata.get(name, {}))
            if inner:
                state[name], stamps[name] = inner, inner_stamps
        else:
            state[name], stamps[name] = value, metadata.get(name, {})
    return state, stamps


_CODES = {
    400: "InvalidRequestException", 404: "ResourceNotFoundException", 409: "ConflictException",
    413: "RequestEntityTooLargeException",
}  # fmt: skip


def as_error(error: Rejected) -> ServiceError:
    """What the API answers for a rejected request."""
    return ServiceError(_CODES[error.code], error.message, status=error.code)

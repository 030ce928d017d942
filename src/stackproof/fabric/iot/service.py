"""The services AWS IoT (rules) and AWS IoT data (messages, shadows). Things, policies and certificates are
the state behind; that a client may connect is not asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stackproof.fabric.iot import errors
from stackproof.fabric.iot.actions import Actions
from stackproof.fabric.iot.broker import Broker
from stackproof.fabric.iot.rules import Rules
from stackproof.fabric.iot.shadows import Key, Rejected, Shadows, as_error
from stackproof.fabric.service import Caller, Operation, Params, Response

if TYPE_CHECKING:
    from stackproof.fabric.world import World


class IotService:
    """``broker`` takes messages, ``rules`` what becomes of them, ``shadows`` the state of devices."""

    name = "iot"

    def __init__(self, world: World) -> None:
        self.world = world
        self.rules = Rules(self)
        self.actions = Actions(self, world)
        self.shadows = Shadows(self)
        self.broker = Broker(self)
        self.operations: Mapping[str, Operation] = dict(self.rules.operations)

    def snapshot(self) -> Any:
        """Rules, shadows and retained messages."""
        return dict(self.rules.table), self.shadows.snapshot(), dict(self.broker.retained)

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        rules, shadows, retained = state
        self.rules.table, self.broker.retained = dict(rules), dict(retained)
        self.shadows.restore(shadows)


class IotDataService:
    """The data plane. Its state is the ``iot`` service's."""

    name = "iot-data"

    def __init__(self, world: World) -> None:
        self._world = world
        self.operations: Mapping[str, Operation] = {
            "Publish": self.publish,
            "GetThingShadow": self.get_shadow,
            "UpdateThingShadow": self.update_shadow,
            "DeleteThingShadow": self.delete_shadow,
            "ListNamedShadowsForThing": self.list_shadows,
            "GetRetainedMessage": self.get_retained,
            "ListRetainedMessages": self.list_retained,
        }

    @property
    def _iot(self) -> IotService:
        service: IotService = self._world.service("iot")
        return service

    def publish(self, params: Params, caller: Caller) -> Response:
        """A message over HTTP."""
        payload = _bytes(params.get("payload"))
        retain, qos = bool(params.get("retain")), int(params.get("qos") or 0)
        self._iot.broker.publish(caller, params["topic"], payload, retain=retain, qos=qos)
        return {}

    @staticmethod
    def _key(params: Params, caller: Caller) -> Key:
        return caller.account, caller.region, params["thingName"], params.get("shadowName") or ""

    def get_shadow(self, params: Params, caller: Caller) -> Response:
        """The shadow's document."""
        try:
            return _document(self._iot.shadows.get(self._key(params, caller)))
        except Rejected as error:
            raise as_error(error) from error

    def update_shadow(self, params: Params, caller: Caller) -> Response:
        """Merge a document; told on the shadow's topics too."""
        try:
            answer = self._iot.shadows.update(self._key(params, caller), _bytes(params["payload"]), caller)
        except Rejected as error:
            raise as_error(error) from error
        return _document(answer)

    def delete_shadow(self, params: Params, caller: Caller) -> Response:
        """Forget a shadow."""
        try:
            return _document(self._iot.shadows.delete(self._key(params, caller)))
        except Rejected as error:
            raise as_error(error) from error

    def list_shadows(self, params: Params, caller: Caller) -> Response:
        """The names of a thing's named shadows."""
        wanted = (caller.account, caller.region, params["thingName"])
        table = self._iot.shadows.table
        names = sorted(key[3] for key, one in table.items() if key[:3] == wanted and key[3] and one.there)
        return {"results": names, "timestamp": self._world.clock.ms // 1000}

    def get_retained(self, params: Params, caller: Caller) -> Response:
        """The retained message of a topic."""
        kept = self._iot.broker.retained.get((caller.account, caller.region, params["topic"]))
        if kept is None:
            raise errors.not_found(f"there is no retained message for {params['topic']}")
        return {
            "topic": params["topic"],
            "payload": kept.payload,
            "qos": kept.qos,
            "lastModifiedTime": kept.ms,
        }

    def list_retained(self, params: Params, caller: Caller) -> Response:
        """Every topic with a retained message."""
        found = [
            {"topic": topic, "payloadSize": len(kept.payload), "qos": kept.qos, "lastModifiedTime": kept.ms}
            for (account, region, topic), kept in sorted(self._iot.broker.retained.items())
            if (account, region) == (caller.account, caller.region)
        ]
        return {"retainedTopics": found}

    def snapshot(self) -> Any:
        """Nothing of its own."""

    def restore(self, state: Any) -> None:
        """Nothing of its own."""


def _bytes(value: Any) -> bytes:
    if value is None:
        return b""
    if hasattr(value, "read"):
        content: bytes = value.read()
        return content
    return value.encode() if isinstance(value, str) else bytes(value)


def _document(document: Mapping[str, Any]) -> Response:
    return {"payload": json.dumps(document, separators=(",", ":")).encode()}

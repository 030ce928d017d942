"""Functions live in the fabric; where moto asks whether one exists it is told so.

moto checks targets (subscription filters, rotation of secrets, receipt rules) and would also deliver to
them, with events of its own making: such a delivery is not made, and the journal says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stackproof.fabric.world import World

_worlds: list[World] = []
_originals: dict[str, Any] = {}


class _StandIn:
    """What moto sees of a function of the fabric."""

    def __init__(self, world: World, function: Any) -> None:
        self._world = world
        self._name = function.name
        self.function_arn = function.arn
        self.function_name = function.name

    def invoke(self, body: str, *args: Any) -> str:
        self._world.journal.record("moto", "lambda.NotDelivered", self._name, {"body": str(body)})
        return ""


_ASKS = frozenset((
    "PutSubscriptionFilter", "RotateSecret", "CreateReceiptRule", "UpdateReceiptRule",
    "PutBucketNotificationConfiguration",
))  # fmt: skip
"""Operations before which moto's Lambda is loaded (it takes most of a second) and told."""


def _before(service: str, operation: str, params: Any, caller: Any) -> None:
    if operation in _ASKS:
        _install()


def activate(world: World) -> Callable[[], None]:
    """Let moto find the functions of a world; the result ends it."""
    if _before not in world.guards:
        world.guards.append(_before)
    _worlds.append(world)

    def end() -> None:
        if world in _worlds:
            _worlds.remove(world)

    return end


def _install() -> None:
    if _originals:
        return
    from stackproof.fabric.service import ServiceError

    def get_function(self: Any, name: str, qualifier: str | None = None) -> Any:
        if _worlds:
            world = _worlds[-1]
            caller = world.caller(self.account_id, self.region_name)
            try:
                function, _ = world.service("lambda").find({"FunctionName": name}, caller)
            except ServiceError:
                return _originals["get_function"](self, name, qualifier)
            return _StandIn(world, function)
        return _originals["get_function"](self, name, qualifier)

    from moto.awslambda.models import LambdaBackend

    backend: Any = LambdaBackend
    _originals["get_function"] = backend.get_function
    backend.get_function = get_function

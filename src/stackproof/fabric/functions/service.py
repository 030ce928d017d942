"""The service Lambda: its functions, its parts, and its table of operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackproof.fabric.functions import errors
from stackproof.fabric.functions.admin import Admin
from stackproof.fabric.functions.code import CodeStore
from stackproof.fabric.functions.events import Events
from stackproof.fabric.functions.invocation import Invocation
from stackproof.fabric.functions.invoking import Invoking
from stackproof.fabric.functions.layers import Layers
from stackproof.fabric.functions.logs import Logs
from stackproof.fabric.functions.model import LATEST, Alias, Function, Version
from stackproof.fabric.functions.names import Named, named
from stackproof.fabric.functions.policies import Policies
from stackproof.fabric.functions.runner import Runner
from stackproof.fabric.functions.settings import Settings
from stackproof.fabric.functions.versions import Versions
from stackproof.fabric.mappings.service import Mappings
from stackproof.fabric.service import Caller, Delivery, Operation

if TYPE_CHECKING:
    from stackproof.fabric.world import World


class LambdaService:
    """One instance serves all accounts and regions.

    For others: ``register_code`` (load a function from a folder), ``invoking`` and ``mappings``.
    """

    name = "lambda"

    def __init__(self, world: World) -> None:
        self.world = world
        self.functions: dict[str, Function] = {}
        self.read_only = False
        """Whether handlers find a read-only file system but for ``/tmp``, as on AWS."""
        self.observers: list[Callable[[Invocation], None]] = []
        """Called with each invocation that ended; its ``outcome`` holds the exception of the user's code."""
        self.code = CodeStore(self)
        self.logs = Logs(self)
        self.runner = Runner(self)
        self.layers = Layers(self)
        self.admin = Admin(self)
        self.versions = Versions(self)
        self.settings = Settings(self)
        self.policies = Policies(self)
        self.invoking = Invoking(self)
        self.events = Events(self)
        self.mappings = Mappings(self)
        parts: tuple[Any, ...] = (
            self.layers, self.admin, self.versions, self.settings, self.policies, self.invoking,
            self.mappings,
        )  # fmt: skip
        operations: dict[str, Operation] = {}
        for part in parts:
            operations.update(part.operations)
        self.operations: Mapping[str, Operation] = operations
        world.receivers["lambda"] = self

    def register_code(self, function: str, folder: Path | str) -> None:
        """Load ``function`` (a name or an ARN) straight from ``folder``: no zip, breakpoints work.

        Call it before CreateFunction (which then needs any ``Code``), or later to switch over.
        """
        self.code.register(function, Path(folder))

    # Finding functions.

    def find(self, params: Mapping[str, Any], caller: Caller) -> tuple[Function, Named]:
        """The function that ``FunctionName`` names; raises ResourceNotFoundException."""
        what = named(params["FunctionName"], caller, params.get("Qualifier") or "")
        function = self.functions.get(what.arn)
        if function is None:
            suffix = f":{what.qualifier}" if what.qualifier else ""
            raise errors.no_function(what.arn + suffix)
        return function, what

    def resolve(self, function: Function, qualifier: str) -> Version:
        """The version behind a qualifier (an alias may spread its invocations); raises when there is none."""
        if qualifier in ("", LATEST):
            return function.latest
        alias = function.aliases.get(qualifier)
        number = qualifier
        if alias is not None:
            number = alias.version
            if alias.weights:
                number = self._drawn(alias)
        version = function.version(number)
        if version is None:
            raise errors.no_function(f"{function.arn}:{qualifier}")
        return version

    def _drawn(self, alias: Alias) -> str:
        """The version for one invocation of an alias that shares them out."""
        numbers = [alias.version, *alias.weights]
        if self.world.scheduler.chooser.exploring:
            return self.world.scheduler.choose("lambda.alias", numbers)
        weights = [1 - sum(alias.weights.values()), *alias.weights.values()]
        return self.world.ids.random.choices(numbers, weights)[0]

    # Deliveries of other services.

    def deliver(self, arn: str, delivery: Delivery, done: Callable[[Exception | None], None]) -> None:
        """Invoke a function asynchronously with the delivery's body."""
        self.events.deliver(arn, delivery, done)

    def close(self) -> None:
        """Throw every warm environment away: workers end, their ``/tmp`` is gone."""
        self.runner.cool()

    # Snapshots.

    def snapshot(self) -> Any:
        """Copies of all functions and of what waits."""
        return (
            {arn: function.clone() for arn, function in self.functions.items()},
            self.layers.snapshot(),
            self.events.snapshot(),
            self.mappings.snapshot(),
            tuple(self.logs.pending),
            dict(self.code.registered),
            self.runner.snapshot(),
        )

    def restore(self, state: Any) -> None:
        """Back to a snapshot, its warm execution environments too."""
        functions, layers, events, mappings, pending, registered, warm = state
        self.functions = {arn: function.clone() for arn, function in functions.items()}
        self.layers.restore(layers)
        self.events.restore(events)
        self.mappings.restore(mappings)
        self.logs.restore(pending)
        self.code.registered = dict(registered)
        self.runner.restore(warm)

"""A state machine base class: Hypothesis sends, waits and steps, and looks for what breaks a rule."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from stackproof import config as configuration
from stackproof.backends.embedded import EmbeddedBackend
from stackproof.deploy.deployer import Deployer
from stackproof.deploy.source import Library
from stackproof.deploy.stack import Stack, Template
from stackproof.errors import UsageError
from stackproof.proofs.leaves import Strategy
from stackproof.proofs.strategies import Strategies, strategies

PAUSES = (0.5, 1.0, 5.0, 30.0, 60.0, 300.0)
"""Seconds that a machine lets pass."""
_SENDERS = {
    "AWS::SQS::Queue": ("sqs", "send_message"),
    "AWS::SNS::Topic": ("sns", "publish"),
    "AWS::DynamoDB::Table": ("dynamodb", "put_item"),
}


class _Prepared:
    """One deployed world of a machine class, put back before every run."""

    def __init__(self, machine: type[PipelineMachine]) -> None:
        root = configuration.find_root(Path.cwd())
        self.backend = EmbeddedBackend(seed=machine.seed)
        self.deployer = Deployer(self.backend, Library(root, configuration.load(root)))
        with self:
            self.stack = self.deployer.deploy(
                machine.template, config=machine.config, parameters=machine.parameters
            )
            machine.prepare(self.stack)
            self.backend.world.run_until_idle()
            self.start = (self.backend.world.snapshot(), self.deployer.snapshot())
        self.strategies = strategies(self.stack)

    def __enter__(self) -> None:
        self.backend.activate()

    def __exit__(self, *exc: object) -> None:
        for task in list(self.backend.world.scheduler.open_tasks.values()):
            self.backend.world.scheduler.abandon(task)
        self.backend.deactivate()

    def rewind(self) -> None:
        """Back to the moment after the deployment."""
        world, stacks = self.start
        self.backend.world.restore(world)
        self.deployer.restore(stacks)


class PipelineMachine(RuleBasedStateMachine):
    """Subclass it, name the ``template`` and the ``sources``, and say in ``check`` what always holds.

    ``sources`` are logical ids of queues, topics and tables that the outside writes to. Every run starts
    from the same snapshot of the deployed world. ``check`` runs after every step, ``check_idle`` at the end,
    when nothing moves any more. Override ``messages`` to say what is sent, and add rules of your own.
    Use it as any state machine: ``TestPipeline = Pipeline.TestCase``.
    """

    template: ClassVar[Template] = ""
    config: ClassVar[str | None] = None
    parameters: ClassVar[Mapping[str, Any]] = {}
    sources: ClassVar[tuple[str, ...]] = ()
    seed: ClassVar[int] = 0
    _prepared: ClassVar[_Prepared | None] = None

    def __init__(self) -> None:
        super().__init__()
        own = type(self)
        if not own.template or not own.sources:
            raise UsageError(f"{own.__name__} needs a 'template' and 'sources'")
        if "_prepared" not in own.__dict__ or own._prepared is None:
            own._prepared = _Prepared(own)
        self._world = own._prepared
        self._world.__enter__()
        self._world.rewind()
        self.sent: list[tuple[str, dict[str, Any]]] = []

    @classmethod
    def prepare(cls, stack: Stack) -> None:
        """What the world holds before the first step; runs once, after the deployment."""

    @property
    def stack(self) -> Stack:
        """The deployed stack."""
        return self._world.stack

    @property
    def strategies(self) -> Strategies:
        """What the stack's resources take."""
        return self._world.strategies

    def client(self, service: str) -> Any:
        """A boto3 client of the world."""
        return self.stack.client(service)

    def messages(self, source: str) -> Strategy:
        """What is sent to a source: parameters of SendMessage, Publish or PutItem."""
        kind = self._kind(source)
        if kind == "AWS::SQS::Queue":
            return self.strategies.messages(source)
        if kind == "AWS::SNS::Topic":
            return self.strategies.publications(source)
        return self.strategies.items(source)

    def _kind(self, source: str) -> str:
        kind = self.stack[source].type
        if kind not in _SENDERS:
            raise UsageError(
                f"'{source}' is {kind}: nothing can be sent to it", hint=f"one of {', '.join(_SENDERS)}"
            )
        return kind

    def check(self) -> None:
        """What holds after every step."""

    def check_idle(self) -> None:
        """What holds when nothing moves any more."""

    @initialize()
    def begin(self) -> None:
        """Every source can be sent to."""
        for source in self.sources:
            self._kind(source)

    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        """The outside sends something."""
        source = data.draw(st.sampled_from(self.sources), label="source")
        message = data.draw(self.messages(source), label="message")
        service, operation = _SENDERS[self._kind(source)]
        getattr(self.client(service), operation)(**message)
        self.sent.append((source, message))

    @rule(seconds=st.sampled_from(PAUSES))
    def advance(self, seconds: float) -> None:
        """Time passes."""
        self._world.backend.world.advance(seconds)

    @rule()
    def step(self) -> None:
        """One piece of work is done."""
        self._world.backend.world.step()

    @rule()
    def settle(self) -> None:
        """Everything that is bound to happen happens."""
        self._world.backend.world.run_until_idle()

    @invariant()
    def holds(self) -> None:
        """The rule of the machine."""
        self.check()

    def teardown(self) -> None:
        """The end of a run: what is left happens, and the last rule is held against it."""
        try:
            self._world.backend.world.run_until_idle()
            self.check_idle()
        except AssertionError:
            note(self._world.backend.world.journal.timeline(last=40))
            raise
        finally:
            self._world.__exit__()

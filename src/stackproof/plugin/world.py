"""The ``fabric`` fixture: one world for one test."""

from __future__ import annotations

import json as jsons
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stackproof import config as configuration
from stackproof.deploy.deployer import Deployer
from stackproof.deploy.source import Library
from stackproof.errors import CapabilityMissing, UsageError

if TYPE_CHECKING:
    from stackproof.backends.base import Backend
    from stackproof.deploy.stack import Stack
    from stackproof.fabric.codebuild.service import CodeBuildService
    from stackproof.fabric.codecommit.service import CodeCommitService
    from stackproof.fabric.codeconnections.service import CodeConnectionsService
    from stackproof.fabric.codepipeline.service import CodePipelineService
    from stackproof.fabric.http import Http, Response
    from stackproof.fabric.journal import Journal
    from stackproof.fabric.processes import Process
    from stackproof.fabric.replay import Course, Point, Standing
    from stackproof.fabric.scheduler import Idle

_WORLD_OPTIONS = ("seed", "journal", "account", "region", "chooser")


class Fabric:
    """What a test does to its world. What a backend cannot do raises ``CapabilityMissing``."""

    def __init__(self, backend: Backend, deployer: Deployer) -> None:
        self.backend = backend
        self.deployer = deployer
        self.stacks: list[Stack] = []

    def note(self, stack: Stack) -> None:
        """Remember a stack for the summary."""
        self.stacks.append(stack)

    def need(self, capability: str) -> None:
        """Raise ``CapabilityMissing`` (which skips the test by name) when the backend lacks something."""
        if capability in self.backend.capabilities:
            return
        from stackproof.backends.servers.capabilities import capabilities_of

        found = capabilities_of(self.backend.kind)
        if capability not in found:
            reason = found.missing.get(capability, "")
            raise CapabilityMissing(f"{self.backend.kind} lacks '{capability}': {reason}".rstrip(": "))

    @property
    def world(self) -> Any:
        """The embedded world (``stackproof.fabric.world.World``)."""
        self.need("journal")
        return getattr(self.backend, "world")  # noqa: B009 - other backends have no such attribute

    @property
    def now(self) -> str:
        """The world's time, ISO 8601."""
        return self.backend.now()

    # Driving.

    def run_until_idle(self, **options: Any) -> Idle:
        """Until nothing more is bound to happen. ``timeout`` (seconds) counts on live endpoints only."""
        __tracebackhide__ = True
        if self.backend.kind == "embedded":
            options.pop("timeout", None)
        idle: Idle = self.world.run_until_idle(**options)
        return idle

    def advance(self, seconds: float) -> Idle:
        """Let virtual time pass."""
        __tracebackhide__ = True
        self.need("advance")
        idle: Idle = self.world.advance(seconds)
        return idle

    def step(self) -> bool:
        """One piece of work; False when there is none."""
        __tracebackhide__ = True
        self.need("step")
        return bool(self.world.step())

    # Processes.

    def process(
        self,
        code: Callable[[], Any] | str | Path,
        *,
        role: str = "",
        run: str = "main",
        environment: Mapping[str, str] | None = None,
        name: str = "",
    ) -> Process:
        """Run a polling worker under the world's rules: ``fabric.process("workers/order_worker.py", …)``.

        ``code`` is a Python file (below the project; ``run`` is its function) or a function of the test;
        ``role`` a logical id of a deployed stack or an ARN: AWS sees the worker as this role.
        """
        from stackproof.fabric import processes

        self.need("step")
        if not callable(code) and not Path(code).is_absolute():
            code = self.deployer.library.root / code
        return processes.start(
            self.world, code, name=name, role=self._role(role), run=run, environment=environment
        )

    def _role(self, named: str) -> str:
        if not named or named.startswith("arn:"):
            return named
        for made in reversed(self.stacks):
            if made.state is not None and named in made.resources:
                found = made[named]
                if found.type == "AWS::IAM::Role":
                    return str(found.attributes["Arn"])
                raise UsageError(f"'{named}' is {found.type}, no role")
        raise UsageError(f"no deployed stack has a role '{named}'", hint="a logical id, or an ARN")

    # Builds and pipelines.

    @property
    def codebuild(self) -> CodeBuildService:
        """What builds find and how long they take: ``fabric.codebuild.tool("packer", …)``, ``takes(…)``."""
        found: CodeBuildService = self._of("codebuild")
        return found

    @property
    def codecommit(self) -> CodeCommitService:
        """Repositories: ``fabric.codecommit.commit("name", folder)``."""
        found: CodeCommitService = self._of("codecommit")
        return found

    @property
    def codeconnections(self) -> CodeConnectionsService:
        """Repositories elsewhere: ``handshake(arn)``, ``push("owner/name", folder)``."""
        found: CodeConnectionsService = self._of("codeconnections")
        return found

    @property
    def codepipeline(self) -> CodePipelineService:
        """Pipelines: ``answer("name")`` is the yes that an approval waits for."""
        found: CodePipelineService = self._of("codepipeline")
        return found

    def _of(self, service: str) -> Any:
        self.need("pipelines")
        return self.world.service(service)

    # Inside an invocation.

    def record(
        self, drive: Callable[[], Any] | None = None, *, start: Any = None, chooser: Any = None
    ) -> Course:
        """Run (until idle, or what ``drive`` does) from a snapshot and note every choice and every point."""
        from stackproof.fabric.replay import record

        self.need("snapshot")
        course = record(self.world, drive, start=start[0] if start is not None else None, chooser=chooser)
        return replace(course, logical=self._functions())

    def _functions(self) -> dict[str, str]:
        """Logical ids of the deployed functions and their names; of equal ids the latest stack's."""
        return {
            logical_id: one.physical_id
            for made in self.stacks
            if made.state is not None
            for logical_id, one in made.resources.items()
            if one.type == "AWS::Lambda::Function"
        }

    def stand(self, course: Course, point: Point) -> Standing:
        """Replay a course up to one AWS call of one invocation and stop there: ``kill`` it or ``go_on``."""
        from stackproof.fabric.replay import stand

        self.need("snapshot")
        return stand(self.world, course, point)

    # HTTP.

    @property
    def http(self) -> Http:
        """Doubles for what functions call outside: ``fabric.http.double("https://hooks.slack.com", 200)``."""
        http: Http = self.world.http
        return http

    def request(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        body: bytes | str = b"",
        headers: Mapping[str, str] | None = None,
        identity: str = "",
    ) -> Response:
        """A request to a deployed API (``stack.url("Api") + "/orders"``) or a function URL.

        ``identity`` is the ARN of who signs it (a role, a user, or an account's ``…:root``).
        """
        __tracebackhide__ = True
        sent = dict(headers or {})
        if json is not None:
            body = jsons.dumps(json)
            sent.setdefault("Content-Type", "application/json")
        return self.http.request(method, url, sent, body, identity)

    # What happened.

    @property
    def journal(self) -> Journal:
        """Everything that happened, in order."""
        journal: Journal = self.world.journal
        return journal

    def timeline(self, **options: Any) -> str:
        """The journal as text, one entry a line."""
        return self.journal.timeline(**options)

    def mermaid(self, **options: Any) -> str:
        """The journal as a Mermaid sequence diagram."""
        return self.journal.mermaid(**options)

    # Snapshots.

    def snapshot(self) -> Any:
        """The world and its stacks as they are; no invocation may be open.

        Execution environments come back as they were, module globals and ``/tmp`` included; one that holds
        what cannot be captured is cold after ``restore``, and ``lambda.Cold`` in the journal says why.
        """
        self.need("snapshot")
        return self.world.snapshot(), self.deployer.snapshot()

    def restore(self, snapshot: Any) -> None:
        """Back to a snapshot, as often as you like."""
        self.need("snapshot")
        if not (isinstance(snapshot, tuple) and len(snapshot) == 2):
            raise UsageError(
                f"fabric.restore was given {snapshot!r}, which is no snapshot",
                hint="before = fabric.snapshot() … fabric.restore(before)",
            )
        world, stacks = snapshot
        self.world.restore(world)
        self.deployer.restore(stacks)


def library(rootpath: Path) -> Library:
    """The templates of the project that pytest runs in."""
    root = configuration.find_root(rootpath)
    return Library(root, configuration.load(root))


class Servers:
    """Backends by their kind. The workers of one run share each server; every test has its own account."""

    def __init__(self, config: pytest.Config) -> None:
        worker: dict[str, Any] = getattr(config, "workerinput", {})
        self._share = str(worker.get("testrunuid", ""))
        self._kinds: dict[str, Any] = {}

    def __enter__(self) -> Servers:
        return self

    def __exit__(self, *exc: object) -> None:
        while self._kinds:
            self._kinds.popitem()[1].close()

    def backend(self, kind: str, options: dict[str, Any]) -> Any:
        """A backend that is not active yet."""
        from stackproof.backends.select import Backends

        if kind not in self._kinds:
            self._kinds[kind] = Backends(kind, share=self._share)
        return self._kinds[kind].backend(**options)


@contextmanager
def opened(request: pytest.FixtureRequest, kind: str) -> Iterator[Fabric]:
    """The world of one test."""
    from stackproof.backends.compat import holding

    _prepare_process(request.config)
    holding.refused()  # of what an earlier test left running
    backend = request.getfixturevalue("stackproof_backends").backend(kind, _options(request))
    with backend:
        yield Fabric(backend, Deployer(backend, request.getfixturevalue("stackproof_library")))
        # A handler may have handled it; the test would say nothing of what AWS had answered.
        if wanted := backend.wanted():
            hosts = "; ".join(dict.fromkeys(wanted))
            pytest.fail(f"{hosts}: refused, declare an HTTP double for what it calls", pytrace=False)
        told = [*backend.missing, *backend.world.http.undeclared]
        if told:
            pytest.fail("\n".join(dict.fromkeys(told)), pytrace=False)


def _prepare_process(config: pytest.Config) -> None:
    """The limit of real time, and the terminal for whoever debugs a handler."""
    from stackproof.backends.compat.debugger import terminal
    from stackproof.fabric import watchdog

    told = str(config.getini("fabric_real_limit"))
    watchdog.configure(watchdog.parsed(told, "fabric_real_limit") if told else None)
    capture: Any = config.pluginmanager.getplugin("capturemanager")

    def take() -> Callable[[], None]:
        if capture is None or not capture.is_capturing():
            return lambda: None
        capture.suspend(in_=True)
        resume: Callable[[], None] = capture.resume
        return resume

    terminal.take = take


def _options(request: pytest.FixtureRequest) -> dict[str, Any]:
    seed = request.config.getoption("--fabric-seed")
    options: dict[str, Any] = {"seed": int(request.config.getini("fabric_seed") if seed is None else seed)}
    marker = request.node.get_closest_marker("fabric")
    for name, value in (marker.kwargs if marker else {}).items():
        if name not in _WORLD_OPTIONS:
            known = ", ".join(_WORLD_OPTIONS)
            pytest.fail(f"@pytest.mark.fabric has no option '{name}'; there are: {known}", pytrace=False)
        options[name] = value
    return options

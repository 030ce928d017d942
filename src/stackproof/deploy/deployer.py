"""The stacks of one world: deploy, update, delete, exports between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackproof.deploy import preview
from stackproof.deploy.changes import Action, Change
from stackproof.deploy.model import Place
from stackproof.deploy.names import stack_id
from stackproof.deploy.run import Context, Run, delete
from stackproof.deploy.source import Library, Spot, stack_name
from stackproof.deploy.stack import Stack, Template
from stackproof.deploy.state import Blueprint, State
from stackproof.errors import DeploymentFailed, UsageError
from stackproof.template.model import Configuration, Document
from stackproof.template.physical import partition_of

if TYPE_CHECKING:
    from stackproof.backends.base import Backend

ACTOR = "cloudformation"


class Deployer:
    """Deploys to one backend. ``stacks`` are those that exist, by name."""

    def __init__(self, backend: Backend, library: Library) -> None:
        self.backend = backend
        self.library = library
        self.stacks: dict[str, Stack] = {}
        self._created: Counter[str] = Counter()

    def deploy(
        self,
        template: Template,
        *,
        config: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        name: str = "",
        tags: Mapping[str, str] | None = None,
        require: str = "",
    ) -> Stack:
        """Create a stack from a folder, a file or a template. Raises ``DeploymentFailed``.

        ``config`` names a deployment configuration (without it the only one, or ``test``); ``parameters``
        override its values. ``require`` is a level that every resource must reach.
        """
        document = self.library.document(template)
        configuration = self.library.configuration(document, config)
        stack = self._create(document, configuration, parameters or {}, name, tags or {})
        return stack.require(require) if require else stack

    def child(
        self,
        document: Document,
        configuration: Configuration,
        parameters: Mapping[str, Any],
        name: str,
        parent: str,
    ) -> Stack:
        """Create a nested stack of the stack ``parent``."""
        above = self.stacks[parent]
        chain = [above.source[0].path]
        while above.parent:
            above = self.stacks[above.parent]
            chain.append(above.source[0].path)
        if document.path in chain:
            raise DeploymentFailed("the stacks contain each other", file=document.file)
        return self._create(document, configuration, parameters, name, {}, parent)

    def child_update(
        self, stack: Stack, document: Document, configuration: Configuration, parameters: Mapping[str, Any]
    ) -> Stack:
        """Bring a nested stack to what its parent asks for now."""
        spot = self._spot(stack.name)
        blueprint = self.library.blueprint(document, configuration, parameters, spot)
        return self.apply(stack, blueprint, (document, configuration, dict(parameters)))

    def promote(
        self, name: str, document: Document, configuration: Configuration, parameters: Mapping[str, Any]
    ) -> Stack:
        """Create or update the stack of a name by a template and a configuration that are given whole."""
        stack = self.stacks.get(name)
        if stack is None:
            return self._create(document, configuration, parameters, name, {})
        return self.child_update(stack, document, configuration, parameters)

    def foresee(
        self, name: str, document: Document, configuration: Configuration, parameters: Mapping[str, Any]
    ) -> tuple[Change, ...] | None:
        """What ``promote`` would do; None when it would create the stack."""
        blueprint = self.library.blueprint(document, configuration, parameters, self._spot(name))
        stack = self.stacks.get(name)
        if stack is None:
            return None
        before = self._existing(stack)
        found = preview.changes(Context(self.backend, self, blueprint, before.place, []), before)
        return tuple(one for one in found if one.action is not Action.NONE)

    def environment(self, stack: str) -> str:
        """The environment that a stack (being deployed) belongs to."""
        configuration: Configuration = self.stacks[stack].source[1]
        return configuration.environment

    def _create(
        self,
        document: Document,
        configuration: Configuration,
        parameters: Mapping[str, Any],
        name: str,
        tags: Mapping[str, str],
        parent: str = "",
    ) -> Stack:
        name = name or stack_name(document, configuration)
        if name in self.stacks:
            raise DeploymentFailed(
                f"Stack [{name}] already exists", file=document.file, hint="give it a name"
            )
        spot = self._spot(name)
        blueprint = self.library.blueprint(document, configuration, parameters, spot)
        stack = Stack(self, name)
        stack.parent = parent
        stack.source = (document, configuration, dict(parameters))
        place = self._place(spot, document.path.parent, {**configuration.tags, **tags})
        self.stacks[name] = stack
        stack.status = "CREATE_IN_PROGRESS"
        try:
            self._run(stack, blueprint, place, None)
        except DeploymentFailed:
            stack.status = "ROLLBACK_COMPLETE"
            del self.stacks[name]
            raise
        stack.status = "CREATE_COMPLETE"
        return stack

    def _spot(self, name: str) -> Spot:
        region = self.backend.region
        return Spot(name, self.backend.account, region, partition_of(region))

    def _place(self, spot: Spot, folder: Path, tags: Mapping[str, str]) -> Place:
        # A stack that is created again has another id, and so its resources have other names.
        self._created[spot.stack] += 1
        count = self._created[spot.stack]
        identity = stack_id(spot.partition, spot.region, spot.account, spot.stack, count)
        return Place(spot.stack, identity, spot.account, spot.region, spot.partition, folder, tags)

    def _run(self, stack: Stack, blueprint: Blueprint, place: Place, before: State | None) -> None:
        context = Context(self.backend, self, blueprint, place, stack.events)
        with self.backend.acting(ACTOR):
            after = Run(context, before).go()
        twice = [name for name in after.exports if name in self.exports(stack.name)]
        if twice:
            # CloudFormation notices it before it makes anything; here the values are known only now.
            with self.backend.acting(ACTOR):
                self._undo(context, before, after)
            raise DeploymentFailed(
                f"stack {stack.name}: Export with name {twice[0]} is already exported by another stack",
                file=blueprint.file,
            )
        stack.state = after

    def _undo(self, context: Context, before: State | None, after: State) -> None:
        if before is None:
            for resource in reversed([*after.resources.values()]):
                delete(context, resource)
            return
        Run(replace_blueprint(context, before), after).go()

    # Updates.

    def update(
        self,
        stack: Stack,
        template: Template | None = None,
        *,
        config: str | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Stack:
        """Update a stack; see ``Stack.update``."""
        blueprint, source = self._next(stack, template, config, parameters)
        return self.apply(stack, blueprint, source)

    def apply(self, stack: Stack, blueprint: Blueprint, source: Any) -> Stack:
        """Bring a stack to a blueprint; the stack is as before when that fails."""
        before = self._existing(stack)
        place = replace(before.place, folder=blueprint.expanded.document.path.parent)
        stack.status = "UPDATE_IN_PROGRESS"
        try:
            self._run(stack, blueprint, place, before)
        except DeploymentFailed:
            stack.status = "UPDATE_ROLLBACK_COMPLETE"
            raise
        stack.source, stack.status = source, "UPDATE_COMPLETE"
        return stack

    def changes(
        self,
        stack: Stack,
        template: Template | None = None,
        *,
        config: str | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> tuple[Change, ...]:
        """What an update would do, without doing it."""
        before = self._existing(stack)
        blueprint, _ = self._next(stack, template, config, parameters)
        context = Context(self.backend, self, blueprint, before.place, [])
        return preview.changes(context, before)

    def _next(
        self,
        stack: Stack,
        template: Template | None,
        config: str | None,
        parameters: Mapping[str, Any] | None,
    ) -> tuple[Blueprint, Any]:
        self._existing(stack)
        document, configuration, given = stack.source
        if template is not None:
            document = self.library.document(template)
        else:
            # The file may have been edited since.
            document = self._again(document)
        if config is not None:
            configuration = self.library.configuration(document, config)
        declared = document.tree.get("Parameters") or {}
        kept = {name: value for name, value in given.items() if name in declared}
        values = {**kept, **(parameters or {})}
        blueprint = self.library.blueprint(document, configuration, values, self._spot(stack.name))
        return blueprint, (document, configuration, values)

    def _again(self, document: Document) -> Document:
        return self.library.document(document.path) if document.path.is_file() else document

    def _existing(self, stack: Stack) -> State:
        if stack.state is None or self.stacks.get(stack.name) is not stack:
            raise UsageError(f"stack {stack.name} does not exist any more")
        return stack.state

    # Deletion.

    def delete(self, stack: Stack) -> None:
        """Delete a stack; see ``Stack.delete``."""
        state = self._existing(stack)
        self._check_imports(stack, state)
        context = Context(self.backend, self, state.blueprint, state.place, stack.events)
        stack.status = "DELETE_IN_PROGRESS"
        left: list[str] = []
        kept = dict(state.resources)
        with self.backend.acting(ACTOR):
            for resource in reversed(list(state.resources.values())):
                if any(resource.logical_id in other.needs for other in kept.values()):
                    continue  # what needs it could not be deleted
                if resource.policies.get("DeletionPolicy") in ("Retain", "RetainExceptOnCreate"):
                    context.event(resource, "DELETE_SKIPPED")
                elif not delete(context, resource):
                    left.append(resource.logical_id)
                    continue
                del kept[resource.logical_id]
        if left:
            self._refused(stack, replace(state, resources=kept), left)
        stack.status = "DELETE_COMPLETE"
        stack.state = None
        del self.stacks[stack.name]

    def _refused(self, stack: Stack, state: State, left: list[str]) -> None:
        stack.state, stack.status = state, "DELETE_FAILED"
        failed = [event for event in stack.events if event.status == "DELETE_FAILED"]
        reason = next((event.reason for event in reversed(failed) if event.logical_id == left[0]), "")
        place = state.resources[left[0]].location
        raise DeploymentFailed(
            f"stack {stack.name} could not be deleted: {left[0]}: {reason}",
            logical_id=left[0],
            reason=reason,
            file=place.file,
            line=place.line,
            column=place.column,
        )

    def _check_imports(self, stack: Stack, state: State) -> None:
        for name, importer in self.imported(stack.name, state.exports):
            raise DeploymentFailed(
                f"Export {name} cannot be deleted as it is in use by {importer}",
                file=state.blueprint.file,
            )

    def imported(self, stack: str, exports: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Of a stack's exports those that another stack imports, with its name."""
        for other in self.stacks.values():
            if other.state is not None and other.name != stack:
                for name in sorted(other.state.imports & exports.keys()):
                    yield name, other.name

    def exports(self, besides: str = "") -> dict[str, Any]:
        """Every export of the other stacks."""
        found: dict[str, Any] = {}
        for name, stack in self.stacks.items():
            if name != besides and stack.state is not None:
                found.update(stack.state.exports)
        return found

    # Snapshots.

    def snapshot(self) -> Any:
        """Which stacks there are, and how."""
        stacks = {
            name: (stack, stack.state, stack.status, len(stack.events), stack.source)
            for name, stack in self.stacks.items()
        }
        return stacks, Counter(self._created)

    def restore(self, state: Any) -> None:
        """Back to a snapshot; the same ``Stack`` objects tell the former state."""
        stacks, created = state
        for stack in self.stacks.values():
            if stack.name not in stacks:
                stack.state, stack.status = None, "DELETE_COMPLETE"
        self.stacks, self._created = {}, Counter(created)
        for name, (stack, deployed, status, events, source) in stacks.items():
            stack.state, stack.status, stack.source = deployed, status, source
            del stack.events[events:]
            self.stacks[name] = stack


def replace_blueprint(context: Context, state: State) -> Context:
    """The context of a deployment back to a former state."""
    return Context(context.backend, context.deployer, state.blueprint, state.place, context.log)

"""One deployment: resources one by one, each with what is known by then; rolled back when one fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stackproof import schemas
from stackproof.deploy import operate
from stackproof.deploy.changes import custom_name, differences, replacing
from stackproof.deploy.handlers import emulated, handler
from stackproof.deploy.model import Event, Level, Place, Resource, Verdict
from stackproof.deploy.operate import Failed
from stackproof.deploy.plan import Operation, ordered
from stackproof.deploy.state import Blueprint, State
from stackproof.deploy.values import Values
from stackproof.errors import DeploymentFailed
from stackproof.model import Location

if TYPE_CHECKING:
    from stackproof.backends.base import Backend
    from stackproof.deploy.deployer import Deployer

_OTHER_TYPE = (
    "Update of resource type is not permitted. The new template modifies resource type of the following "
    "resources: [{}]"
)
_SAM = "AWS::Serverless::"
_KEPT = frozenset({"Retain", "RetainExceptOnCreate"})


@dataclass(slots=True)
class Context:
    """Where and for what a deployment runs."""

    backend: Backend
    deployer: Deployer
    blueprint: Blueprint
    place: Place
    log: list[Event]

    def event(self, resource: Resource, status: str, reason: str = "") -> None:
        """Add an event about a resource."""
        event = Event(
            self.backend.now(), resource.logical_id, resource.type, status, resource.physical_id, reason
        )
        self.log.append(event)


def _unrecognized(strange: Mapping[str, str]) -> str:
    """CloudFormation's words; types that only the SAM transform knows mean that nobody asked for it."""
    text = (
        f"Template format error: Unrecognized resource types: [{', '.join(dict.fromkeys(strange.values()))}]"
    )
    if any(kind.startswith(_SAM) for kind in strange.values()):
        text += "; they need 'Transform: AWS::Serverless-2016-10-31'"
    return text


class Run:
    """From one state to the next. ``before`` is None when the stack is new."""

    def __init__(self, context: Context, before: State | None) -> None:
        self._context = context
        self._before = before
        self._old: Mapping[str, Resource] = before.resources if before else {}
        self._made: dict[str, Resource] = {}
        self._undo: list[Callable[[], object]] = []
        self._replaced: list[Resource] = []
        self._verb = "UPDATE" if before else "CREATE"

    def go(self) -> State:
        """Deploy. Raises ``DeploymentFailed`` after everything is as it was before."""
        context = self._context
        at, name = Location(context.blueprint.file), ""
        try:
            values = operate.attempt(lambda: Values(context, self._made))
            strange = self._strange(values)
            if strange:
                at = context.blueprint.expanded.locate(("Resources", next(iter(strange)), "Type"))
                raise Failed(_unrecognized(strange))
            plan = ordered(context.blueprint.expanded, values.conditions, values.parameters)
            for operation in plan.operations:
                at, name = operation.location, operation.logical_id
                self._one(operation, values)
            at, name = Location(context.blueprint.file), ""
            outputs, exports = operate.attempt(values.outputs)
            self._check_exports(exports)
        except Failed as error:
            self._roll_back()
            raise self._failure(error, name, at) from error
        self._clean()
        return State(
            context.blueprint, context.place, self._made, outputs, exports, values.imports, values.parameters
        )

    def _check_exports(self, exports: Mapping[str, Any]) -> None:
        """What other stacks import keeps its value (user guide, "Get exported outputs")."""
        before = self._before.exports if self._before else {}
        stack = self._context.place.stack
        for name, importer in self._context.deployer.imported(stack, before):
            if name not in exports:
                raise Failed(f"Export {name} cannot be deleted as it is in use by {importer}")
            if exports[name] != before[name]:
                raise Failed(f"Export {name} cannot be updated as it is in use by {importer}")

    def _strange(self, values: Values) -> dict[str, str]:
        """Logical ids and types of what CloudFormation does not know."""
        known = schemas.types() | schemas.types(self._context.place.region)
        return {
            name: kind
            for name, kind in values.resources().items()
            if kind.startswith("AWS::") and not kind.endswith("::MODULE")
            and not emulated(kind) and (known or kind.startswith(_SAM)) and kind not in known
        }  # fmt: skip

    def _failure(self, error: Failed, logical_id: str, at: Location) -> DeploymentFailed:
        what = f"{logical_id}: {error.reason}" if logical_id else error.reason
        hint = "put it into the world's parameter store first" if error.code == "ParameterNotFound" else ""
        verb = "updated" if self._before else "created"
        return DeploymentFailed(
            f"stack {self._context.place.stack} could not be {verb}: {what}",
            logical_id=logical_id,
            reason=error.reason,
            file=at.file,
            line=at.line if at.line > 1 or at.column > 1 else 0,
            column=at.column if at.line > 1 or at.column > 1 else 0,
            hint=hint,
        )

    # One resource.

    def _one(self, operation: Operation, values: Values) -> None:
        name = operation.logical_id
        old = self._old.get(name)
        wanted = Resource(
            name,
            operation.type,
            old.physical_id if old else "",
            {},
            Verdict(Level.EMULATED),
            operation.location,
            operate.attempt(lambda: values.properties(name)),
            needs=operation.needs,
            policies=values.policies(name),
            serial=old.serial if old else 0,
        )
        if old is None:
            self._create(wanted)
        elif old.type != wanted.type:
            raise self._told(wanted, _OTHER_TYPE.format(name))
        else:
            self._change(wanted, old)

    def _told(self, resource: Resource, reason: str, status: str = "") -> Failed:
        self._context.event(resource, status or f"{self._verb}_FAILED", reason)
        return Failed(reason)

    def _create(self, wanted: Resource) -> None:
        context = self._context
        context.event(wanted, "CREATE_IN_PROGRESS")
        try:
            made = operate.made(context, wanted)
        except Failed as error:
            context.event(wanted, "CREATE_FAILED", error.reason)
            raise
        self._made[wanted.logical_id] = made
        self._undo.append(lambda: self._delete(made))
        context.event(made, "CREATE_COMPLETE")

    def _change(self, wanted: Resource, old: Resource) -> None:
        paths = differences(old.properties, wanted.properties)
        doer = handler(wanted.type)
        if not paths:
            self._made[wanted.logical_id] = replace(
                old, location=wanted.location, needs=wanted.needs, policies=wanted.policies
            )
        elif replacing(doer, wanted.type, paths):
            self._replace(wanted, old)
        else:
            self._modify(wanted, old)

    def _modify(self, wanted: Resource, old: Resource) -> None:
        context = self._context
        context.event(wanted, "UPDATE_IN_PROGRESS")
        self._undo.append(lambda: self._restore(old, wanted))
        try:
            made = operate.changed(context, wanted, old)
        except Failed as error:
            context.event(wanted, "UPDATE_FAILED", error.reason)
            raise
        self._made[wanted.logical_id] = made
        if handler(wanted.type).renews and made.physical_id != old.physical_id:
            self._undo.insert(-1, lambda: self._delete(made))
            self._replaced.append(old)
        context.event(made, "UPDATE_COMPLETE")

    def _replace(self, wanted: Resource, old: Resource) -> None:
        name = custom_name(wanted.type, old.properties, wanted.properties)
        if name:
            raise self._told(
                wanted,
                "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
                f"Rename {name} and update the stack again.",
            )
        context = self._context
        reason = "Requested update requires the creation of a new physical resource; hence creating one."
        context.event(wanted, "UPDATE_IN_PROGRESS", reason)
        try:
            made = operate.made(context, replace(wanted, physical_id="", serial=old.serial + 1))
        except Failed as error:
            context.event(wanted, "UPDATE_FAILED", error.reason)
            raise
        self._made[wanted.logical_id] = made
        self._undo.append(lambda: self._delete(made))
        self._replaced.append(old)
        context.event(made, "UPDATE_COMPLETE")

    # Afterwards.

    def _clean(self) -> None:
        """Delete what was replaced or is no longer in the template. A failure here fails nothing."""
        removed = [old for name, old in self._old.items() if name not in self._made]
        for old in reversed(removed):
            if old.policies.get("DeletionPolicy") in _KEPT:
                self._context.event(old, "DELETE_SKIPPED")
            else:
                self._delete(old)
        for old in reversed(self._replaced):
            if old.policies.get("UpdateReplacePolicy") in _KEPT:
                self._context.event(old, "DELETE_SKIPPED")
            else:
                self._delete(old)

    def _delete(self, resource: Resource) -> bool:
        return delete(self._context, resource)

    def _restore(self, old: Resource, tried: Resource) -> None:
        self._context.event(old, "UPDATE_IN_PROGRESS")
        try:
            operate.changed(self._context, old, replace(old, properties=tried.properties))
        except Failed as error:
            self._context.event(old, "UPDATE_FAILED", error.reason)
        else:
            self._context.event(old, "UPDATE_COMPLETE")

    def _roll_back(self) -> None:
        for action in reversed(self._undo):
            action()


def delete(context: Context, resource: Resource) -> bool:
    """Delete a resource with its events; False when AWS refuses."""
    context.event(resource, "DELETE_IN_PROGRESS")
    try:
        operate.gone(context, resource)
    except Failed as error:
        context.event(resource, "DELETE_FAILED", error.reason)
        return False
    context.event(resource, "DELETE_COMPLETE")
    return True

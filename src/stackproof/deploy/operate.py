"""One resource: create, change, delete; AWS's errors as reasons; its verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from stackproof.deploy import validity
from stackproof.deploy.handler import Handler, Job, Refused
from stackproof.deploy.handlers import emulated, handler
from stackproof.deploy.model import Level, Made, Resource, Verdict

if TYPE_CHECKING:
    from stackproof.deploy.run import Context

T = TypeVar("T")
_LACKING = ("not yet been emulated", "not been implemented", "not included in your current license")
_GONE = ("NotFound", "NonExistent", "NoSuch", "DoesNotExist")


class Failed(Exception):
    """A resource cannot be made, changed or deleted; ``reason`` is worded as CloudFormation words it."""

    def __init__(self, reason: str, *, code: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code

    @property
    def gone(self) -> bool:
        """Whether what was to be deleted is not there any more."""
        return any(part in self.code for part in _GONE)

    @property
    def lacking(self) -> bool:
        """Whether an endpoint says that it has not got the service or the operation."""
        return "NotImplemented" in self.code or any(part in self.reason for part in _LACKING)


def attempt(action: Callable[[], T]) -> T:
    """Run what calls AWS; its errors become ``Failed``."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return action()
    except ClientError as error:
        found = error.response.get("Error", {})
        code = str(found.get("Code", ""))
        reason = f"{found.get('Message', '')} ({error.operation_name}: {code})"
        raise Failed(reason, code=code) from error
    except (BotoCoreError, Refused) as error:
        raise Failed(str(error)) from error
    except NotImplementedError as error:
        raise Failed(f"the backend does not know this call: {error}") from error
    except KeyError as error:
        # A handler reads what the schema requires; a template that lacks it fails here.
        raise Failed(f"a required property is missing: {error.args[0]}") from error


def job(context: Context, resource: Resource, before: Mapping[str, Any] | None) -> Job:
    """The job for a resource whose ``properties`` are what is wanted."""
    written = context.blueprint.expanded.tree.get("Resources", {}).get(resource.logical_id, {})
    return Job(
        context.backend,
        context.deployer,
        context.place,
        resource.logical_id,
        resource.type,
        resource.properties,
        before,
        written,
        resource.serial,
    )


def made(context: Context, wanted: Resource) -> Resource:
    """Create a resource."""
    doer = handler(wanted.type)
    _check(wanted, doer)
    one = job(context, wanted, None)
    try:
        answer = attempt(lambda: doer.create(one))
    except Failed as error:
        if not error.lacking:
            raise
        return _result(wanted, handler("*").create(one), Verdict(Level.NOT_EMULATED))
    return _result(wanted, answer, verdict(doer, wanted, one))


def changed(context: Context, wanted: Resource, before: Resource) -> Resource:
    """Change a resource in place."""
    doer = handler(wanted.type)
    one = job(context, wanted, before.properties)
    if before.verdict.level is Level.NOT_EMULATED:
        return _result(wanted, before.made, before.verdict)
    _check(wanted, doer)
    answer = attempt(lambda: doer.update(one, before.made))
    kept = [path for path in before.verdict.left_out if not one.changed(path.split(".", 1)[0])]
    one.dropped[:0] = kept
    if before.verdict.decisive in kept:
        one.pretended = before.verdict.decisive
    one.reasons = {**{path: before.verdict.reasons.get(path, "") for path in kept}, **one.reasons}
    return _result(wanted, answer, verdict(doer, wanted, one))


def _check(wanted: Resource, doer: Handler) -> None:
    wrong = validity.fault(wanted.logical_id, wanted.type, wanted.properties, doer.covers)
    if wrong:
        raise Failed(wrong)


def gone(context: Context, resource: Resource) -> None:
    """Delete a resource; one that is gone already, or never was, is no error."""
    if resource.verdict.level is Level.NOT_EMULATED:
        return
    doer = handler(resource.type)
    one = job(context, resource, None)
    try:
        attempt(lambda: doer.delete(one, resource.made))
    except Failed as error:
        if not error.gone:
            raise


def _result(wanted: Resource, answer: Made, judged: Verdict) -> Resource:
    return Resource(
        wanted.logical_id,
        wanted.type,
        answer.physical_id,
        answer.attributes,
        judged,
        wanted.location,
        wanted.properties,
        answer.notes,
        wanted.needs,
        wanted.policies,
        wanted.serial,
    )


def verdict(doer: Handler, resource: Resource, one: Job) -> Verdict:
    """What became of the properties that the template sets."""
    if not emulated(resource.type):
        return Verdict(Level.NOT_EMULATED)
    left = [name for name in resource.properties if name not in doer.covers]
    inert = {name: reason for name, reason in doer.inert.items() if resource.properties.get(name)}
    paths = tuple(dict.fromkeys([*left, *inert, *one.dropped]))
    remarks = tuple(one.remarks)
    if not paths:
        return Verdict(Level.EMULATED, remarks=remarks)
    level = Level.NOT_EMULATED if one.pretended else Level.PARTIAL
    reasons = {path: why for path, why in {**inert, **one.reasons}.items() if why and path in paths}
    return Verdict(level, paths, reasons, one.pretended, remarks)

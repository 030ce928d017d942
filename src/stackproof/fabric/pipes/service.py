"""The service Pipes: its operations and the states of pipes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.events.model import moment
from stackproof.fabric.events.pages import page
from stackproof.fabric.pipes.engine import Engine
from stackproof.fabric.pipes.model import Pipe
from stackproof.fabric.service import Caller, Operation, Params, Response, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.world import World

_GIVEN = (
    "Description", "SourceParameters", "Enrichment", "EnrichmentParameters", "TargetParameters",
    "LogConfiguration", "KmsKeyIdentifier",
)  # fmt: skip


class PipesService:
    """One instance serves all accounts and regions; ``pipes`` are kept by their ARN."""

    name = "pipes"

    def __init__(self, world: World) -> None:
        self.world = world
        self.pipes: dict[str, Pipe] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self.engine = Engine(self)
        self.operations: Mapping[str, Operation] = {
            "CreatePipe": self.create,
            "UpdatePipe": self.update,
            "DescribePipe": self.describe,
            "DeletePipe": self.delete,
            "ListPipes": self.list,
            "StartPipe": self.start,
            "StopPipe": self.stop,
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "ListTagsForResource": self.list_tags,
        }

    def _find(self, name: str, caller: Caller) -> Pipe:
        found = self.pipes.get(_arn(name, caller))
        if found is None:
            raise ServiceError("NotFoundException", f"Pipe {name} does not exist.", status=404)
        return found

    def create(self, params: Params, caller: Caller) -> Response:
        """A pipe in state CREATING; it runs from the next piece of work on."""
        arn = _arn(params["Name"], caller)
        if arn in self.pipes:
            raise ServiceError("ConflictException", f"Pipe {params['Name']} already exists.", status=409)
        self.engine.check(params, caller)
        now = self.world.clock.now
        pipe = Pipe(
            params["Name"], arn, caller.account, caller.region, params["Source"], params["Target"],
            params["RoleArn"], now, now, self.world.ids.uuid(), "CREATING",
            params.get("DesiredState") or "RUNNING", _given(params),
        )  # fmt: skip
        self._tags[arn] = dict(params.get("Tags") or {})
        if pipe.wanted == "RUNNING":
            self.engine.place(pipe)
        self._settle(pipe)
        return _brief(pipe)

    def _settle(self, pipe: Pipe) -> None:
        """Keep a pipe, and let it become what is wanted."""
        self.pipes[pipe.arn] = pipe
        self.world.scheduler.soon(f"pipe {pipe.name}: {pipe.state}", self._become, pipe.arn)

    def _become(self, arn: str) -> None:
        pipe = self.pipes.get(arn)
        if pipe is None:
            return
        self.engine.stop(pipe)
        self.pipes[arn] = replace(pipe, state=pipe.wanted)
        if pipe.wanted == "RUNNING":
            self.engine.start(pipe)

    def update(self, params: Params, caller: Caller) -> Response:
        """Change what is given; the source stays."""
        before = self._find(params["Name"], caller)
        merged = {**before.given, **_given(params)}
        source = dict(before.parameters("SourceParameters"))
        for name, value in (params.get("SourceParameters") or {}).items():
            known = source.get(name)
            source[name] = {**known, **value} if name.endswith("Parameters") and known else value
        if source:
            merged["SourceParameters"] = source
        self.engine.check({"Source": before.source, **merged}, caller)
        pipe = replace(
            before,
            target=params.get("Target") or before.target,
            role=params.get("RoleArn") or before.role,
            modified=self.world.clock.now,
            state="UPDATING",
            wanted=params.get("DesiredState") or before.wanted,
            given=merged,
        )
        self._settle(pipe)
        return _brief(pipe)

    def describe(self, params: Params, caller: Caller) -> Response:
        """One pipe."""
        pipe = self._find(params["Name"], caller)
        shown = {**_brief(pipe), **pipe.given, "Source": pipe.source, "Target": pipe.target}
        return {**shown, "RoleArn": pipe.role, "Tags": dict(self._tags.get(pipe.arn, {}))}

    def delete(self, params: Params, caller: Caller) -> Response:
        """Polls no more; what is in flight comes to its end."""
        pipe = self._find(params["Name"], caller)
        self.engine.stop(pipe, forget=True)
        del self.pipes[pipe.arn]
        self._tags.pop(pipe.arn, None)
        return _brief(replace(pipe, state="DELETING", wanted="DELETED"))

    def list(self, params: Params, caller: Caller) -> Response:
        """The pipes of the account and region."""
        found = [
            {**_brief(pipe), "Source": pipe.source, "Target": pipe.target}
            for pipe in sorted(self.pipes.values(), key=lambda pipe: pipe.name)
            if pipe.arn == _arn(pipe.name, caller)
            and pipe.name.startswith(params.get("NamePrefix") or "")
            and pipe.source.startswith(params.get("SourcePrefix") or "")
            and pipe.target.startswith(params.get("TargetPrefix") or "")
            and params.get("CurrentState") in (None, pipe.state)
            and params.get("DesiredState") in (None, pipe.wanted)
        ]
        return page(found, params, "Pipes")

    def start(self, params: Params, caller: Caller) -> Response:
        """Let it run."""
        return self._switch(params, caller, "STARTING", "RUNNING")

    def stop(self, params: Params, caller: Caller) -> Response:
        """Let it rest; it goes on where it stood."""
        return self._switch(params, caller, "STOPPING", "STOPPED")

    def _switch(self, params: Params, caller: Caller, state: str, wanted: str) -> Response:
        pipe = self._find(params["Name"], caller)
        if pipe.wanted == wanted:
            raise ServiceError("ConflictException", f"Pipe {pipe.name} is {wanted} already.", status=409)
        changed = replace(pipe, state=state, wanted=wanted, modified=self.world.clock.now)
        self._settle(changed)
        return _brief(changed)

    # Tags.

    def _tagged(self, params: Params) -> dict[str, str]:
        found = self._tags.get(params["resourceArn"])
        if found is None:
            raise ServiceError("NotFoundException", "The pipe does not exist.", status=404)
        return found

    def tag(self, params: Params, caller: Caller) -> Response:
        """Add or change tags."""
        self._tagged(params).update(params["tags"])
        return {}

    def untag(self, params: Params, caller: Caller) -> Response:
        """Take tags away."""
        for key in params["tagKeys"]:
            self._tagged(params).pop(key, None)
        return {}

    def list_tags(self, params: Params, caller: Caller) -> Response:
        """The tags of a pipe."""
        return {"tags": dict(self._tagged(params))}

    # Snapshots.

    def snapshot(self) -> Any:
        """Pipes, and where they stand."""
        return dict(self.pipes), {arn: dict(tags) for arn, tags in self._tags.items()}, self.engine.snapshot()

    def restore(self, state: Any) -> None:
        """Back to a snapshot, in place."""
        pipes, tags, engine = state
        self.pipes = dict(pipes)
        self._tags = {arn: dict(found) for arn, found in tags.items()}
        self.engine.restore(engine)


def _arn(name: str, caller: Caller) -> str:
    return arns.arn("pipes", caller.region, caller.account, f"pipe/{name}")


def _given(params: Params) -> dict[str, Any]:
    return {name: params[name] for name in _GIVEN if params.get(name) is not None}


def _brief(pipe: Pipe) -> Response:
    return {
        "Arn": pipe.arn, "Name": pipe.name, "DesiredState": pipe.wanted, "CurrentState": pipe.state,
        "CreationTime": moment(pipe.created), "LastModifiedTime": moment(pipe.modified),
    }  # fmt: skip

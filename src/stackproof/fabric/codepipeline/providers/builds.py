"""Builds and tests. Source: CodePipeline user guide, "AWS CodeBuild build and test action reference"."""

from __future__ import annotations

import json

from stackproof.errors import CapabilityMissing
from stackproof.fabric.codebuild.model import SUCCEEDED, Build, Order, Origin
from stackproof.fabric.codepipeline.model import Outcome
from stackproof.fabric.codepipeline.providers.act import Act

_KNOWN = frozenset({"ProjectName", "PrimarySource", "EnvironmentVariables"})


def codebuild(act: Act) -> Outcome | None:
    """Start a build on the input artifacts; its end is the action's."""
    given = act.configuration
    wanted = {name for name, value in given.items() if str(value).lower() != "false"}
    for name in sorted(wanted - _KNOWN):
        raise CapabilityMissing(f"not emulated: {name} of the build action {act.action.name}")
    found = [act.artifact(name) for name in act.action.inputs]
    primary = given.get("PrimarySource") or act.action.inputs[0]
    found.sort(key=lambda one: one.name != primary)
    outputs = {name: act.place(name, found[0].revision).key for name in act.action.outputs}
    order = Order(
        overrides={"environmentVariablesOverride": json.loads(given.get("EnvironmentVariables") or "[]")},
        origins=tuple(Origin(one.name, one.bucket, one.key) for one in found),
        bucket=str(act.pipeline.store.get("location")),
        outputs=outputs,
        key=act.key,
        version=found[0].revision or f"arn:aws:s3:::{found[0].bucket}/{found[0].key}",
        initiator=f"codepipeline/{act.pipeline.name}",
        done=lambda build: act.finish(_outcome(build)),
    )
    service = act.world.service("codebuild")
    service.ordered[act.run.id] = order
    params = {"projectName": given["ProjectName"], "idempotencyToken": act.run.id}
    try:
        build = act.call("codebuild", "StartBuild", params)["build"]
    finally:
        service.ordered.pop(act.run.id, None)
    act.keep(external=build["id"])
    return None


def _outcome(build: Build) -> Outcome:
    if build.status == SUCCEEDED:
        return Outcome(external=build.id, variables=build.exported)
    failed = next((one for one in build.steps if one.code), None)
    text = f"Build terminated with state: {build.status}"
    if failed is not None:
        text += f". Phase: {failed.name}, Code: {failed.code}, Message: {failed.message}"
    return Outcome("Failed", text, "JobFailed", build.id, build.exported)

"""Deployments: stacks by the deploy room, objects into a bucket.

Source: CodePipeline user guide, "AWS CloudFormation deploy action reference" and "Amazon S3 deploy action
reference"; CloudFormation user guide, "Using parameter override functions with CodePipeline pipelines".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stackproof.errors import CapabilityMissing
from stackproof.fabric.codepipeline.model import Outcome
from stackproof.fabric.codepipeline.providers.act import Act
from stackproof.fabric.codepipeline.stacks import Wanted
from stackproof.fabric.service import ServiceError
from stackproof.fabric.trees import Blob, Tree

_NEED_TEMPLATE = frozenset({"CREATE_UPDATE", "REPLACE_ON_FAILURE", "CHANGE_SET_REPLACE"})
_MODES = _NEED_TEMPLATE | {"CHANGE_SET_EXECUTE", "DELETE_ONLY"}


def cloudformation(act: Act) -> Outcome:
    """A stack, or a change set of one. Its outputs are the action's variables."""
    given = act.configuration
    mode, name = given["ActionMode"], given["StackName"]
    if mode not in _MODES:
        raise CapabilityMissing(f"not emulated: ActionMode {mode} of {act.action.name}")
    stacks = act.service.stacks
    if stacks is None or not act.same_place(str(act.action.given.get("roleArn") or "")):
        raise CapabilityMissing(f"not emulated: the stack {name} of another account ({act.action.name})")
    if str(act.action.given.get("region") or act.pipeline.region) != act.pipeline.region:
        raise CapabilityMissing(f"not emulated: the stack {name} in another region ({act.action.name})")
    change = given.get("ChangeSetName", "")
    act.world.journal.record(
        act.pipeline.name, f"cloudformation.{mode}", name, {"changeSet": change} if change else None
    )
    place = (act.pipeline.account, act.pipeline.region, name)
    if mode == "DELETE_ONLY":
        stacks.delete(name)
        return Outcome()
    if mode == "CHANGE_SET_EXECUTE":
        wanted = act.service.changes.pop((*place, change), None)
        if wanted is None:
            raise ServiceError("ChangeSetNotFound", f"ChangeSet [{change}] does not exist")
        return _deployed(act, name, wanted)
    wanted = _wanted(act, given)
    if mode == "CHANGE_SET_REPLACE":
        summary = stacks.preview(name, wanted)
        act.service.changes[(*place, change)] = wanted
        return Outcome(summary=summary, external=change)
    return _deployed(act, name, wanted)


def _deployed(act: Act, name: str, wanted: Wanted) -> Outcome:
    assert act.service.stacks is not None  # callers have looked
    outputs = act.service.stacks.deploy(name, wanted)
    told = act.configuration.get("OutputFileName")
    if told:
        data = json.dumps(outputs, indent=2).encode()
        for artifact in act.action.outputs:
            act.write(artifact, {told: Blob(data)})
    return Outcome(external=name, variables=outputs)


def _wanted(act: Act, given: Mapping[str, str]) -> Wanted:
    artifact, _, path = given["TemplatePath"].partition("::")
    tree = act.read(artifact)
    if path not in tree:
        raise ServiceError("ValidationError", f"File [{path}] does not exist in artifact [{artifact}]")
    settings = given.get("TemplateConfiguration", "")
    content = _content(act, settings) if settings else b""
    overrides = json.loads(given.get("ParameterOverrides") or "{}")
    parameters = {name: _parameter(act, value) for name, value in overrides.items()}
    named = frozenset(one.strip() for one in given.get("Capabilities", "").split(",") if one.strip())
    return Wanted(tree, path, content, settings.partition("::")[2], parameters, named)


def _content(act: Act, reference: str) -> bytes:
    artifact, _, path = reference.partition("::")
    found = act.read(artifact).get(path)
    if found is None:
        raise ServiceError("ValidationError", f"File [{path}] does not exist in artifact [{artifact}]")
    return found.content


def _parameter(act: Act, value: Any) -> str:
    """A value, or one of the two functions of parameter overrides."""
    if not isinstance(value, Mapping):
        return str(value)
    ((function, arguments),) = value.items()
    if function == "Fn::GetParam":
        artifact, path, key = arguments
        return str(json.loads(_content(act, f"{artifact}::{path}"))[key])
    if function == "Fn::GetArtifactAtt":
        found = act.artifact(arguments[0])
        url = f"https://s3.amazonaws.com/{found.bucket}/{found.key}"
        return {"BucketName": found.bucket, "ObjectKey": found.key, "URL": url}[arguments[1]]
    raise ServiceError("ValidationError", f"unknown function {function} in ParameterOverrides")


def bucket(act: Act) -> Outcome:
    """The files of an artifact, or its zip, into a bucket."""
    given = act.configuration
    (artifact,) = act.action.inputs
    place, key = given["BucketName"], given.get("ObjectKey", "")
    master = given.get("KMSEncryptionKeyARN", "")
    if given.get("Extract", "").lower() != "true":
        act.put(place, key, act.data(artifact), master)
        return Outcome()
    tree: Tree = act.read(artifact)
    for path, blob in tree.items():
        act.put(place, f"{key.rstrip('/')}/{path}".lstrip("/"), blob.content, master)
    return Outcome(summary=f"{len(tree)} objects")

"""Functions as actions. Source: CodePipeline user guide, "AWS Lambda action reference"."""

from __future__ import annotations

import json
from typing import Any

from stackproof.fabric.codepipeline.model import Artifact, Outcome
from stackproof.fabric.codepipeline.providers.act import Act

MINUTES = 60
"""Until a job that its function never reports fails."""


def function(act: Act) -> Outcome | None:
    """Invoke a function; it tells the end by PutJobSuccessResult or PutJobFailureResult."""
    outputs = {name: act.place(name) for name in act.action.outputs}
    act.keep(token=act.run.id)
    invoke(act, outputs, "")
    seconds = int(act.action.given.get("timeoutInMinutes") or MINUTES) * 60
    act.world.scheduler.after(
        seconds, f"{act.pipeline.name} job {act.action.name}", act.service.expire,
        act.execution.id, act.run.id, drives=act.service.waits(act.execution.id, act.run.id),
    )  # fmt: skip
    return None


def invoke(act: Act, outputs: dict[str, Artifact], continuation: str) -> None:
    """Hand the job over (again, with what the function gave as its continuation)."""
    given = act.configuration
    shown = {name: given[name] for name in ("FunctionName", "UserParameters") if name in given}
    data: dict[str, Any] = {
        "actionConfiguration": {"configuration": shown},
        "inputArtifacts": [_shown(act.artifact(name)) for name in act.action.inputs],
        "outputArtifacts": [_shown(one) for one in outputs.values()],
        "artifactCredentials": {
            "accessKeyId": act.pipeline.account,
            "secretAccessKey": "stackproof",
            "sessionToken": "stackproof",
        },
    }  # fmt: skip
    if continuation:
        data["continuationToken"] = continuation
    if act.key:
        data["encryptionKey"] = {"id": act.key, "type": "KMS"}
    job = {"CodePipeline.job": {"id": act.run.id, "accountId": act.pipeline.account, "data": data}}
    params = {
        "FunctionName": given["FunctionName"], "InvocationType": "Event", "Payload": json.dumps(job).encode(),
    }  # fmt: skip
    act.call("lambda", "Invoke", params)


def _shown(one: Artifact) -> dict[str, Any]:
    place = {"bucketName": one.bucket, "objectKey": one.key}
    location = {"type": "S3", "s3Location": place}
    return {"name": one.name, "revision": one.revision or None, "location": location}

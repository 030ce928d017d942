"""Manual approvals. Source: CodePipeline user guide, "Manage approval actions in pipelines"."""

from __future__ import annotations

import json

from stackproof.fabric import arns
from stackproof.fabric.clock import iso
from stackproof.fabric.codepipeline.model import Outcome
from stackproof.fabric.codepipeline.providers.act import Act

MINUTES = 7 * 24 * 60
"""Until an approval that nobody answers fails."""


def manual(act: Act) -> Outcome | None:
    """Ask, and wait for PutApprovalResult. Waiting moves no clock: it times out when time is let pass."""
    token = act.world.ids.uuid()
    act.keep(token=token)
    given = act.configuration
    minutes = int(act.action.given.get("timeoutInMinutes") or MINUTES)
    expires = act.world.clock.ms + minutes * 60_000
    if given.get("NotificationArn"):
        _ask(act, given, token, expires)
    act.world.scheduler.at(
        expires, f"{act.pipeline.name} approval {act.action.name}", act.service.expire,
        act.execution.id, act.run.id, drives=False,
    )  # fmt: skip
    return None


def _ask(act: Act, given: dict[str, str], token: str, expires: int) -> None:
    region, name = act.pipeline.region, act.pipeline.name
    console = f"https://console.aws.amazon.com/codesuite/codepipeline/pipelines/{name}/view?region={region}"
    approval = {
        "pipelineName": name,
        "stageName": act.run.stage,
        "actionName": act.action.name,
        "token": token,
        "expires": iso(expires)[:16] + "Z",
        "externalEntityLink": given.get("ExternalEntityLink"),
        "approvalReviewLink": f"{console}#/{act.run.stage}/{act.action.name}/approve/{token}",
        "customData": given.get("CustomData"),
    }
    message = json.dumps({"region": region, "consoleLink": console, "approval": approval})
    subject = f"APPROVAL NEEDED: AWS CodePipeline {name} for action {act.action.name}"
    topic = given["NotificationArn"]
    parsed = arns.parse(topic)
    place = act.identity.to(parsed.region) if parsed else act.identity
    params = {"TopicArn": topic, "Subject": subject[:100], "Message": message}
    act.world.call("sns", "Publish", params, place)

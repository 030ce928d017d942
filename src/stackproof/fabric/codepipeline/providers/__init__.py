"""What performs actions: one function a provider. A new provider is a new function and its line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from stackproof.errors import CapabilityMissing
from stackproof.fabric.codepipeline.model import Action, Execution, Outcome, Pipeline, Run
from stackproof.fabric.codepipeline.providers import approvals, builds, deploys, invokes, sources
from stackproof.fabric.codepipeline.providers.act import Act
from stackproof.fabric.service import ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.codepipeline.service import CodePipelineService

Performer = Callable[[Act], Outcome | None]
"""Does an action; None when its end is told later (``Engine.finish``)."""

PERFORMERS: dict[tuple[str, str, str], Performer] = {
    ("Source", "AWS", "CodeCommit"): sources.codecommit,
    ("Source", "AWS", "CodeStarSourceConnection"): sources.connection,
    ("Source", "AWS", "S3"): sources.bucket,
    ("Build", "AWS", "CodeBuild"): builds.codebuild,
    ("Test", "AWS", "CodeBuild"): builds.codebuild,
    ("Approval", "AWS", "Manual"): approvals.manual,
    ("Deploy", "AWS", "CloudFormation"): deploys.cloudformation,
    ("Deploy", "AWS", "S3"): deploys.bucket,
    ("Invoke", "AWS", "Lambda"): invokes.function,
}
"""(category, owner, provider) to what does it."""


def perform(
    service: CodePipelineService, pipeline: Pipeline, execution: Execution, action: Action, run: Run
) -> Outcome | None:
    """Do an action. Raises ``Unresolved``, and ``CapabilityMissing`` for a provider that is not emulated."""
    performer = PERFORMERS.get(action.kind)
    if performer is None:
        category, owner, provider = action.kind
        raise CapabilityMissing(
            f"not emulated: {category} action {action.name} of {pipeline.name} (provider {owner}/{provider})"
        )
    act = Act(service, pipeline, execution, action, run)
    try:
        return performer(act)
    except ServiceError as error:
        return Outcome.failed(f"{error.code}: {error.message}")

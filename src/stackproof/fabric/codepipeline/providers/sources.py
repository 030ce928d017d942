"""Sources: CodeCommit, connections, objects.

What a source action hands on as a zip tells nobody what was executable (CodePipeline user guide,
"Troubleshooting", file permissions of source files). Source of the variables: user guide, "Variables
reference".
"""

from __future__ import annotations

from stackproof.errors import CapabilityMissing
from stackproof.fabric.clock import iso
from stackproof.fabric.codecommit.model import Commit
from stackproof.fabric.codepipeline.model import Outcome
from stackproof.fabric.codepipeline.providers.act import Act
from stackproof.fabric.service import ServiceError
from stackproof.fabric.trees import unzipped


def _handed_on(act: Act, commit: Commit) -> None:
    wanted = act.configuration.get("OutputArtifactFormat", "CODE_ZIP")
    if wanted != "CODE_ZIP":
        raise CapabilityMissing(f"not emulated: OutputArtifactFormat {wanted} of {act.action.name}")
    for name in act.action.outputs:
        act.write(name, commit.tree, commit.id, modes=False)


def _second(ms: int) -> str:
    return iso(ms)[:-5] + "Z"


def codecommit(act: Act) -> Outcome:
    """The commit at the branch, or the one that StartPipelineExecution names."""
    given = act.configuration
    name, branch = given["RepositoryName"], given["BranchName"]
    told = act.call("codecommit", "GetBranch", {"repositoryName": name, "branchName": branch})
    identifier = act.execution.overrides.get(act.action.name) or told["branch"]["commitId"]
    act.call("codecommit", "GetCommit", {"repositoryName": name, "commitId": identifier})
    place = (act.identity.account, act.identity.region)
    commit = act.world.service("codecommit").resolve(*place, name, identifier)
    _handed_on(act, commit)
    when = _second(commit.ms)
    variables = {
        "RepositoryName": name, "BranchName": branch, "CommitId": commit.id, "CommitMessage": commit.message,
        "AuthorDate": when, "CommitterDate": when,
    }  # fmt: skip
    return Outcome(external=commit.id, summary=commit.message, variables=variables)


def connection(act: Act) -> Outcome:
    """The commit at the branch of a repository elsewhere; a pending connection fails."""
    given = act.configuration
    service = act.world.service("codeconnections")
    found = service.connection(given["ConnectionArn"])
    act.world.journal.record(
        act.identity.actor,
        "codeconnections.UseConnection",
        found.name,
        {"Repository": given["FullRepositoryId"]},
    )
    if found.status != "AVAILABLE":
        raise ServiceError(
            "ConnectionNotAvailable", f"Connection {found.name} is not available ({found.status})"
        )
    name, branch = given["FullRepositoryId"], given["BranchName"]
    commit = service.resolve(name, act.execution.overrides.get(act.action.name) or branch)
    _handed_on(act, commit)
    variables = {
        "FullRepositoryName": name, "BranchName": branch, "CommitId": commit.id,
        "CommitMessage": commit.message, "AuthorDate": _second(commit.ms), "AuthorDisplayName": commit.author,
        "ConnectionArn": given["ConnectionArn"],
    }  # fmt: skip
    return Outcome(external=commit.id, summary=commit.message, variables=variables)


def bucket(act: Act) -> Outcome:
    """A zip in a bucket with versions."""
    given = act.configuration
    place = {"Bucket": given["S3Bucket"], "Key": given["S3ObjectKey"]}
    wanted = act.execution.overrides.get(act.action.name)
    answer = act.call("s3", "GetObject", {**place, **({"VersionId": wanted} if wanted else {})})
    version = str(answer.get("VersionId") or "")
    if not version or version == "null":
        raise ServiceError("InvalidStructure", f"The bucket {given['S3Bucket']} has no versioning enabled")
    body = answer["Body"]
    data = body if isinstance(body, bytes) else bytes(body.read())
    for name in act.action.outputs:
        act.write(name, unzipped(data), version)
    variables = {
        "BucketName": given["S3Bucket"], "ObjectKey": given["S3ObjectKey"], "VersionId": version,
        "ETag": str(answer.get("ETag", "")).strip('"'),
    }  # fmt: skip
    return Outcome(external=version, variables=variables)

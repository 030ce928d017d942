"""The service CodeCommit: repositories, their branches and commits.

A test pushes: ``commit`` takes a folder or a mapping of path to content, ``push`` a reference of a real git
repository. Each tells the default bus of the moved reference, as a push does on AWS. Source: CodeCommit API
reference; user guide, "Monitoring CodeCommit events in Amazon EventBridge".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackproof.errors import UsageError
from stackproof.fabric import arns
from stackproof.fabric.codecommit.model import HEADS, Commit, History, made
from stackproof.fabric.events.model import moment
from stackproof.fabric.service import Caller, Operation, Params, Response, ServiceError
from stackproof.fabric.trees import Blob, Source, digest

if TYPE_CHECKING:
    from stackproof.fabric.world import World

_NAME = re.compile(r"[\w.-]{1,100}")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository. Times in seconds since the epoch; ``default`` is its default branch."""

    name: str
    id: str
    arn: str
    account: str
    region: str
    created: float
    modified: float
    description: str = ""
    key: str = ""
    default: str = ""
    history: History = field(default_factory=History)

    def shown(self) -> dict[str, Any]:
        """As GetRepository answers it."""
        host = f"git-codecommit.{self.region}.amazonaws.com/v1/repos/{self.name}"
        found = {
            "accountId": self.account, "repositoryId": self.id, "repositoryName": self.name, "Arn": self.arn,
            "cloneUrlHttp": f"https://{host}", "cloneUrlSsh": f"ssh://{host}",
            "creationDate": moment(self.created), "lastModifiedDate": moment(self.modified),
        }  # fmt: skip
        more = {
            "repositoryDescription": self.description,
            "defaultBranch": self.default,
            "kmsKeyId": self.key,
        }
        return {**found, **{name: value for name, value in more.items() if value}}


class CodeCommitService:
    """One instance serves all accounts and regions; repositories are kept by their ARN."""

    name = "codecommit"

    def __init__(self, world: World) -> None:
        self.world = world
        self.repositories: dict[str, Repository] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self.operations: Mapping[str, Operation] = {
            "CreateRepository": self.create,
            "GetRepository": self.get,
            "DeleteRepository": self.delete,
            "ListRepositories": self.list,
            "UpdateRepositoryDescription": self.describe,
            "UpdateRepositoryName": self.rename,
            "PutFile": self.put_file,
            "GetFile": self.get_file,
            "GetBranch": self.get_branch,
            "ListBranches": self.list_branches,
            "CreateBranch": self.create_branch,
            "GetCommit": self.get_commit,
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "ListTagsForResource": self.list_tags,
        }

    # What a test does.

    def commit(
        self,
        repository: str,
        files: Source,
        *,
        branch: str = "main",
        message: str = "a commit",
        author: str = "",
    ) -> str:
        """Push a commit of the files of a folder, or of a mapping; answers its id. Raises ``UsageError``."""
        return self._pushed(repository, files, branch, message, author or "stackproof", "")

    def push(
        self, repository: str, folder: Path | str, reference: str = "HEAD", *, branch: str = "main"
    ) -> str:
        """Push a reference of a real git repository to a branch; answers the commit's id."""
        return self._pushed(repository, folder, branch, "", "stackproof", reference)

    def _pushed(
        self, name: str, files: Source, branch: str, message: str, author: str, reference: str
    ) -> str:
        caller = self.world.caller()
        found = self.repositories.get(_arn(name, caller))
        if found is None:
            known = ", ".join(sorted(one.name for one in self.repositories.values())) or "none"
            raise UsageError(f"there is no repository '{name}'; there are: {known}")
        now = self.world.clock.ms
        commit = made(files, found.history, branch, message, author, now, reference)
        return self._grow(found, commit, branch, caller).id

    def _grow(self, found: Repository, commit: Commit, branch: str, caller: Caller) -> Commit:
        before = found.history.branches.get(branch, "")
        grown = replace(
            found, history=found.history.grown(commit, branch), default=found.default or branch,
            modified=self.world.clock.now,
        )  # fmt: skip
        self.repositories[found.arn] = grown
        detail = {"branch": branch, "commit": commit.id, "files": len(commit.tree)}
        self.world.journal.record(caller.actor, "codecommit.Push", found.name, detail)
        self._tell(grown, branch, commit.id, before, caller)
        self.world.service("codepipeline").moved(found.account, found.region, found.name, branch)
        return commit

    def _tell(self, found: Repository, branch: str, now: str, before: str, caller: Caller) -> None:
        detail = {
            "callerUserArn": caller.arn,
            "commitId": now,
            "event": "referenceUpdated" if before else "referenceCreated",
            "referenceFullName": f"{HEADS}{branch}",
            "referenceName": branch,
            "referenceType": "branch",
            "repositoryId": found.id,
            "repositoryName": found.name,
            **({"oldCommitId": before} if before else {}),
        }
        self.world.service("events").emit(
            "aws.codecommit", "CodeCommit Repository State Change", detail, [found.arn],
            account=found.account, region=found.region,
        )  # fmt: skip

    def resolve(self, account: str, region: str, name: str, reference: str = "") -> Commit:
        """The commit of a branch or an id. Raises ``ServiceError``."""
        found = self.repository(name, self.world.caller(account, region))
        commit = found.history.find(reference or found.default)
        if commit is None:
            raise ServiceError(
                "BranchDoesNotExistException", f"{name} has no branch {reference or found.default}"
            )
        return commit

    # Repositories.

    def repository(self, name: str, caller: Caller) -> Repository:
        """The repository of a name; raises RepositoryDoesNotExistException."""
        found = self.repositories.get(_arn(name, caller))
        if found is None:
            raise ServiceError("RepositoryDoesNotExistException", f"{name} does not exist")
        return found

    def create(self, params: Params, caller: Caller) -> Response:
        """A repository by a new name; it is empty."""
        name = params["repositoryName"]
        if not _NAME.fullmatch(name) or name.endswith(".git"):
            raise ServiceError("InvalidRepositoryNameException", f"The repository name {name} is not valid")
        arn = _arn(name, caller)
        if arn in self.repositories:
            raise ServiceError("RepositoryNameExistsException", f"Repository named {name} already exists")
        now = self.world.clock.now
        found = self.repositories[arn] = Repository(
            name, self.world.ids.uuid(), arn, caller.account, caller.region, now, now,
            params.get("repositoryDescription") or "", params.get("kmsKeyId") or "",
        )  # fmt: skip
        self._tags[arn] = dict(params.get("tags") or {})
        return {"repositoryMetadata": found.shown()}

    def get(self, params: Params, caller: Caller) -> Response:
        """One repository."""
        return {"repositoryMetadata": self.repository(params["repositoryName"], caller).shown()}

    def delete(self, params: Params, caller: Caller) -> Response:
        """A repository with all it holds; one that is not there is no error."""
        found = self.repositories.pop(_arn(params["repositoryName"], caller), None)
        if found is not None:
            self._tags.pop(found.arn, None)
        return {"repositoryId": found.id} if found is not None else {}

    def list(self, params: Params, caller: Caller) -> Response:
        """Those of the account and region."""
        mine = [one for one in self.repositories.values() if one.arn.startswith(_arn("", caller))]
        shown = [{"repositoryName": one.name, "repositoryId": one.id} for one in mine]
        return {"repositories": sorted(shown, key=lambda one: one["repositoryName"])}

    def describe(self, params: Params, caller: Caller) -> Response:
        """Another description."""
        found = self.repository(params["repositoryName"], caller)
        text = params.get("repositoryDescription") or ""
        self.repositories[found.arn] = replace(found, description=text)
        return {}

    def rename(self, params: Params, caller: Caller) -> Response:
        """Another name, and with it another ARN."""
        found = self.repository(params["oldName"], caller)
        arn = _arn(params["newName"], caller)
        del self.repositories[found.arn]
        self.repositories[arn] = replace(found, name=params["newName"], arn=arn)
        self._tags[arn] = self._tags.pop(found.arn, {})
        return {}

    # Content.

    def put_file(self, params: Params, caller: Caller) -> Response:
        """A commit that adds or changes one file."""
        found = self.repository(params["repositoryName"], caller)
        branch = params["branchName"]
        before = found.history.find(branch)
        if before is not None and params.get("parentCommitId") not in (None, before.id):
            raise ServiceError(
                "ParentCommitIdOutdatedException", "The parent commit is not the tip of the branch"
            )
        blob = Blob(bytes(params["fileContent"]), params.get("fileMode") == "EXECUTABLE")
        tree = {**(before.tree if before else {}), params["filePath"]: blob}
        now, message = self.world.clock.ms, params.get("commitMessage") or ""
        parent = before.id if before else ""
        identifier = digest(tree, parent, message, str(now))
        author = params.get("name") or arns.last(caller.arn)
        self._grow(found, Commit(identifier, parent, message, author, now, tree), branch, caller)
        return {"commitId": identifier, "blobId": digest({"": blob}), "treeId": digest(tree)}

    def get_file(self, params: Params, caller: Caller) -> Response:
        """A file as a commit (by default the default branch) has it."""
        found = self.repository(params["repositoryName"], caller)
        commit = found.history.find(params.get("commitSpecifier") or found.default)
        blob = commit.tree.get(params["filePath"]) if commit is not None else None
        if commit is None or blob is None:
            raise ServiceError("FileDoesNotExistException", f"{params['filePath']} does not exist")
        mode = "EXECUTABLE" if blob.executable else "NORMAL"
        return {
            "commitId": commit.id, "blobId": digest({"": blob}), "filePath": params["filePath"],
            "fileMode": mode, "fileSize": len(blob.content), "fileContent": blob.content,
        }  # fmt: skip

    def get_branch(self, params: Params, caller: Caller) -> Response:
        """A branch and where it stands."""
        found = self.repository(params["repositoryName"], caller)
        name = params["branchName"]
        if name not in found.history.branches:
            raise ServiceError("BranchDoesNotExistException", f"{name} does not exist")
        return {"branch": {"branchName": name, "commitId": found.history.branches[name]}}

    def list_branches(self, params: Params, caller: Caller) -> Response:
        """The names of the branches."""
        return {"branches": sorted(self.repository(params["repositoryName"], caller).history.branches)}

    def create_branch(self, params: Params, caller: Caller) -> Response:
        """A branch at a commit."""
        found = self.repository(params["repositoryName"], caller)
        name = params["branchName"]
        commit = found.history.commits.get(params["commitId"])
        if name in found.history.branches:
            raise ServiceError("BranchNameExistsException", f"{name} already exists")
        if commit is None:
            raise ServiceError("CommitDoesNotExistException", f"{params['commitId']} does not exist")
        self._grow(found, commit, name, caller)
        return {}

    def get_commit(self, params: Params, caller: Caller) -> Response:
        """One commit."""
        commit = self.repository(params["repositoryName"], caller).history.commits.get(params["commitId"])
        if commit is None:
            raise ServiceError("CommitIdDoesNotExistException", f"{params['commitId']} does not exist")
        who = {"name": commit.author, "email": "", "date": f"{commit.ms // 1000} +0000"}
        return {
            "commit": {
                "commitId": commit.id, "treeId": digest(commit.tree), "message": commit.message,
                "parents": [commit.parent] if commit.parent else [], "author": who, "committer": who,
                "additionalData": "",
            }
        }  # fmt: skip

    # Tags.

    def tag(self, params: Params, caller: Caller) -> Response:
        """Add or change tags."""
        self._tags.setdefault(params["resourceArn"], {}).update(params["tags"])
        return {}

    def untag(self, params: Params, caller: Caller) -> Response:
        """Take tags away."""
        for key in params["tagKeys"]:
            self._tags.get(params["resourceArn"], {}).pop(key, None)
        return {}

    def list_tags(self, params: Params, caller: Caller) -> Response:
        """The tags of a repository."""
        return {"tags": dict(self._tags.get(params["resourceArn"], {}))}

    # Snapshots.

    def snapshot(self) -> Any:
        """Everything is frozen but the tags."""
        return dict(self.repositories), {arn: dict(tags) for arn, tags in self._tags.items()}

    def restore(self, state: Any) -> None:
        """Back to a snapshot, in place."""
        repositories, tags = state
        self.repositories = dict(repositories)
        self._tags = {arn: dict(found) for arn, found in tags.items()}


def _arn(name: str, caller: Caller) -> str:
    return arns.arn("codecommit", caller.region, caller.account, name)

"""The service CodeConnections: connections to repositories of other providers, whose content a test gives.

A connection that a template makes is pending until somebody completes its handshake (``handshake``), as on
AWS; a pipeline whose connection is pending fails in its source. ``push`` puts a commit into a repository
elsewhere and starts the pipelines that listen to it. Source: CodeConnections API reference; CodePipeline user
guide, "CodeStarSourceConnection" and "Automate starting pipelines using triggers and filtering".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackproof.errors import UsageError
from stackproof.fabric import arns
from stackproof.fabric.codecommit.model import Commit, History, made
from stackproof.fabric.service import Caller, Operation, Params, Response, ServiceError
from stackproof.fabric.trees import Source

if TYPE_CHECKING:
    from stackproof.fabric.world import World


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection. ``status`` is PENDING, AVAILABLE or ERROR."""

    name: str
    arn: str
    account: str
    provider: str
    status: str = "PENDING"
    host: str = ""

    def shown(self) -> dict[str, Any]:
        """As GetConnection answers it."""
        found = {
            "ConnectionName": self.name, "ConnectionArn": self.arn, "ProviderType": self.provider,
            "OwnerAccountId": self.account, "ConnectionStatus": self.status,
        }  # fmt: skip
        return {**found, "HostArn": self.host} if self.host else found


class CodeConnectionsService:
    """Connections are kept by ARN, repositories by ``owner/name``."""

    name = "codeconnections"

    def __init__(self, world: World) -> None:
        self.world = world
        self.connections: dict[str, Connection] = {}
        self.repositories: dict[str, History] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self.operations: Mapping[str, Operation] = {
            "CreateConnection": self.create,
            "GetConnection": self.get,
            "DeleteConnection": self.delete,
            "ListConnections": self.list,
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "ListTagsForResource": self.list_tags,
        }

    # What a test does.

    def handshake(self, connection: str) -> None:
        """Complete the handshake of a connection (its ARN): it is available now."""
        found = self.connections.get(connection)
        if found is None:
            raise UsageError(f"there is no connection {connection}")
        self.connections[connection] = replace(found, status="AVAILABLE")
        self.world.journal.record("test", "codeconnections.Handshake", found.name)

    def push(
        self,
        repository: str,
        files: Source,
        *,
        branch: str = "main",
        message: str = "a commit",
        reference: str = "",
    ) -> str:
        """Push to a repository elsewhere (``owner/name``); answers the commit's id.

        ``files`` are a folder or a mapping; with ``reference`` a reference of the real git repository there.
        """
        history = self.repositories.get(repository, History())
        now = self.world.clock.ms
        text = "" if reference and message == "a commit" else message
        commit = made(files, history, branch, text, "stackproof", now, reference)
        self.repositories[repository] = history.grown(commit, branch)
        detail = {"branch": branch, "commit": commit.id, "files": len(commit.tree)}
        self.world.journal.record("test", "codeconnections.Push", repository, detail)
        before = history.find(branch)
        changed = _changed(before, commit)
        self.world.service("codepipeline").pushed(repository, branch, commit.id, changed)
        return commit.id

    def push_git(
        self, repository: str, folder: Path | str, reference: str = "HEAD", *, branch: str = "main"
    ) -> str:
        """``push`` of a reference of a real git repository."""
        return self.push(repository, str(folder), branch=branch, reference=reference)

    def resolve(self, repository: str, reference: str) -> Commit:
        """The commit of a branch or an id. Raises ``ServiceError``."""
        commit = self.repositories.get(repository, History()).find(reference or "main")
        if commit is None:
            raise ServiceError(
                "InvalidInputException", f"Repository {repository} has no reference {reference}"
            )
        return commit

    # The API.

    def connection(self, arn: str) -> Connection:
        """A connection; raises ResourceNotFoundException."""
        found = self.connections.get(arn)
        if found is None:
            raise ServiceError("ResourceNotFoundException", f"Connection {arn} is not found")
        return found

    def create(self, params: Params, caller: Caller) -> Response:
        """A connection; its handshake is still to come."""
        unique = self.world.ids.uuid()
        arn = arns.arn("codeconnections", caller.region, caller.account, f"connection/{unique}")
        self.connections[arn] = Connection(
            params["ConnectionName"], arn, caller.account, params.get("ProviderType") or "",
            host=params.get("HostArn") or "",
        )  # fmt: skip
        self._tags[arn] = {tag["Key"]: tag["Value"] for tag in params.get("Tags") or ()}
        return {"ConnectionArn": arn, "Tags": _listed(self._tags[arn])}

    def get(self, params: Params, caller: Caller) -> Response:
        """One connection."""
        return {"Connection": self.connection(params["ConnectionArn"]).shown()}

    def delete(self, params: Params, caller: Caller) -> Response:
        """A connection goes."""
        found = self.connection(params["ConnectionArn"])
        del self.connections[found.arn]
        self._tags.pop(found.arn, None)
        return {}

    def list(self, params: Params, caller: Caller) -> Response:
        """Those of the account and region."""
        mine = arns.arn("codeconnections", caller.region, caller.account, "connection/")
        return {"Connections": [one.shown() for arn, one in self.connections.items() if arn.startswith(mine)]}

    def tag(self, params: Params, caller: Caller) -> Response:
        """Add or change tags."""
        found = self._tags.setdefault(params["ResourceArn"], {})
        found.update({tag["Key"]: tag["Value"] for tag in params["Tags"]})
        return {}

    def untag(self, params: Params, caller: Caller) -> Response:
        """Take tags away."""
        for key in params["TagKeys"]:
            self._tags.get(params["ResourceArn"], {}).pop(key, None)
        return {}

    def list_tags(self, params: Params, caller: Caller) -> Response:
        """The tags of a connection."""
        return {"Tags": _listed(self._tags.get(params["ResourceArn"], {}))}

    # Snapshots.

    def snapshot(self) -> Any:
        """Everything is frozen but the tags."""
        tags = {arn: dict(found) for arn, found in self._tags.items()}
        return dict(self.connections), dict(self.repositories), tags

    def restore(self, state: Any) -> None:
        """Back to a snapshot, in place."""
        connections, repositories, tags = state
        self.connections, self.repositories = dict(connections), dict(repositories)
        self._tags = {arn: dict(found) for arn, found in tags.items()}


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _changed(before: Commit | None, now: Commit) -> tuple[str, ...]:
    """The paths that a commit adds, changes or takes away."""
    old = before.tree if before is not None else {}
    return tuple(path for path in sorted({*old, *now.tree}) if old.get(path) != now.tree.get(path))

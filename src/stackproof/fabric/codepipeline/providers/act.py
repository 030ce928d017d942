"""An action at work: who it is, what it reads and writes in the artifact store."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns, outlets
from stackproof.fabric.codepipeline.model import Action, Artifact, Execution, Outcome, Pipeline, Run
from stackproof.fabric.codepipeline.variables import resolved
from stackproof.fabric.service import Caller, ServiceError
from stackproof.fabric.trees import Tree, unzipped, zipped

if TYPE_CHECKING:
    from stackproof.fabric.codepipeline.service import CodePipelineService

PRINCIPAL = "codepipeline.amazonaws.com"


class Act:
    """One run of one action. ``identity`` is the session of the action's role, else the pipeline's."""

    def __init__(
        self, service: CodePipelineService, pipeline: Pipeline, execution: Execution, action: Action, run: Run
    ) -> None:
        self.service = service
        self.world = service.world
        self.pipeline = pipeline
        self.execution = execution
        self.action = action
        self.run = run

    @cached_property
    def configuration(self) -> dict[str, str]:
        """The configuration with its variables filled in. Raises ``Unresolved``."""
        return resolved(self.action.configuration, self.execution)

    @cached_property
    def identity(self) -> Caller:
        """Who calls AWS."""
        role = str(self.action.given.get("roleArn") or self.pipeline.role)
        caller = outlets.session(self.world, role, self.pipeline.arn, PRINCIPAL)
        return caller.to(str(self.action.given.get("region") or self.pipeline.region))

    def call(self, service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """One API call. Raises ``ServiceError``."""
        return self.world.call(service, operation, params, self.identity)

    def keep(self, **changes: Any) -> None:
        """Change the run as it is kept."""
        self.run = replace(self.run, **changes)
        engine = self.service.engine
        engine.put(engine.executions[self.execution.id].with_run(self.run))

    def finish(self, outcome: Outcome) -> None:
        """Tell the end of an action later."""
        self.service.engine.finish(self.execution.id, self.run.id, outcome)

    # Artifacts.

    @property
    def current(self) -> Execution:
        """The execution as it is now."""
        return self.service.engine.executions[self.execution.id]

    def artifact(self, name: str) -> Artifact:
        """An artifact that an earlier action wrote. Raises ``ServiceError``."""
        found = self.current.artifacts.get(name)
        if found is None:
            raise ServiceError("InvalidActionDeclaration", f"there is no artifact {name}")
        return found

    def place(self, name: str, revision: str = "") -> Artifact:
        """A new place in the store for an output artifact."""
        unique = self.world.ids.hex(7)
        key = f"{self.pipeline.name[:20]}/{name[:10]}/{unique}"
        made = Artifact(name, str(self.pipeline.store.get("location")), key, revision)
        execution = self.current
        engine = self.service.engine
        engine.put(replace(execution, artifacts={**execution.artifacts, name: made}))
        return made

    @property
    def key(self) -> str:
        """The key of the artifact store, "" for S3's own."""
        return str((self.pipeline.store.get("encryptionKey") or {}).get("id") or "")

    def write(self, name: str, tree: Tree, revision: str = "", *, modes: bool = True) -> Artifact:
        """Put a zip into the store."""
        made = self.place(name, revision)
        self.put(made.bucket, made.key, zipped(tree, modes=modes), self.key)
        return made

    def put(self, bucket: str, key: str, data: bytes, master: str = "") -> None:
        """Put an object; with ``master`` encrypted by this key."""
        params: dict[str, Any] = {"Bucket": bucket, "Key": key, "Body": data}
        if master:
            params |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": master}
        self.call("s3", "PutObject", params)

    def data(self, name: str) -> bytes:
        """The zip of an input artifact. Raises ``ServiceError``."""
        found = self.artifact(name)
        body = self.call("s3", "GetObject", {"Bucket": found.bucket, "Key": found.key})["Body"]
        return body if isinstance(body, bytes) else bytes(body.read())

    def read(self, name: str) -> Tree:
        """The files of an input artifact. Raises ``ServiceError``."""
        return unzipped(self.data(name))

    def same_place(self, arn: str) -> bool:
        """Whether an ARN is of the pipeline's account."""
        parsed = arns.parse(arn)
        return parsed is None or not parsed.account or parsed.account == self.pipeline.account

"""What a build leaves in S3: its artifacts, where CodePipeline or the project wants them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stackproof.errors import CapabilityMissing
from stackproof.fabric.codebuild import artifacts
from stackproof.fabric.codebuild.buildspec import Artifacts, Spec
from stackproof.fabric.codebuild.model import Build, Order, Project
from stackproof.fabric.codebuild.variables import Ask
from stackproof.fabric.trees import Tree, zipped


class Uploads:
    """Puts as the project's role, encrypted by the artifact store's or the project's key."""

    def __init__(self, ask: Ask, project: Project, order: Order, build: Build) -> None:
        self._ask = ask
        self._project = project
        self._order = order
        self._build = build

    def put(self, spec: Spec, root: Path, said: Callable[[str], None]) -> None:
        """Every artifact; ``said`` gets the ARN of the primary one. Raises ``NoFiles``, ``ServiceError``."""
        if self._order.bucket:
            self._for_pipeline(spec, root, said)
            return
        given = dict(self._project.given.get("artifacts") or {})
        given = dict(self._order.overrides.get("artifactsOverride") or given)
        if spec.artifacts is not None and given.get("type") == "S3":
            said(self._to_project(spec.artifacts, root, given))
        for one in self._project.given.get("secondaryArtifacts") or ():
            wanted = spec.secondary.get(one.get("artifactIdentifier", ""))
            if wanted is not None and one.get("type") == "S3":
                self._to_project(wanted, root, one)

    def _for_pipeline(self, spec: Spec, root: Path, said: Callable[[str], None]) -> None:
        outputs = self._order.outputs
        if len(outputs) == 1 and spec.artifacts is not None:
            ((_, key),) = outputs.items()
            self._object(self._order.bucket, key, zipped(artifacts.selected(spec.artifacts, root)))
            said(f"arn:aws:s3:::{self._order.bucket}/{key}")
            return
        for name, key in outputs.items():
            if name in spec.secondary:
                self._object(self._order.bucket, key, zipped(artifacts.selected(spec.secondary[name], root)))

    def _to_project(self, wanted: Artifacts, root: Path, given: Mapping[str, Any]) -> str:
        tree = artifacts.selected(wanted, root)
        bucket = str(given.get("location", "")).removeprefix("arn:aws:s3:::")
        parts = [str(given.get("path") or "").strip("/")]
        if given.get("namespaceType") == "BUILD_ID":
            parts.append(self._build.id.partition(":")[2])
        own = wanted.name if given.get("overrideArtifactName") else ""
        if "$" in own:
            raise CapabilityMissing("not emulated: a shell expression as the name of an artifact")
        name = own or str(given.get("name") or self._project.name)
        if given.get("packaging") == "ZIP":
            key = "/".join(part for part in (*parts, name) if part)
            self._object(bucket, key, zipped(tree))
            return f"arn:aws:s3:::{bucket}/{key}"
        base = "/".join(part for part in (*parts, "" if name == "/" else name) if part)
        self._objects(bucket, base, tree)
        return f"arn:aws:s3:::{bucket}/{base}"

    def _objects(self, bucket: str, base: str, tree: Tree) -> None:
        for path, blob in tree.items():
            self._object(bucket, f"{base}/{path}".lstrip("/"), blob.content)

    def _object(self, bucket: str, key: str, data: bytes) -> None:
        params: dict[str, Any] = {"Bucket": bucket, "Key": key, "Body": data}
        master = self._order.key or self._project.given.get("encryptionKey")
        if master:
            params |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": master}
        self._ask("s3", "PutObject", params)

"""What CodePipeline's CloudFormation actions do: stacks from the files of an artifact, by this deployer.

The files of an artifact are laid down once by their content, below a folder that goes with the world, so
that a stack's template, its nested templates and its code are where an action found them.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackproof.errors import DeploymentFailed, UsageError
from stackproof.fabric.codepipeline.stacks import Wanted
from stackproof.fabric.service import ServiceError
from stackproof.fabric.trees import digest, write
from stackproof.template import parameter_files
from stackproof.template.model import Configuration, Document

if TYPE_CHECKING:
    from stackproof.deploy.deployer import Deployer

_IAM = "AWS::IAM::"
_NAMES = ("RoleName", "UserName", "GroupName", "ManagedPolicyName", "InstanceProfileName")
_IAM_TYPES = frozenset(
    f"{_IAM}{kind}"
    for kind in (
        "AccessKey", "Group", "InstanceProfile", "ManagedPolicy", "Policy", "Role", "User",
        "UserToGroupAddition",
    )
)  # fmt: skip
"""Source: CloudFormation user guide, "Acknowledging IAM resources in CloudFormation templates"."""


class Promotion:
    """Implements ``fabric.codepipeline.stacks.Stacks``."""

    def __init__(self, deployer: Deployer) -> None:
        self._deployer = deployer
        self._room: Path | None = None

    def close(self) -> None:
        """The files of artifacts go with their world."""
        if self._room is not None:
            shutil.rmtree(self._room, ignore_errors=True)
            self._room = None

    def deploy(self, name: str, wanted: Wanted) -> dict[str, str]:
        """Create or update; answers the outputs as text. Raises ``ServiceError``."""
        document, configuration = self._read(wanted)
        _acknowledged(document, wanted.capabilities)
        try:
            stack = self._deployer.promote(name, document, configuration, dict(wanted.parameters))
        except (DeploymentFailed, UsageError) as error:
            raise ServiceError("JobFailed", str(error)) from error
        return {key: str(value) for key, value in stack.outputs.items()}

    def preview(self, name: str, wanted: Wanted) -> str:
        """What a change set would say, in a line. Raises ``ServiceError``."""
        document, configuration = self._read(wanted)
        _acknowledged(document, wanted.capabilities)
        try:
            changes = self._deployer.foresee(name, document, configuration, dict(wanted.parameters))
        except (DeploymentFailed, UsageError) as error:
            raise ServiceError("JobFailed", str(error)) from error
        if changes is None:
            return f"Change set of the new stack {name} was created."
        return f"Change set of {name} was created with {len(changes)} changes."

    def delete(self, name: str) -> None:
        """Delete; a stack that is not there is no error. Raises ``ServiceError``."""
        stack = self._deployer.stacks.get(name)
        if stack is None:
            return
        try:
            stack.delete()
        except DeploymentFailed as error:
            raise ServiceError("JobFailed", str(error)) from error

    def _laid_down(self, name: str, wanted: Wanted) -> Path:
        if self._room is None:
            self._room = Path(tempfile.mkdtemp(prefix="stackproof-artifacts-")).resolve()
        folder = self._room / name
        if not folder.is_dir():
            folder.mkdir()
            write(wanted.tree, folder)
        return folder

    def _read(self, wanted: Wanted) -> tuple[Document, Configuration]:
        folder = self._laid_down(digest(wanted.tree), wanted)
        try:
            document = self._deployer.library.document(folder / wanted.path)
        except DeploymentFailed as error:
            raise ServiceError("ValidationError", str(error)) from error
        if not wanted.settings:
            return document, Configuration("")
        path = folder.parent / f"{digest({}, wanted.settings.decode(errors='replace'))}.json"
        path.write_bytes(wanted.settings)
        most = self._deployer.library.config.max_file_size
        settings = parameter_files.read(path, wanted.settings_path, most)
        if settings.broken:
            told = "; ".join(finding.message for finding in settings.findings)
            raise ServiceError("InvalidTemplateConfiguration", f"{wanted.settings_path}: {told}")
        tags = {str(key): str(value) for key, value in settings.tags.items()}
        environment = tags.get("Environment", "")
        return document, Configuration(
            "",
            environment=environment,
            parameters=settings.parameters,
            tags=tags,
            stack_policy=settings.stack_policy,
        )


def _acknowledged(document: Document, capabilities: frozenset[str]) -> None:
    """Raise InsufficientCapabilitiesException for what the action does not acknowledge."""
    found: dict[str, Any] = document.tree.get("Resources") or {}
    needed: set[str] = set()
    for one in found.values():
        if str(one.get("Type")) in _IAM_TYPES:
            named = any(name in (one.get("Properties") or {}) for name in _NAMES)
            needed.add("CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM")
    if document.tree.get("Transform"):
        needed.add("CAPABILITY_AUTO_EXPAND")
    if "CAPABILITY_NAMED_IAM" in capabilities:
        needed.discard("CAPABILITY_IAM")
    missing = sorted(needed - capabilities)
    if missing:
        raise ServiceError(
            "InsufficientCapabilitiesException", f"Requires capabilities : [{', '.join(missing)}]"
        )

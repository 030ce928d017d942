"""What CodePipeline asks of the deploy room, which is below this one and registers itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from stackproof.fabric.trees import Tree


@dataclass(frozen=True, slots=True)
class Wanted:
    """A stack as an action wants it.

    ``path`` is the template's in ``tree``, ``settings`` the content of the template configuration (its path
    in ``settings_path``), ``capabilities`` what the action acknowledges.
    """

    tree: Tree
    path: str
    settings: bytes
    settings_path: str
    parameters: Mapping[str, str]
    capabilities: frozenset[str]


class Stacks(Protocol):
    """Deploys stacks by name. Each raises ``ServiceError`` when CloudFormation refuses or rolls back."""

    def deploy(self, name: str, wanted: Wanted) -> dict[str, str]:
        """Create or update; answers the outputs."""
        ...

    def preview(self, name: str, wanted: Wanted) -> str:
        """What a change set would say, in a line."""
        ...

    def close(self) -> None:
        """Let go of what it holds of the machine."""
        ...

    def delete(self, name: str) -> None:
        """Delete; a stack that is not there is no error."""
        ...

"""The ``stack`` fixture: deploys templates into the world of a test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stackproof.deploy.stack import Stack, Template
    from stackproof.plugin.world import Fabric


class Factory:
    """Deploys; ``folder`` is the test file's, where relative paths are looked up first."""

    def __init__(self, fabric: Fabric, folder: Path, require: str) -> None:
        self._fabric = fabric
        self._folder = folder
        self._require = require

    def __call__(
        self,
        template: Template,
        *,
        config: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        name: str = "",
        tags: Mapping[str, str] | None = None,
        require: str | None = None,
    ) -> Stack:
        """Deploy a folder, a template file, a template as text or as a mapping. See ``Deployer.deploy``.

        ``require`` is the level that every resource must reach (``emulated`` or ``partial``, "" for none).
        """
        __tracebackhide__ = True
        level = self._require if require is None else require
        made = self._fabric.deployer.deploy(
            self._placed(template), config=config, parameters=parameters, name=name, tags=tags, require=level
        )
        self._fabric.note(made)
        return made

    def _placed(self, template: Template) -> Template:
        if isinstance(template, str) and "\n" in template:
            return template
        if isinstance(template, str | Path) and (self._folder / template).exists():
            return self._folder / template
        return template

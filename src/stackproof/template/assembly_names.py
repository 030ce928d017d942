"""Hold the asset names that an assembly's templates use against its asset manifests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from stackproof.model import DocPath, Finding
from stackproof.template.discover import display_name
from stackproof.template.load import load_bytes
from stackproof.template.load_rules import finding
from stackproof.template.model import Document

_KEY = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}\.[A-Za-z0-9]+")


class _Asset(Protocol):
    @property
    def path(self) -> str: ...
    @property
    def keys(self) -> tuple[str, ...]: ...
    @property
    def buckets(self) -> tuple[str, ...]: ...


def check_names(
    findings: list[Finding], root: Path, templates: Sequence[Path], assets: Sequence[_Asset], *, listed: bool
) -> None:
    """Every asset key, source path and bucket that a template names must be one that a manifest lists.

    ``listed``: there are asset manifests, so that one which lists nothing is wrong. Without any (the legacy
    synthesizer) keys are parameters.
    """
    keys = {key.rsplit("/", 1)[-1] for asset in assets for key in asset.keys}
    for path in templates:
        try:
            data = path.read_bytes()
        except OSError:
            continue
        document = load_bytes(display_name(root, path), path, data).document
        if document is None:
            continue  # the template's own findings say why
        if keys or listed:
            findings.extend(_unknown_keys(document, keys))
        findings.extend(_resources(document, assets, listed=listed))


def _unknown_keys(document: Document, keys: set[str]) -> Iterator[Finding]:
    for path, text in _texts(document.tree, ()):
        for key in _KEY.findall(text):
            if key not in keys:
                message = f"the template names asset {key}, which no asset manifest publishes"
                yield finding("SP-ASSEMBLY-KEY", message, document.locate(path), path=path)


def _texts(node: Any, path: DocPath) -> Iterator[tuple[DocPath, str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _texts(value, (*path, str(key)))
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from _texts(item, (*path, index))
    elif isinstance(node, str) and len(node) >= 64:
        yield path, node


def _resources(document: Document, assets: Sequence[_Asset], *, listed: bool) -> Iterator[Finding]:
    by_path = {asset.path: asset for asset in assets if asset.path}
    for logical_id, resource in document.tree.get("Resources", {}).items():
        metadata = resource.get("Metadata") if isinstance(resource, dict) else None
        written = metadata.get("aws:asset:path") if isinstance(metadata, dict) else None
        if not isinstance(written, str) or not (by_path or listed):
            continue
        asset = by_path.get(written)
        if asset is None:
            path: DocPath = ("Resources", logical_id, "Metadata", "aws:asset:path")
            message = f"{logical_id} is made from {written}, which no asset manifest lists"
            yield finding("SP-ASSEMBLY-KEY", message, document.locate(path), path=path)
        else:
            yield from _destination(document, logical_id, resource, asset)


def _destination(document: Document, logical_id: str, resource: Any, asset: _Asset) -> Iterator[Finding]:
    place = str(resource["Metadata"].get("aws:asset:property", "Code"))
    properties = resource.get("Properties")
    code = properties.get(place) if isinstance(properties, dict) else None
    if not isinstance(code, dict):
        return
    for name, allowed in (("S3Key", asset.keys), ("S3Bucket", asset.buckets)):
        value = code.get(name)
        value = value.get("Fn::Sub", value) if isinstance(value, dict) and len(value) == 1 else value
        known = [item for item in allowed if item]
        if isinstance(value, str) and known and value not in known:
            path: DocPath = ("Resources", logical_id, "Properties", place, name)
            message = f"{logical_id} takes {asset.path} from {value}, it is published to {', '.join(known)}"
            yield finding("SP-ASSEMBLY-KEY", message, document.locate(path), path=path)

"""Read the manifests of a CDK cloud assembly: which templates it holds, without judging it.

The format is that of the cloud assembly schema: ``manifest.json`` with ``version`` and ``artifacts``,
one ``<Stack>.assets.json`` a stack, nested assemblies in folders of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stackproof.template.sniff import looks_like_template

MANIFEST = "manifest.json"
STACK = "aws:cloudformation:stack"
ASSETS = "cdk:asset-manifest"
NESTED = "cdk:cloud-assembly"
_MAX_DEPTH = 8


def is_assembly(names: set[str], folder: Path) -> bool:
    """Whether a folder with these entries is a cloud assembly, even one whose manifest is gone or broken."""
    if "cdk.out" in names and (folder / "cdk.out").is_file():
        return True
    if MANIFEST not in names:
        return False
    if any(name.endswith((".assets.json", ".template.json")) for name in names):
        return True
    manifest = read_json(folder / MANIFEST)
    return (
        isinstance(manifest, dict) and isinstance(manifest.get("artifacts"), dict) and "version" in manifest
    )


def read_json(path: Path) -> Any:
    """The decoded file, or None when it cannot be read or is no JSON."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def artifacts(manifest: Any, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The artifacts of one type as (id, properties); malformed ones are left out."""
    listed = manifest.get("artifacts") if isinstance(manifest, dict) else None
    for name, artifact in (listed if isinstance(listed, dict) else {}).items():
        if isinstance(artifact, dict) and artifact.get("type") == kind:
            properties = artifact.get("properties")
            yield name, properties if isinstance(properties, dict) else {}


def file_assets(manifest: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The file assets of an asset manifest as (id, entry)."""
    files = manifest.get("files") if isinstance(manifest, dict) else None
    for name, entry in (files if isinstance(files, dict) else {}).items():
        if isinstance(entry, dict):
            yield name, entry


def source_path(entry: Mapping[str, Any]) -> str:
    """The relative path of an asset's source, "" when there is none (an executable makes it)."""
    source = entry.get("source")
    path = source.get("path") if isinstance(source, dict) else None
    return path if isinstance(path, str) else ""


def inside(folder: Path, relative: str) -> Path | None:
    """``folder / relative`` when it is safe to open: within the folder or a sibling of it."""
    if not relative or "\0" in relative:
        return None
    return folder / relative


def template_files(folder: Path, depth: int = 0) -> list[Path] | None:
    """Every template of the assembly and of those nested in it; None when the manifest is not usable."""
    manifest = read_json(folder / MANIFEST)
    if not isinstance(manifest, dict) or not isinstance(manifest.get("artifacts"), dict):
        return None
    found: dict[Path, None] = {}
    for _, properties in artifacts(manifest, STACK):
        path = inside(folder, str(properties.get("templateFile") or ""))
        if path is not None and path.is_file():
            found[path] = None
    for _, properties in artifacts(manifest, ASSETS):
        asset_file = inside(folder, str(properties.get("file") or ""))
        for _, entry in file_assets(read_json(asset_file) if asset_file else None):
            path = inside(folder, source_path(entry))
            if path is not None and path not in found and is_template_file(path):
                found[path] = None
    for _, properties in artifacts(manifest, NESTED):
        nested = inside(folder, str(properties.get("directoryName") or ""))
        if nested is not None and depth < _MAX_DEPTH:
            found.update(dict.fromkeys(template_files(nested, depth + 1) or ()))
    return list(found)


def is_template_file(path: Path) -> bool:
    """Whether an asset's source is one file that reads like a template (a nested stack)."""
    if path.suffix.lower() not in {".json", ".yaml", ".yml", ".template"}:
        return False
    try:
        return path.is_file() and looks_like_template(path.read_bytes())
    except OSError:
        return False

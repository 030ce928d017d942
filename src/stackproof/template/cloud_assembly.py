"""Read the manifests of a CDK cloud assembly: which templates it holds, without judging it.

The format is that of the cloud assembly schema: ``manifest.json`` with ``version`` and ``artifacts``,
one ``<Stack>.assets.json`` a stack, nested assemblies in folders of their own.
"""

from __future__ import annotations

import json
import os
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


def home_of(folder: Path, root: Path) -> Path:
    """Where the assembly in ``folder`` may name files: the project, or itself when it lies outside of it."""
    root, folder = root.resolve(), folder.resolve()
    return root if folder.is_relative_to(root) else folder


def inside(folder: Path, relative: str, home: Path) -> Path | None:
    """``folder / relative`` when that lies in ``home``, links followed; what is not there lies there too.

    What may be read must not be for a manifest to say: a report shows lines of what was read.
    """
    if not relative:
        return None
    try:
        path = folder / relative
        real = path.resolve()
        if not real.is_relative_to(home):
            return None
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, RuntimeError, ValueError):  # a name too long, links in a circle, NUL, no permission
        return None
    shorter = Path(os.path.normpath(path))
    return shorter if shorter.resolve() == real else path


def template_files(folder: Path, root: Path) -> list[Path] | None:
    """Every template of the assembly and of those nested in it; None when the manifest is not usable.

    Files that lie in neither the project ``root`` nor the assembly are left out.
    """
    return _template_files(folder, home_of(folder, root), 0)


def _template_files(folder: Path, home: Path, depth: int) -> list[Path] | None:
    own = inside(folder, MANIFEST, home)
    manifest = read_json(own) if own else None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("artifacts"), dict):
        return None
    found: dict[Path, None] = {}
    for _, properties in artifacts(manifest, STACK):
        path = inside(folder, str(properties.get("templateFile") or ""), home)
        if path is not None and path.is_file():
            found[path] = None
    for _, properties in artifacts(manifest, ASSETS):
        asset_file = inside(folder, str(properties.get("file") or ""), home)
        for _, entry in file_assets(read_json(asset_file) if asset_file else None):
            path = inside(folder, source_path(entry), home)
            if path is not None and path not in found and is_template_file(path):
                found[path] = None
    for _, properties in artifacts(manifest, NESTED):
        nested = inside(folder, str(properties.get("directoryName") or ""), home)
        if nested is not None and depth < _MAX_DEPTH:
            found.update(dict.fromkeys(_template_files(nested, home, depth + 1) or ()))
    return list(found)


def is_template_file(path: Path) -> bool:
    """Whether an asset's source is one file that reads like a template (a nested stack)."""
    if path.suffix.lower() not in {".json", ".yaml", ".yml", ".template"}:
        return False
    try:
        return path.is_file() and looks_like_template(path.read_bytes(), typed=False)
    except OSError:
        return False

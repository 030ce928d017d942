"""Check a CDK cloud assembly: everything its manifests promise is there, and agrees.

Sources: the cloud assembly schema (``manifest.json``, asset manifests) and what the synthesizer does. A stack
template's asset id is the sha256 of the file; a nested stack's that of its compact JSON. Other assets are
fingerprinted over their *source*, which an assembly does not hold: those hashes are not recomputed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stackproof.model import DocPath, Finding, Location, Outcome
from stackproof.template import cloud_assembly
from stackproof.template.assembly_names import check_names
from stackproof.template.cloud_assembly import ASSETS, MANIFEST, NESTED, STACK
from stackproof.template.discover import TemplateFile, display_name
from stackproof.template.load import decode_text
from stackproof.template.load_rules import finding
from stackproof.template.marks import Marks

_HASH = re.compile(r"[0-9a-f]{64}")
_MAX_DEPTH = 8

KNOWN_SCHEMA = 55
"""The newest major version that these checks were held against: @aws-cdk/cloud-assembly-schema 55.6."""


@dataclass(frozen=True, slots=True)
class AssemblyResult:
    """The templates of an assembly and what is wrong with it."""

    templates: tuple[TemplateFile, ...]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Asset:
    """One file or image asset: its ``id``, ``path`` of the source, and the keys it is published under."""

    id: str
    path: str
    keys: tuple[str, ...]
    buckets: tuple[str, ...]
    location: Location


@dataclass(slots=True)
class _Check:
    root: Path
    home: Path
    findings: list[Finding] = field(default_factory=list)
    visited: set[Path] = field(default_factory=set)

    def add(self, rule: str, message: str, location: Location, path: DocPath = ()) -> None:
        self.findings.append(finding(rule, message, location, path=path))

    def within(self, folder: Path, written: str, location: Location, path: DocPath = ()) -> Path | None:
        """The file that a manifest names; None, with a finding, when it may not be read."""
        found = cloud_assembly.inside(folder, written, self.home)
        if found is None:
            message = f"{written!r} leads out of the project or cannot be opened, it is not read"
            self.add("SP-ASSEMBLY-OUTSIDE", message, location, path)
        return found


def check_assembly(folder: Path, root: Path) -> AssemblyResult:
    """Check the assembly in ``folder`` and those nested in it. Names are relative to ``root``."""
    check = _Check(root, cloud_assembly.home_of(folder, root))
    _assembly(check, folder, 0)
    name = display_name(root, folder)
    templates = cloud_assembly.template_files(folder, root) or []
    files = [TemplateFile(display_name(root, path), path, assembly=name) for path in templates]
    return AssemblyResult(tuple(files), tuple(check.findings))


def _assembly(check: _Check, folder: Path, depth: int) -> None:
    path = folder / MANIFEST
    if check.within(folder, MANIFEST, Location(display_name(check.root, path))) is None:
        return
    manifest, locate = _read(check, path)
    if manifest is None or folder.resolve() in check.visited or depth > _MAX_DEPTH:
        return
    check.visited.add(folder.resolve())
    _version(check, path.name, manifest, locate)
    if not isinstance(manifest.get("artifacts"), dict):
        check.add("SP-ASSEMBLY-MANIFEST", "the manifest has no artifacts", locate(()))
        return
    assets = list(_assets(check, folder, manifest, locate))
    listed = _listed(check, folder, manifest)
    templates = list(_stacks(check, folder, manifest, locate, assets, listed=listed))
    for asset in assets:
        source = cloud_assembly.inside(folder, asset.path, check.home)
        if source is not None and source not in templates and cloud_assembly.is_template_file(source):
            templates.append(source)
            # Any other template is an asset of the user's: its fingerprint is not of the bytes alone.
            if asset.path.endswith(".template.json"):
                _hash(check, asset, source, compact=True)
    check_names(check.findings, check.root, templates, assets, listed=listed)
    for name, properties in cloud_assembly.artifacts(manifest, NESTED):
        written = str(properties.get("directoryName") or name)
        where: DocPath = ("artifacts", name, "properties", "directoryName")
        nested = check.within(folder, written, locate(where), where)
        if nested is not None:
            _assembly(check, nested, depth + 1)


def _version(check: _Check, name: str, manifest: Mapping[str, Any], locate: Marks) -> None:
    """A manifest says which schema it follows; of a later one nobody knows what else it promises."""
    written = manifest.get("version")
    number = re.match(r"\d+", written) if isinstance(written, str) else None
    path: DocPath = ("version",)
    if number is None:
        message = f"{name} has no schema version" if written is None else f"{written!r} is no schema version"
        check.add("SP-ASSEMBLY-MANIFEST", message, locate(path), path)
    elif int(number[0]) > KNOWN_SCHEMA:
        message = f"{name} follows schema {written}, known is {KNOWN_SCHEMA}: what is new was not checked"
        outcome = Outcome.UNDECIDED
        found = finding("SP-ASSEMBLY-VERSION", message, locate(path), path=path, outcome=outcome)
        check.findings.append(found)


def _read(check: _Check, path: Path) -> tuple[dict[str, Any] | None, Marks]:
    """A manifest with its marks; None, with a finding, when it is missing or broken."""
    file = display_name(check.root, path)
    nothing = Marks(file, {})
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        check.add("SP-ASSEMBLY-MANIFEST", f"{path.name} cannot be read: {reason}", Location(file))
        return None, nothing
    tree, findings = decode_text(file, text)
    for found in findings:
        check.add("SP-ASSEMBLY-MANIFEST", f"{path.name} is broken: {found.message}", found.location)
    if not isinstance(tree, dict):
        if not findings:
            check.add("SP-ASSEMBLY-MANIFEST", f"{path.name} is not a mapping", Location(file))
        return None, nothing
    return tree, Marks(file, tree)


def _stacks(
    check: _Check,
    folder: Path,
    manifest: Mapping[str, Any],
    locate: Marks,
    assets: list[Asset],
    *,
    listed: bool,
) -> Iterator[Path]:
    for name, properties in cloud_assembly.artifacts(manifest, STACK):
        written = str(properties.get("templateFile") or "")
        path: DocPath = ("artifacts", name, "properties", "templateFile")
        template = check.within(folder, written, locate(path), path) if written else None
        if written and template is None:
            continue
        if template is None or not template.is_file():
            message = f"the template of stack {name} is missing: {written or 'no templateFile'}"
            check.add("SP-ASSEMBLY-TEMPLATE", message, locate(path), path)
            continue
        yield template
        own = [asset for asset in assets if asset.path == written]
        for asset in own:
            _hash(check, asset, template, compact=False)
        url = str(properties.get("stackTemplateAssetObjectUrl") or "")
        keys = [key for asset in own for key in asset.keys]
        if url and not own and listed:
            path = ("artifacts", name, "properties", "stackTemplateAssetObjectUrl")
            message = f"stack {name} is deployed from {url}, no asset manifest lists its template {written}"
            check.add("SP-ASSEMBLY-KEY", message, locate(path), path)
        elif url and keys and not any(url.endswith("/" + key) for key in keys):
            path = ("artifacts", name, "properties", "stackTemplateAssetObjectUrl")
            message = f"stack {name} is deployed from {url}, its template is published as {', '.join(keys)}"
            check.add("SP-ASSEMBLY-KEY", message, locate(path), path)


def _assets(check: _Check, folder: Path, manifest: Mapping[str, Any], locate: Marks) -> Iterator[Asset]:
    for name, properties in cloud_assembly.artifacts(manifest, ASSETS):
        written = str(properties.get("file") or "")
        path: DocPath = ("artifacts", name, "properties", "file")
        source = check.within(folder, written, locate(path), path) if written else None
        if written and source is None:
            continue
        if source is None or not source.is_file():
            message = f"the asset manifest {written or name} is missing"
            check.add("SP-ASSEMBLY-MANIFEST", message, locate(path), path)
            continue
        listed, marks = _read(check, source)
        if listed is not None:
            if "version" in listed:
                _version(check, written, listed, marks)
            for kind in ("files", "dockerImages"):
                yield from _entries(check, folder, kind, listed, marks)
    yield from _legacy(check, folder, manifest, locate)


def _listed(check: _Check, folder: Path, manifest: Mapping[str, Any]) -> bool:
    """Whether there are asset manifests that can be read: what none of them lists is not published."""
    named = [
        cloud_assembly.inside(folder, str(properties.get("file") or ""), check.home)
        for _, properties in cloud_assembly.artifacts(manifest, ASSETS)
    ]
    read = [cloud_assembly.read_json(path) if path else None for path in named]
    return bool(read) and all(isinstance(one, dict) for one in read)


def _entries(
    check: _Check, folder: Path, kind: str, listed: Mapping[str, Any], marks: Marks
) -> Iterator[Asset]:
    entries = listed.get(kind, {})
    if not isinstance(entries, dict):
        check.add("SP-ASSEMBLY-MANIFEST", f"'{kind}' is no mapping of assets", marks((kind,)), (kind,))
        return
    for asset_id, entry in entries.items():
        path: DocPath = (kind, asset_id)
        if isinstance(entry, dict):
            yield _asset(check, folder, path, entry, marks)
        else:
            check.add("SP-ASSEMBLY-MANIFEST", f"asset {asset_id} is no mapping", marks(path), path)


def _asset(check: _Check, folder: Path, path: DocPath, entry: Mapping[str, Any], marks: Marks) -> Asset:
    kind, asset_id = str(path[0]), str(path[1])
    source = entry.get("source")
    source = source if isinstance(source, dict) else {}
    written = str(source.get("path" if kind == "files" else "directory") or "")
    destinations = entry.get("destinations")
    listed = destinations.values() if isinstance(destinations, dict) else ()
    targets = [item for item in listed if isinstance(item, dict)]
    keys = tuple(str(item.get("objectKey") or item.get("imageTag") or "") for item in targets)
    buckets = tuple(str(item.get("bucketName") or item.get("repositoryName") or "") for item in targets)
    asset = Asset(asset_id, written, keys, buckets, marks(path))
    _present(check, folder, asset, source)
    _agree(check, asset, source, kind)
    return asset


def _present(check: _Check, folder: Path, asset: Asset, source: Mapping[str, Any]) -> None:
    if not asset.path:
        if not source.get("executable"):
            check.add("SP-ASSEMBLY-ASSET", f"asset {asset.id} has no source path", asset.location)
        return
    path = check.within(folder, asset.path, asset.location)
    if path is None:
        return
    if not path.exists():
        check.add("SP-ASSEMBLY-ASSET", f"asset {asset.id} is missing: {asset.path}", asset.location)
    elif source.get("packaging") == "file" and not path.is_file():
        message = f"asset {asset.id} is packaged as a file, {asset.path} is a folder"
        check.add("SP-ASSEMBLY-ASSET", message, asset.location)


def _agree(check: _Check, asset: Asset, source: Mapping[str, Any], kind: str) -> None:
    """Id, path and destination hold the same hash; the key's ending fits the packaging."""
    in_path = _HASH.search(Path(asset.path).name)
    if in_path and _HASH.fullmatch(asset.id) and in_path[0] != asset.id:
        message = f"asset {asset.id} has the source {asset.path}, which carries another hash"
        check.add("SP-ASSEMBLY-KEY", message, asset.location)
    if not asset.keys:
        check.add("SP-ASSEMBLY-KEY", f"asset {asset.id} has no destination", asset.location)
    for key in asset.keys:
        in_key = _HASH.search(key)
        if in_key and _HASH.fullmatch(asset.id) and in_key[0] != asset.id:
            message = f"asset {asset.id} is published as {key}, which carries another hash"
            check.add("SP-ASSEMBLY-KEY", message, asset.location)
        elif kind == "files" and source.get("packaging") == "zip" and not key.endswith(".zip"):
            message = f"asset {asset.id} is packaged as zip and published as {key}"
            check.add("SP-ASSEMBLY-KEY", message, asset.location)


def _legacy(check: _Check, folder: Path, manifest: Mapping[str, Any], locate: Marks) -> Iterator[Asset]:
    """Assets of the legacy synthesizer: ``aws:cdk:asset`` entries in a stack's metadata."""
    listed = manifest.get("artifacts", {})
    for name, artifact in listed.items():
        metadata = artifact.get("metadata") if isinstance(artifact, dict) else None
        for scope, entries in (metadata if isinstance(metadata, dict) else {}).items():
            for index, entry in enumerate(entries if isinstance(entries, list) else ()):
                data = entry.get("data") if isinstance(entry, dict) else None
                if not isinstance(data, dict) or entry.get("type") != "aws:cdk:asset":
                    continue
                location = locate(("artifacts", name, "metadata", scope, index))
                asset = Asset(str(data.get("id", "")), str(data.get("path") or ""), (), (), location)
                _present(check, folder, asset, {})
                yield asset


def _hash(check: _Check, asset: Asset, template: Path, *, compact: bool) -> None:
    if not _HASH.fullmatch(asset.id):
        return
    data = template.read_bytes()
    digests = [hashlib.sha256(data).hexdigest()]
    if compact:
        tree = cloud_assembly.read_json(template)
        text = json.dumps(tree, separators=(",", ":"), ensure_ascii=False)
        digests.append(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest())
    if asset.id not in digests:
        message = f"{asset.path} was changed after synthesis: its sha256 is {digests[0]}, its id {asset.id}"
        check.add("SP-ASSEMBLY-HASH", message, asset.location)

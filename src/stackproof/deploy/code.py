"""Where the code of a function or layer comes from: inline, a local folder or file, an asset, S3."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stackproof.backends.packing import packed
from stackproof.deploy.handler import Job, Refused
from stackproof.template.sam import LOCAL_BUCKET

_INLINE_NAMES = {"nodejs": "index.js", "python": "index.py"}


def code_of(job: Job, kind: str, name: str, value: Any) -> dict[str, Any]:
    """The ``Code`` (or ``Content``) parameter for a template's value. Raises ``Refused``.

    ``kind`` is that of ``Backend.code``, ``name`` the key under which a folder is registered.
    """
    if isinstance(value, Mapping) and "ZipFile" in value:
        job.backend.code(kind, name, None)
        return {"ZipFile": _inline(job, str(value["ZipFile"]))}
    if isinstance(value, str) and value.startswith("s3://"):
        bucket, _, key = value.removeprefix("s3://").partition("/")
        value = {"S3Bucket": bucket, "S3Key": key}
    path = local_path(job, value)
    if path is None:
        job.backend.code(kind, name, None)
        return dict(value) if isinstance(value, Mapping) else {}
    if path.is_file():
        job.backend.code(kind, name, None)
        return {"ZipFile": path.read_bytes()}
    _say_unbuilt(job)
    return job.backend.code(kind, name, path)


def _say_unbuilt(job: Job) -> None:
    """``sam build`` would make something else of the folder; for Python it only adds what is required."""
    metadata = job.written.get("Metadata")
    method = metadata.get("BuildMethod") if isinstance(metadata, Mapping) else None
    if isinstance(method, str) and not method.startswith("python"):
        job.left_out("Metadata.BuildMethod", f"'{method}' is not run, the folder is taken as it lies")


def _inline(job: Job, text: str) -> bytes:
    runtime = str(job.get("Runtime", ""))
    file = next((name for prefix, name in _INLINE_NAMES.items() if runtime.startswith(prefix)), "")
    if not file:
        raise Refused(f"code in ZipFile is for Python and Node.js only, not {runtime or 'a missing Runtime'}")
    files = {file: text.encode()}
    if file.endswith(".py") and "cfnresponse" in text:
        files["cfnresponse.py"] = (Path(__file__).parent / "inline" / "cfnresponse.py").read_bytes()
    return packed(files)


def local_path(job: Job, value: Any) -> Path | None:
    """The local file or folder that is meant, None when it is an object in S3 or an image."""
    asset = _asset(job)
    if asset is not None:
        return _existing(asset, str(asset))
    if isinstance(value, str):
        return _existing(job.place.folder / value, value)
    if not isinstance(value, Mapping) or "S3Bucket" not in value:
        return None
    bucket, key = str(value["S3Bucket"]), str(value.get("S3Key", ""))
    if bucket == LOCAL_BUCKET:
        return _existing(job.place.folder / key, key)
    return _of_assembly(job.place.folder, key)


def _existing(path: Path, shown: str) -> Path:
    if not path.exists():
        raise Refused(f"there is no code at '{shown}'")
    return path.resolve()


def _asset(job: Job) -> Path | None:
    """What the CDK says in the resource's metadata, relative to the template."""
    metadata = job.written.get("Metadata")
    found = metadata.get("aws:asset:path") if isinstance(metadata, Mapping) else None
    return job.place.folder / found if isinstance(found, str) else None


def _of_assembly(folder: Path, key: str) -> Path | None:
    """The source of an asset of the cloud assembly that the template belongs to, by its object key."""
    for manifest in sorted(folder.glob("*.assets.json")):
        files = json.loads(manifest.read_text(encoding="utf-8")).get("files", {})
        for asset in files.values():
            destinations = asset.get("destinations", {}).values()
            if any(one.get("objectKey") == key for one in destinations):
                return _existing(folder / asset["source"]["path"], asset["source"]["path"])
    return None

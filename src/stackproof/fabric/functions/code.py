"""Where the code of functions and layers is on this machine.

A folder that the deployer registers is used as it stands, so that breakpoints and coverage work; a zip
is unpacked once for each content into the cache.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackproof.fabric.functions import errors
from stackproof.fabric.functions.model import Code, Version
from stackproof.fabric.functions.requirements import Requirements
from stackproof.fabric.service import Caller, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.functions.service import LambdaService

UNZIPPED_LIMIT = 262_144_000
"""Bytes that a function's code and layers may take unzipped."""
ZIP_LIMIT = 52_428_800
"""Bytes of a zip file that is uploaded directly."""


def cache_folder() -> Path:
    """Where unpacked code and installed requirements are kept: ``STACKPROOF_CACHE`` or the user's cache."""
    named = os.environ.get("STACKPROOF_CACHE")
    base = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "stackproof" / "functions"


class CodeStore:
    """``registered`` maps a function's name or ARN to the folder it is loaded from."""

    def __init__(self, service: LambdaService) -> None:
        self._service = service
        self.registered: dict[str, Path] = {}
        self.cache = cache_folder()
        self.requirements = Requirements(self.cache)

    def register(self, function: str, folder: Path) -> None:
        """Load a function straight from ``folder`` from now on, whatever is uploaded."""
        self.registered[function] = Path(folder).resolve()

    def of(self, arn: str, name: str, given: dict[str, Any], caller: Caller) -> Code:
        """The code of a request's ``Code`` (or of UpdateFunctionCode's own members)."""
        folder = self.registered.get(arn) or self.registered.get(name)
        if folder is not None:
            return folder_code(folder)
        if given.get("ImageUri"):
            digest = base64.b64encode(hashlib.sha256(given["ImageUri"].encode()).digest()).decode()
            return Code(None, digest, 0, given["ImageUri"])
        data = given.get("ZipFile")
        if data is None:
            data = self._from_s3(given, caller)
        if not data:
            raise errors.invalid("Please provide a source for function code.")
        return self.unpacked(bytes(data))

    def _from_s3(self, given: dict[str, Any], caller: Caller) -> bytes:
        bucket, key = given.get("S3Bucket"), given.get("S3Key")
        if not bucket or not key:
            raise errors.invalid("Please provide a source for function code.")
        params = {"Bucket": bucket, "Key": key}
        if given.get("S3ObjectVersion"):
            params["VersionId"] = given["S3ObjectVersion"]
        try:
            state = self._service.world.state
            assert state is not None  # a world that deploys functions has a state behind it
            body: Any = state.call("s3", "GetObject", params, caller)["Body"]
        except ServiceError as error:
            raise errors.invalid(
                f"Error occurred while GetObject. S3 Error Code: {error.code}. "
                f"S3 Error Message: {error.message}"
            ) from error
        content: bytes = body.read()
        return content

    def unpacked(self, data: bytes) -> Code:
        """The folder of a zip's content; raises InvalidParameterValueException for what is no zip."""
        digest = hashlib.sha256(data)
        target = self.cache / "zips" / digest.hexdigest()[:32]
        if not target.is_dir():
            self._unpack(data, target)
        return Code(target, base64.b64encode(digest.digest()).decode(), len(data))

    @staticmethod
    def _unpack(data: bytes, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=target.parent))
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > UNZIPPED_LIMIT:
                    raise errors.invalid(f"Unzipped size must be smaller than {UNZIPPED_LIMIT} bytes")
                archive.extractall(work)
            os.replace(work, target)
        except zipfile.BadZipFile as error:
            raise errors.invalid(
                "Could not unzip uploaded file. Please check your file, then try to upload again."
            ) from error
        except OSError:
            if not target.is_dir():
                raise
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def roots(self, version: Version) -> tuple[Path, ...]:
        """The folders that a version's modules come from, in the order of import."""
        folder = version.code.folder
        if folder is None:
            return (self.cache,)
        if not folder.is_dir():
            raise errors.invalid(f"the code folder of {version.function} is gone: {folder}")
        roots = [folder, *version.layers]
        roots.extend(self.requirements.target(folder))
        return tuple(roots)


def folder_code(folder: Path) -> Code:
    """The code in a folder, with a digest of its content."""
    if not folder.is_dir():
        raise errors.invalid(f"the code folder does not exist: {folder}")
    digest = hashlib.sha256()
    size = 0
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            data = path.read_bytes()
            size += len(data)
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + hashlib.sha256(data).digest())
    return Code(folder, base64.b64encode(digest.digest()).decode(), size)

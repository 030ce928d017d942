"""Compression of objects: what the standard library can do; the rest is refused loudly."""

from __future__ import annotations

import gzip
import io
import zipfile

from stackproof.fabric.firehose import errors

EXTENSIONS = {"UNCOMPRESSED": "", "GZIP": ".gz", "ZIP": ".zip"}


def check(compression: str) -> None:
    """Say so when a compression cannot be done here."""
    if compression not in EXTENSIONS:
        raise errors.not_emulated(f"the compression {compression} is")


def packed(data: bytes, compression: str, name: str) -> bytes:
    """``data`` compressed; the same bytes for the same data. ``name`` is the archive's one file."""
    if compression == "GZIP":
        return gzip.compress(data, mtime=0)
    if compression == "ZIP":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
        return buffer.getvalue()
    return data

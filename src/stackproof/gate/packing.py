"""Results as MessagePack: what workers send and the cache keeps."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def pack(value: object) -> bytes:
    """Encode a result. Marked nodes of a decoded template, which are texts too, lose their marks."""
    return msgspec.msgpack.encode(value, enc_hook=_plain)


def unpack(data: bytes | msgspec.Raw, kind: type[T]) -> T:
    """Decode a result. Raises ``msgspec.MsgspecError`` for anything else."""
    return msgspec.msgpack.decode(data, type=kind)


def _plain(value: Any) -> object:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, list):
        return list(value)
    raise TypeError(f"a result holds a {type(value).__name__}")

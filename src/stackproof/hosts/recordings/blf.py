"""BLF, Vector's binary logging format: structure as python-can documents it (``can.io.blf``).

A header of 144 bytes, then objects (``LOBJ``); containers hold, mostly deflated, a stream of inner objects
that may run over from one container into the next.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from stackproof.hosts.recordings.model import Bytes, inflated

if TYPE_CHECKING:
    from can import Message

_FILE = struct.Struct("<4sL8BQQL")
_OBJECT = struct.Struct("<4sHHLL")
_CONTAINER = struct.Struct("<H6xL4x")
_CONTAINER_TYPE = 10
_STORED, _DEFLATED = 0, 2
_UNCLOSED = "the recorder did not close the file; recover it with the tool that recorded it"


def examine(content: Bytes) -> None:
    """Walk header, objects and containers. Raises ``Truncated`` or ``Corrupt`` with the offset."""
    header = _FILE.unpack(content.at(0, _FILE.size, "the file header"))
    size, length, counted = header[1], header[10], header[12]
    if length < content.size and counted == 0:
        raise content.truncated(content.size, "the header counts no object and a shorter file", _UNCLOSED)
    if length > content.size:
        message = f"the file ends here, its header says {length:,} bytes"
        raise content.truncated(content.size, message)
    tail, found, position = b"", 0, size
    while position < content.size:
        kind, end = _object(content, position)
        if kind == _CONTAINER_TYPE:
            more, tail = _inner(content, position, tail + _unpacked(content, position, end))
            found += more
        else:
            found += 1
        position = end + (end - position) % 4
    if tail.strip(b"\0"):
        raise content.truncated(content.size, "the last object runs over the end of the last container")
    if found != counted:
        message = f"the file holds {found:,} objects, its header says {counted:,}"
        raise content.corrupt(_FILE.size - 4, message)


def _object(content: Bytes, position: int) -> tuple[int, int]:
    """Type and end of an outer object."""
    signature, _, _, size, kind = _OBJECT.unpack(content.at(position, _OBJECT.size, "an object's header"))
    if signature != b"LOBJ":
        raise content.corrupt(position, f"an object starts with LOBJ, not with {signature!r}")
    if size < _OBJECT.size:
        raise content.corrupt(position + 8, f"an object of {size} bytes is shorter than its header")
    content.at(position, size, f"the object that starts at byte {position:,}")
    return kind, position + size


def _unpacked(content: Bytes, position: int, end: int) -> bytes:
    """The stream of inner objects that a container holds."""
    start = position + _OBJECT.size
    method, size = _CONTAINER.unpack(content.at(start, _CONTAINER.size, "a container's header"))
    packed = content.at(start + _CONTAINER.size, end - start - _CONTAINER.size, "a container")
    if method == _STORED:
        plain = packed
    elif method == _DEFLATED:
        try:
            plain = inflated(packed, size)
        except zlib.error as error:
            raise content.corrupt(
                start + _CONTAINER.size, f"a container does not inflate: {error}"
            ) from error
    else:
        raise content.corrupt(start, f"a container has the unknown compression {method}")
    if len(plain) != size:
        message = f"a container holds {len(plain):,} bytes, its header says {size:,}"
        raise content.corrupt(start + 8, message)
    return plain


def _inner(content: Bytes, position: int, stream: bytes) -> tuple[int, bytes]:
    """How many objects a stream holds, and what is left for the next container."""
    count, at = 0, 0
    while (begin := stream.find(b"LOBJ", at, at + 8)) >= 0 and begin + _OBJECT.size <= len(stream):
        size = _OBJECT.unpack_from(stream, begin)[3]
        if size < _OBJECT.size:
            message = f"byte {begin:,} of the container here: an object of {size} bytes"
            raise content.corrupt(position, message)
        if begin + size > len(stream):
            return count, stream[begin:]
        count, at = count + 1, begin + size
    rest = stream[at:]
    if begin < 0 and len(rest) >= 8:
        raise content.corrupt(
            position, f"byte {at:,} of the container here: no object starts where one should"
        )
    return count, rest


def messages(content: Bytes) -> Iterator[Message]:
    """What python-can reads. Raises what it does."""
    from can import BLFReader

    with BLFReader(content.opened()) as reader:
        yield from reader

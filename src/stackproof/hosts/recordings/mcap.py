"""MCAP (mcap.dev/spec): records of opcode, length and content between two magics, chunks with a CRC."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from stackproof.hosts.recordings.model import Bytes

_LARGEST = 1 << 32
"""What a chunk may inflate to, in bytes; a recorder's are of some MiB."""
MAGIC = b"\x89MCAP0\r\n"
_RECORD = struct.Struct("<BQ")
_CHUNK = struct.Struct("<QQQLL")
_FOOTER, _CHUNK_OP, _ATTACHMENT, _DATA_END = 0x02, 0x06, 0x09, 0x0F
_UNCLOSED = "the recorder did not close the file; 'mcap recover' keeps what is whole"


def examine(content: Bytes) -> None:
    """Walk every record and check every CRC. Raises ``Truncated`` or ``Corrupt`` with the offset."""
    position, last = len(MAGIC), 0
    while last != _FOOTER:
        if position == content.size:
            raise content.truncated(position, "the file ends without a footer", _UNCLOSED)
        kind, size = _RECORD.unpack(content.at(position, _RECORD.size, "a record's header"))
        if kind == 0:
            raise content.corrupt(position, "a record has the opcode 0, which none has")
        start = position + _RECORD.size
        body = content.at(start, size, f"the record that starts at byte {position:,}")
        if kind == _CHUNK_OP:
            _chunk(content, start, body)
        elif kind == _ATTACHMENT:
            _checked(content, start, body[:-4], body[-4:], "an attachment")
        elif kind == _DATA_END:
            _checked(content, position, content.data[:position], body[:4], "the data section")
        position, last = start + size, kind
    _closed(content, position)


def _closed(content: Bytes, position: int) -> None:
    """The magic stands behind the footer, and nothing behind it."""
    if content.at(position, len(MAGIC), "the closing magic") != MAGIC:
        raise content.corrupt(position, "the closing magic does not stand behind the footer")
    if content.size > position + len(MAGIC):
        raise content.corrupt(position + len(MAGIC), "there is more behind the closing magic")


def _checked(content: Bytes, offset: int, data: bytes, stated: bytes, what: str) -> None:
    """The CRC must be the data's; 0 says that none was made."""
    (wanted,) = struct.unpack("<L", stated)
    found = zlib.crc32(data)
    if wanted and found != wanted:
        raise content.corrupt(
            offset, f"{what} has the CRC {found:08x}, not the {wanted:08x} that was written"
        )


def _chunk(content: Bytes, start: int, body: bytes) -> None:
    """A chunk inflates to the size and the CRC that it states."""
    if len(body) < _CHUNK.size:
        raise content.corrupt(start, "a chunk is shorter than its header")
    _, _, size, crc, length = _CHUNK.unpack_from(body)
    method = body[_CHUNK.size : _CHUNK.size + length].decode("ascii", "replace")
    place = _CHUNK.size + length
    if len(body) < place + 8:
        raise content.corrupt(start + 28, "a chunk is shorter than the name of its compression")
    (packed,) = struct.unpack_from("<Q", body, place)
    if len(body) < place + 8 + packed:
        raise content.corrupt(start + place, f"a chunk of {len(body):,} bytes says it holds {packed:,}")
    plain = _inflated(content, start + place + 8, method, body[place + 8 : place + 8 + packed], size)
    if len(plain) != size:
        message = f"a chunk inflates to {len(plain):,} bytes, not to {size:,}"
        raise content.corrupt(start + 16, message)
    _checked(content, start, plain, struct.pack("<L", crc), "a chunk")


def _inflated(content: Bytes, offset: int, method: str, data: bytes, size: int) -> bytes:
    if method == "":
        return data
    if size > _LARGEST:
        raise content.corrupt(offset - 8, f"a chunk says that it inflates to {size:,} bytes")
    if method == "zstd":
        import zstandard

        try:
            return zstandard.decompress(data, max_output_size=size)
        except zstandard.ZstdError as error:
            raise content.corrupt(offset, f"a chunk does not inflate: {error}") from error
    if method == "lz4":
        import lz4.frame

        try:
            return bytes(lz4.frame.decompress(data))
        except RuntimeError as error:
            raise content.corrupt(offset, f"a chunk does not inflate: {error}") from error
    raise content.corrupt(offset, f"a chunk has the unknown compression '{method}'")


def messages(content: Bytes) -> Iterator[tuple[str, int, bytes]]:
    """Topic, time in ns and message of everything in the file, by mcap, in the order of log time.

    Raises what mcap does.
    """
    from mcap.reader import make_reader

    for _, channel, message in make_reader(content.opened(), validate_crcs=True).iter_messages():
        yield channel.topic, message.log_time, message.data

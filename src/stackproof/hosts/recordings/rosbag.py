"""Bags of ROS 1 (format 2.0, wiki.ros.org/Bags/Format/2.0) and ROS 2 (a folder of SQLite or MCAP files)."""

from __future__ import annotations

import bz2
import struct
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

from stackproof.hosts.recordings.model import Bytes, Corrupt

MAGIC = b"#ROSBAG V2.0\n"
SQLITE_MAGIC = b"SQLite format 3\0"
_LENGTH = struct.Struct("<L")
_PLACE = struct.Struct("<Q")
_BAG, _INDEX, _CHUNK, _CHUNK_INFO, _CONNECTION = 3, 4, 5, 6, 7
_OUTER = {_BAG, _INDEX, _CHUNK, _CHUNK_INFO, _CONNECTION}
_UNCLOSED = "the recorder did not close the bag; 'rosbag reindex' makes what is whole readable"


def examine(content: Bytes) -> None:
    """Walk every record of a bag of ROS 1, and inflate its chunks. Raises ``Truncated`` or ``Corrupt``."""
    position, promised = len(MAGIC), -1
    chunks: set[int] = set()
    named: list[tuple[int, int]] = []
    while position < content.size:
        fields, data, end = _record(content, position)
        kind = fields.get("op", b"\xff")[0]
        if kind not in _OUTER or (kind == _BAG) != (promised < 0):
            raise content.corrupt(position, f"a record of kind {kind} stands where none may")
        if kind == _BAG:
            promised = _whole(content, position, fields)
        elif kind == _CHUNK:
            chunks.add(position)
            _inflate(content, position, fields, content.data[data:end])
        elif kind == _CHUNK_INFO:
            named.append((position, _place(content, position, fields)))
        position = end
    _complete(content, promised, chunks, named)


def _complete(content: Bytes, promised: int, chunks: set[int], named: list[tuple[int, int]]) -> None:
    """The header's count and the index must tell of the chunks that are there."""
    if promised < 0:
        raise content.truncated(content.size, "the file ends before its first record")
    if len(chunks) != promised:
        message = f"the bag's header counts {promised:,} chunks, the file holds {len(chunks):,}"
        raise content.corrupt(len(MAGIC), message)
    for position, chunk in named:
        if chunk not in chunks:
            raise content.corrupt(
                position, f"the index here names a chunk at byte {chunk:,}, and there is none"
            )
    if len(named) != promised:
        message = f"the index names {len(named):,} of {promised:,} chunks"
        raise content.truncated(content.size, message)


def _place(content: Bytes, position: int, fields: dict[str, bytes]) -> int:
    """Where the chunk is that a chunk info tells of."""
    try:
        return int(_PLACE.unpack(fields["chunk_pos"])[0])
    except (KeyError, struct.error) as error:
        raise content.corrupt(position, "the index here does not say where its chunk is") from error


def _record(content: Bytes, position: int) -> tuple[dict[str, bytes], int, int]:
    """Header fields, start of the data and end of a record."""
    (size,) = _LENGTH.unpack(content.at(position, 4, "a record"))
    header = content.at(position + 4, size, "a record's header")
    fields, at = {}, 0
    while at < size:
        (length,) = _LENGTH.unpack(header[at : at + 4]) if at + 4 <= size else (size,)
        name, equals, value = header[at + 4 : at + 4 + length].partition(b"=")
        if not equals or at + 4 + length > size:
            raise content.corrupt(position + 4 + at, "a record's header is not made of fields")
        fields[name.decode("ascii", "replace")] = value
        at += 4 + length
    (length,) = _LENGTH.unpack(content.at(position + 4 + size, 4, "a record's data"))
    data = position + 8 + size
    content.at(data, length, f"the record that starts at byte {position:,}")
    return fields, data, data + length


def _whole(content: Bytes, position: int, fields: dict[str, bytes]) -> int:
    """How many chunks the bag's header promises; its index must lie inside the file."""
    try:
        (index,), (chunks,) = _PLACE.unpack(fields["index_pos"]), _LENGTH.unpack(fields["chunk_count"])
    except (KeyError, struct.error) as error:
        raise content.corrupt(position, "the bag's header does not say where its index is") from error
    if index == 0:
        raise content.truncated(content.size, "the bag has no index", _UNCLOSED)
    if index > content.size:
        message = f"the file ends here, its index should stand at byte {index:,}"
        raise content.truncated(content.size, message)
    return int(chunks)


def _inflate(content: Bytes, position: int, fields: dict[str, bytes], data: bytes) -> None:
    """A chunk must inflate to the size that it says."""
    method = fields.get("compression", b"").decode("ascii", "replace")
    (size,) = _LENGTH.unpack(fields.get("size", b"\0\0\0\0"))
    if method == "none":
        plain = data
    elif method == "bz2":
        try:
            plain = bz2.decompress(data)
        except (OSError, ValueError) as error:
            raise content.corrupt(position, f"the chunk here does not inflate: {error}") from error
    elif method == "lz4":
        import lz4.frame

        try:
            plain = lz4.frame.decompress(data)
        except RuntimeError as error:
            raise content.corrupt(position, f"the chunk here does not inflate: {error}") from error
    else:
        raise content.corrupt(position, f"the chunk here has the unknown compression '{method}'")
    if len(plain) != size:
        message = f"the chunk here holds {len(plain):,} bytes, its header says {size:,}"
        raise content.corrupt(position, message)


def examine_database(content: Bytes) -> None:
    """The pages of a SQLite file of ROS 2 (sqlite.org/fileformat, section 1.3).

    Raises ``Truncated`` or ``Corrupt``.
    """
    import sqlite3

    header = content.at(0, 100, "the database header")
    written = struct.unpack(">H", header[16:18])[0]
    page = 65536 if written == 1 else written
    if page < 512 or page & (page - 1):
        raise content.corrupt(16, f"a page of {page:,} bytes is none that SQLite has")
    (pages,) = struct.unpack(">L", header[28:32])
    if content.size < page * pages:
        message = f"the file ends here, its header says {pages:,} pages of {page:,} bytes"
        raise content.truncated(content.size, message)
    try:
        with sqlite3.connect(f"file:{content.file}?mode=ro&immutable=1", uri=True) as database:
            (answer,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        answer = str(error)
    if answer != "ok":
        raise content.corrupt(_page_of(answer) * page, f"the database is damaged: {answer}")


def _page_of(answer: str) -> int:
    """The page (from 0) that SQLite's integrity check names; the first when it names none."""
    import re

    match = re.search(r"[Pp]age (\d+)", answer)
    return max(0, int(match[1]) - 1) if match else 0


def messages(content: Bytes) -> Iterator[tuple[str, int, bytes]]:
    """Topic, time in ns and serialised message of everything in a bag of ROS 1, by rosbags, by time.

    Raises what rosbags does.
    """
    from rosbags.rosbag1 import Reader

    source: Any = _InMemory(content)
    with Reader(source) as reader:
        yield from _messages(reader)


def messages_of_folder(path: Path) -> Iterator[tuple[str, int, bytes]]:
    """The same of a bag of ROS 2, which is a folder. Raises ``Corrupt`` for a description that is wrong."""
    from rosbags.rosbag2 import Reader

    reader: Any = Reader(path)
    try:
        reader.open()
    except Exception as error:
        # rosbags tells of YAML what ruamel.yaml found, and the mark of that knows the place.
        mark = getattr(error.__context__, "problem_mark", None)
        said = " ".join(f"{type(error).__name__}: {error}".split())
        message = f"the bag does not open as it is described from here on: {said}"
        file = str(path / "metadata.yaml")
        raise Corrupt(message, file=file, offset=mark.index if mark else 0) from error
    with closing(reader):
        yield from _messages(reader)


def _messages(reader: Any) -> Iterator[tuple[str, int, bytes]]:
    for connection, at, data in reader.messages():
        yield connection.topic, at, bytes(data)


class _InMemory:
    """The two things of a path that rosbags asks for, of bytes that are there already."""

    def __init__(self, content: Bytes) -> None:
        self._content = content

    def exists(self) -> bool:
        """It does."""
        return True

    def open(self, mode: str) -> BytesIO:
        """The bytes as a stream."""
        return self._content.opened()

    def __str__(self) -> str:
        return self._content.file

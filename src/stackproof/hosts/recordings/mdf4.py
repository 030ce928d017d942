"""MDF4: ASAM MDF 4.1 block structure (as asammdf documents it); CAN frames by the bus logging convention.

After an identification of 64 bytes every block has a header (``##`` and two letters, length, count of
links) and its links; the blocks that can be reached from the header block make the file.
"""

from __future__ import annotations

import struct
import zlib

from stackproof.hosts.recordings.model import Bytes, inflated

_HEADER = struct.Struct("<4s4xQQ")
_ZIPPED = struct.Struct("<2sBxLQQ")
_FIRST = 64
_CYCLES = struct.Struct("<QQ")
_RECORD = struct.Struct("<LL")
_CHANNEL = struct.Struct("<4BLLLL")
_VIRTUAL = {3, 6}
"""Types of channels (master, data) whose values stand in no record."""
_MAY_BE_INVALID = 0x02
_UNCLOSED = "the recorder did not finalise the file; finalise it with the tool that recorded it"


def examine(content: Bytes) -> None:
    """Walk every block that the header leads to. Raises ``Truncated`` or ``Corrupt`` with the offset."""
    start = content.at(0, _FIRST, "the identification")
    if start.startswith(b"UnFinMF "):
        raise content.truncated(content.size, "the file is marked as not finalised", _UNCLOSED)
    seen: set[int] = set()
    ahead = [(_FIRST, 0)]
    while ahead:
        position, source = ahead.pop()
        if position in seen:
            continue
        seen.add(position)
        name, length, links = _block(content, position, source)
        if name == b"##DZ":
            _inflate(content, position, length)
        elif name == b"##DG":
            _counted(content, position, links)
        elif name == b"##CG":
            _laid_out(content, position, links)
        places = range(position + _HEADER.size, position + _HEADER.size + 8 * len(links), 8)
        ahead += [(link, place) for link, place in zip(links, places, strict=True) if link]


def _block(content: Bytes, position: int, source: int) -> tuple[bytes, int, tuple[int, ...]]:
    """Name, length and links of a block; ``source`` is where the link to it stands."""
    if position >= content.size:
        message = f"the block that byte {source:,} links to, at byte {position:,}, lies behind the end"
        raise content.truncated(content.size, message)
    name, length, count = _HEADER.unpack(content.at(position, _HEADER.size, "a block's header"))
    if not name.startswith(b"##"):
        raise content.corrupt(position, f"byte {source:,} links to a block here, and there is none")
    if length < _HEADER.size + 8 * count:
        raise content.corrupt(position + 8, f"a {_text(name)} block of {length:,} bytes and {count:,} links")
    content.at(position, length, f"the {_text(name)} block at byte {position:,}")
    return name, length, struct.unpack_from(f"<{count}Q", content.data, position + _HEADER.size)


def _inflate(content: Bytes, position: int, length: int) -> int:
    """The size of what a DZ block holds, which must inflate to what it says."""
    _, _, _, plain, packed = _ZIPPED.unpack_from(content.data, position + _HEADER.size)
    start = position + _HEADER.size + _ZIPPED.size
    if start + packed > position + length:
        raise content.corrupt(position + 40, f"a DZ block of {length:,} bytes says it holds {packed:,}")
    try:
        size = len(inflated(content.data[start : start + packed], plain))
    except zlib.error as error:
        raise content.corrupt(start, f"a DZ block does not inflate: {error}") from error
    if size != plain:
        raise content.corrupt(position + 32, f"a DZ block inflates to {size:,} bytes, not to {plain:,}")
    return size


def _counted(content: Bytes, position: int, links: tuple[int, ...]) -> None:
    """A sorted data group holds as many bytes as its channel group counts records."""
    _, group, data = links[:3]
    if not group or content.data[position + _HEADER.size + 8 * len(links)]:  # with record ids: not sorted
        return
    _, _, outward = _block(content, group, position + _HEADER.size + 8)
    if outward[0]:
        return
    body = group + _HEADER.size + 8 * len(outward)
    _, cycles = _CYCLES.unpack_from(content.data, body)
    values, invalid = _RECORD.unpack_from(content.data, body + 24)
    wanted, held = cycles * (values + invalid), _held(content, data, position + _HEADER.size + 16)
    if held < wanted:
        message = (
            f"the channel group here counts {cycles:,} records, {wanted:,} bytes; its data hold {held:,}"
        )
        raise content.corrupt(body + 8, message)


def _laid_out(content: Bytes, position: int, links: tuple[int, ...]) -> None:
    """Every channel of a channel group lies inside its records; how an array repeats one is not looked at."""
    body = position + _HEADER.size + 8 * len(links)
    if body + 32 > content.size or len(links) < 2:
        raise content.corrupt(position + 8, "a CG block is shorter than what each has")
    values, invalid = _RECORD.unpack_from(content.data, body + 24)
    ahead, seen = [(links[1], position + _HEADER.size + 8)], set()
    while ahead:
        channel, source = ahead.pop()
        if not channel or channel in seen:
            continue
        seen.add(channel)
        name, length, own = _block(content, channel, source)
        if name != b"##CN":
            continue
        start = channel + _HEADER.size + 8 * len(own)
        if len(own) < 2 or channel + length < start + _CHANNEL.size:
            raise content.corrupt(channel + 8, "a CN block is shorter than what each has")
        _inside(content, start, values, invalid)
        ahead += [(own[0], channel + _HEADER.size), (own[1], channel + _HEADER.size + 8)]


def _inside(content: Bytes, start: int, values: int, invalid: int) -> None:
    """A channel, whose own part starts there, lies inside records of so many bytes and invalidation bytes."""
    kind, _, _, shift, offset, bits, flags, bit = _CHANNEL.unpack_from(content.data, start)
    if kind in _VIRTUAL:
        return
    if offset * 8 + shift + bits > values * 8:
        message = f"{bits:,} bits from byte {offset:,} of records that have {values:,} bytes"
        raise content.corrupt(start + 4, f"a channel lies outside of its records: {message}")
    if flags & _MAY_BE_INVALID and bit >= invalid * 8:
        message = f"bit {bit:,} of {invalid:,} bytes"
        raise content.corrupt(start + 16, f"a channel's invalidation lies outside of its records: {message}")


def _held(content: Bytes, position: int, source: int) -> int:
    """How many bytes of records the data blocks behind a link hold."""
    total, seen = 0, set()
    while position and position not in seen:
        seen.add(position)
        name, length, links = _block(content, position, source)
        following = 0
        if name == b"##DZ":
            total += _ZIPPED.unpack_from(content.data, position + _HEADER.size)[3]
        elif name in {b"##DT", b"##DV", b"##SD"}:
            total += length - _HEADER.size
        elif name == b"##HL":
            following = links[0]
        elif name in {b"##DL", b"##LD"}:
            parts = [one for one in links[1:] if one]
            total += sum(_held(content, one, position) for one in parts)
            following = links[0]
        source, position = position, following
    return total


def _text(name: bytes) -> str:
    return name[2:].decode("ascii", "replace")

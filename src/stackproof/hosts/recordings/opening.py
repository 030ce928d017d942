"""From a file, whatever its name, to a drive."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stackproof.errors import CapabilityMissing
from stackproof.hosts.recordings import blf, mcap, mdf4, rosbag
from stackproof.hosts.recordings.model import Bytes, Drive, Frame, RecordingError

if TYPE_CHECKING:
    from can import Message

Reader = Callable[[Path], Iterator[Frame | None]]


@dataclass(frozen=True, slots=True)
class Format:
    """A format: how its files begin, what reads them (None stands for an error frame), what that needs."""

    name: str
    magics: tuple[bytes, ...]
    examine: Callable[[Bytes], None]
    read: Reader
    packages: tuple[str, ...]


def _of_can(messages: Callable[[Path], Iterable[Message]]) -> Reader:
    def read(path: Path) -> Iterator[Frame | None]:
        for one in messages(path):
            yield None if one.is_error_frame else _from_can(one)

    return read


def _from_can(message: Message) -> Frame:
    return Frame(
        at=round(message.timestamp * 1e9),
        channel=str(0 if message.channel is None else message.channel),
        data=bytes(message.data),
        can_id=message.arbitration_id,
        extended=message.is_extended_id,
        fd=message.is_fd,
        bit_rate_switch=message.bitrate_switch,
        remote=message.is_remote_frame,
    )


def _of_topics(messages: Callable[[Path], Iterable[tuple[str, int, bytes]]]) -> Reader:
    def read(path: Path) -> Iterator[Frame | None]:
        return (Frame(at, topic, data) for topic, at, data in messages(path))

    return read


FORMATS: Final = (
    Format("BLF", (b"LOGG",), blf.examine, _of_can(blf.messages), ("can",)),
    Format("MDF4", (b"MDF     ", b"UnFinMF "), mdf4.examine, _of_can(mdf4.messages), ("can", "asammdf")),
    Format("ROS 1 bag", (rosbag.MAGIC,), rosbag.examine, _of_topics(rosbag.messages), ("rosbags", "lz4")),
    Format(
        "ROS 2 bag",
        (rosbag.SQLITE_MAGIC,),
        rosbag.examine_database,
        _of_topics(rosbag.messages),
        ("rosbags",),
    ),
    Format("MCAP", (mcap.MAGIC,), mcap.examine, _of_topics(mcap.messages), ("mcap", "lz4", "zstandard")),
)
"""Every format that can be replayed. ROS 2 bags are folders; their files are of the fourth or fifth."""


def load(path: Path) -> Drive:
    """The drive of a recording, examined first.

    Raises ``Truncated`` or ``Corrupt`` (with the byte offset) for a damaged one, ``RecordingError`` for what
    is no recording, and ``CapabilityMissing`` when a library that reads the format is not installed.
    """
    kind = examine(path)
    try:
        read = list(kind.read(path))
    except (ValueError, KeyError, IndexError, EOFError, struct.error, OSError) as error:
        raise RecordingError(f"its {kind.name} content cannot be read: {error}", file=str(path)) from error
    frames = [one for one in read if one is not None]
    if not frames:
        hint = "MDF4 needs CAN frames by the bus logging convention" if kind.name == "MDF4" else ""
        raise RecordingError(f"the {kind.name} recording holds nothing to replay", file=str(path), hint=hint)
    behind = _behind(frames)
    if behind:
        frames.sort(key=lambda one: one.at)
    return Drive(str(path), kind.name, tuple(frames), behind, len(read) - len(frames))


def examine(path: Path) -> Format:
    """The format of a recording whose structure is whole; raises as ``load`` does."""
    kinds = [_examined(one, alone=not path.is_dir()) for one in _parts(path)]
    kind = kinds[0]
    if path.is_dir() and kind.name == "MCAP":
        return Format("ROS 2 bag", kind.magics, kind.examine, FORMATS[3].read, FORMATS[3].packages)
    return kind


def _parts(path: Path) -> list[Path]:
    """The files of a recording: of a folder those that a bag of ROS 2 has beside its metadata."""
    if not path.is_dir():
        return [path]
    if not (path / "metadata.yaml").is_file():
        hint = "a bag of ROS 2 is a folder with metadata.yaml; other recordings are files"
        raise RecordingError("the folder holds no metadata.yaml", file=str(path), hint=hint)
    found = sorted(one for one in path.iterdir() if one.suffix in {".db3", ".mcap"})
    if not found:
        raise RecordingError("the bag's folder holds neither .db3 nor .mcap files", file=str(path))
    return found


def _examined(path: Path, *, alone: bool) -> Format:
    try:
        content = Bytes(path, path.read_bytes())
    except OSError as error:
        raise RecordingError(f"cannot be read: {error.strerror}", file=str(path)) from error
    if not content.size:
        raise content.truncated(0, "the file is empty")
    for kind in FORMATS:
        if content.data.startswith(kind.magics):
            _require(kind)
            kind.examine(content)
            if alone and kind.name == "ROS 2 bag":
                hint = "name the bag's folder, the one with metadata.yaml"
                raise RecordingError("is a part of a ROS 2 bag", file=str(path), hint=hint)
            return kind
        if any(magic.startswith(content.data) for magic in kind.magics):
            raise content.truncated(content.size, f"the file ends within the {kind.name} magic")
    known = ", ".join(kind.name for kind in FORMATS)
    raise RecordingError(
        f"starts with {content.data[:8]!r}: none of the known formats", file=str(path), offset=0,
        hint=f"known are {known}; the content counts, not the name",
    )  # fmt: skip


def _require(kind: Format) -> None:
    lacking = [name for name in kind.packages if find_spec(name) is None]
    if lacking:
        raise CapabilityMissing(
            f"a {kind.name} recording needs {', '.join(lacking)}",
            hint="pip install 'stackproof[hil]' adds them",
        )


def _behind(frames: list[Frame]) -> int:
    """How many frames stand behind a later one."""
    latest, count = frames[0].at, 0
    for one in frames:
        count += one.at < latest
        latest = max(latest, one.at)
    return count

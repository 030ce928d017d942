"""From a file, whatever its name, to a drive."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stackproof.errors import CapabilityMissing, StackproofError
from stackproof.hosts.recordings import apart, blf, mcap, mdf4, rosbag
from stackproof.hosts.recordings.model import Bytes, Drive, Frame, RecordingError

if TYPE_CHECKING:
    from can import Message

Reader = Callable[[Bytes], Iterator[Frame | None]]


@dataclass(frozen=True, slots=True)
class Format:
    """A format: how its files begin, what reads them (None stands for an error frame), what that needs."""

    name: str
    magics: tuple[bytes, ...]
    examine: Callable[[Bytes], None]
    read: Reader
    packages: tuple[str, ...]


def _of_can(messages: Callable[[Bytes], Iterable[Message]]) -> Reader:
    def read(content: Bytes) -> Iterator[Frame | None]:
        for one in messages(content):
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


def _of_topics(messages: Callable[[Bytes], Iterable[tuple[str, int, bytes]]]) -> Reader:
    def read(content: Bytes) -> Iterator[Frame | None]:
        return (Frame(at, topic, data) for topic, at, data in messages(content))

    return read


def _of_folder(content: Bytes) -> Iterator[Frame | None]:
    """Of any part of a bag of ROS 2: what its whole folder holds."""
    parts = rosbag.messages_of_folder(Path(content.file).parent)
    return (Frame(at, topic, data) for topic, at, data in parts)


FORMATS: Final = (
    Format("BLF", (b"LOGG",), blf.examine, _of_can(blf.messages), ("can",)),
    Format("MDF4", (b"MDF     ", b"UnFinMF "), mdf4.examine, apart.frames, ("can", "asammdf")),
    Format("ROS 1 bag", (rosbag.MAGIC,), rosbag.examine, _of_topics(rosbag.messages), ("rosbags", "lz4")),
    Format("ROS 2 bag", (rosbag.SQLITE_MAGIC,), rosbag.examine_database, _of_folder, ("rosbags",)),
    Format("MCAP", (mcap.MAGIC,), mcap.examine, _of_topics(mcap.messages), ("mcap", "lz4", "zstandard")),
)
"""Every format that can be replayed. ROS 2 bags are folders; their files are of the fourth or fifth."""
_MAGIC: Final = 16
"""As many bytes as the longest magic has."""


def load(path: Path) -> Drive:
    """The drive of a recording, examined first.

    Raises ``Truncated`` or ``Corrupt`` (with the byte offset) for a damaged one, ``RecordingError`` for what
    is no recording, and ``CapabilityMissing`` when a library that reads the format is not installed.
    """
    kind, content = _whole(path)
    with _refusing(kind, content):
        read = list(kind.read(content))
    frames = [one for one in read if one is not None]
    if not frames:
        hint = "MDF4 needs CAN frames by the bus logging convention" if kind.name == "MDF4" else ""
        raise RecordingError(f"the {kind.name} recording holds nothing to replay", file=str(path), hint=hint)
    behind = _behind(frames)
    if behind:
        frames.sort(key=lambda one: one.at)
    return Drive(str(path), kind.name, tuple(frames), behind, len(read) - len(frames))


@contextmanager
def _refusing(kind: Format, content: Bytes) -> Iterator[None]:
    """Whatever a library raises inside (they assert, and take any number for a size) is told as ``Corrupt``.

    Its offset is where the file was looked at last.
    """
    try:
        yield
    except StackproofError:
        raise
    except MemoryError as error:
        message = f"what follows here does not fit into memory, as {kind.name} it is none"
        raise content.corrupt(content.reached, message) from error
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
        message = f"what follows here cannot be read as {kind.name}: {said}"
        raise content.corrupt(content.reached, message) from error


def _whole(path: Path) -> tuple[Format, Bytes]:
    """The format and the bytes (of a folder: its first part) of a recording whose structure is whole."""
    examined = [_examined(one, alone=not path.is_dir()) for one in _parts(path)]
    kind, content = examined[0]
    if path.is_dir() and kind.name == "MCAP":
        ros = FORMATS[3]
        return Format(ros.name, kind.magics, kind.examine, ros.read, ros.packages), content
    return kind, content


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


def _examined(path: Path, *, alone: bool) -> tuple[Format, Bytes]:
    kind, content = _opened(path)
    _require(kind)
    with _refusing(kind, content):
        kind.examine(content)
    if alone and kind.name == "ROS 2 bag":
        hint = "name the bag's folder, the one with metadata.yaml"
        raise RecordingError("is a part of a ROS 2 bag", file=str(path), hint=hint)
    return kind, content


def _opened(path: Path) -> tuple[Format, Bytes]:
    """The format by its magic, then all bytes: nothing else is read whole, and nothing that has no end."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            hint = "a recording is a file that has an end; copy what a device or a pipe gives into one"
            raise RecordingError("is no regular file", file=str(path), offset=0, hint=hint)
        with path.open("rb") as stream:
            kind = _kind(Bytes(path, stream.read(_MAGIC)))
            size = os.fstat(stream.fileno()).st_size
            if size > os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"):
                raise MemoryError
            stream.seek(0)
            return kind, Bytes(path, stream.read(size))
    except (OSError, ValueError) as error:  # ValueError: a name with a null byte
        what = error.strerror if isinstance(error, OSError) else error
        raise RecordingError(f"cannot be read: {what}", file=str(path)) from error
    except MemoryError as error:
        message = f"its {size:,} bytes do not fit into memory"
        raise RecordingError(message, file=str(path), offset=0, hint="cut it into parts") from error


def _kind(start: Bytes) -> Format:
    """The format that begins so."""
    if not start.size:
        raise start.truncated(0, "the file is empty")
    for kind in FORMATS:
        if start.data.startswith(kind.magics):
            return kind
        if any(magic.startswith(start.data) for magic in kind.magics):
            raise start.truncated(start.size, f"the file ends within the {kind.name} magic")
    known = ", ".join(kind.name for kind in FORMATS)
    raise RecordingError(
        f"starts with {start.data[:8]!r}: none of the known formats", file=start.file, offset=0,
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

"""Recordings that the libraries of their formats write, of the same drive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

START = 1_600_000_000.0
COUNT = 300
Write = Callable[[Path], Path]


def sent(number: int) -> tuple[float, int, bytes]:
    """Time (s), identifier and data of the drive's frames: one every 10 ms, each tenth 3 ms late."""
    return START + number * 0.01 + 0.003 * (number % 10 == 0), 0x100 + number % 7, number.to_bytes(8, "big")


def messages(channel: int = 0) -> list[Any]:
    import can

    return [
        can.Message(timestamp=at, arbitration_id=identity, data=data, is_extended_id=False, channel=channel)
        for at, identity, data in map(sent, range(COUNT))
    ]


def write_blf(folder: Path) -> Path:
    import can

    path = folder / "drive.blf"
    with can.BLFWriter(path, max_container_size=1024) as writer:
        for one in messages():
            writer.on_message_received(one)
    return path


def write_blf_stored(folder: Path) -> Path:
    import can

    path = folder / "stored.blf"
    with can.BLFWriter(path, max_container_size=4096, compression_level=0) as writer:
        for one in messages():
            writer.on_message_received(one)
    return path


def write_mdf4(folder: Path, compression: int = 2) -> Path:
    import can

    path = folder / "drive.mf4"
    with can.MF4Writer(path, compression_level=compression) as writer:
        for one in messages():
            writer.on_message_received(one)
    return path


def write_mdf4_plain(folder: Path) -> Path:
    return write_mdf4(folder, 0)


def write_rosbag(folder: Path, compression: str = "") -> Path:
    from rosbags.rosbag1 import Writer
    from rosbags.typesys import Stores, get_typestore

    path = folder / f"drive{compression}.bag"
    store = get_typestore(Stores.ROS1_NOETIC)
    text = store.types["std_msgs/msg/String"]
    writer = Writer(path)
    if compression:
        writer.set_compression(Writer.CompressionFormat[compression])
    writer.chunk_threshold = 2048
    with writer:
        connection = writer.add_connection("/velocity", "std_msgs/msg/String", typestore=store)
        for at, _, data in map(sent, range(COUNT)):
            content = store.serialize_ros1(text(data.hex()), "std_msgs/msg/String")
            writer.write(connection, round(at * 1e9), content)
    return path


def write_rosbag_lz4(folder: Path) -> Path:
    return write_rosbag(folder, "LZ4")


def write_rosbag_bz2(folder: Path) -> Path:
    return write_rosbag(folder, "BZ2")


def write_rosbag2(folder: Path, storage: str = "SQLITE3") -> Path:
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    path = folder / f"drive-{storage.lower()}"
    store = get_typestore(Stores.ROS2_HUMBLE)
    text = store.types["std_msgs/msg/String"]
    with Writer(path, version=9, storage_plugin=StoragePlugin[storage]) as writer:
        connection = writer.add_connection("/velocity", "std_msgs/msg/String", typestore=store)
        for at, _, data in map(sent, range(COUNT)):
            content = store.serialize_cdr(text(data.hex()), "std_msgs/msg/String")
            writer.write(connection, round(at * 1e9), bytes(content))
    return path


def write_rosbag2_mcap(folder: Path) -> Path:
    return write_rosbag2(folder, "MCAP")


def write_mcap(folder: Path, compression: str = "ZSTD") -> Path:
    from mcap.writer import CompressionType, Writer

    path = folder / f"drive-{compression.lower()}.mcap"
    with path.open("wb") as stream:
        writer = Writer(
            stream, chunk_size=2048, compression=CompressionType[compression], enable_data_crcs=True
        )
        writer.start()
        channel = writer.register_channel(
            "/velocity", "json", writer.register_schema("v", "jsonschema", b"{}")
        )
        for at, _, data in map(sent, range(COUNT)):
            writer.add_message(channel, round(at * 1e9), data, round(at * 1e9))
        writer.finish()
    return path


def write_mcap_lz4(folder: Path) -> Path:
    return write_mcap(folder, "LZ4")


def write_mcap_plain(folder: Path) -> Path:
    return write_mcap(folder, "NONE")


FILES: dict[str, Write] = {
    "BLF": write_blf,
    "BLF, stored": write_blf_stored,
    "MDF4": write_mdf4,
    "MDF4, plain": write_mdf4_plain,
    "ROS 1 bag": write_rosbag,
    "ROS 1 bag, lz4": write_rosbag_lz4,
    "ROS 1 bag, bz2": write_rosbag_bz2,
    "MCAP": write_mcap,
    "MCAP, lz4": write_mcap_lz4,
    "MCAP, plain": write_mcap_plain,
}
FOLDERS: dict[str, Write] = {"ROS 2 bag": write_rosbag2, "ROS 2 bag of MCAP": write_rosbag2_mcap}


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``whole("BLF")``: the recording of that kind, written once."""
    made: dict[str, Path] = {}

    def get(kind: str) -> Path:
        if kind not in made:
            made[kind] = {**FILES, **FOLDERS}[kind](tmp_path_factory.mktemp("whole"))
        return made[kind]

    return get


@pytest.fixture
def damaged(whole: Callable[[str], Path], tmp_path: Path) -> Callable[..., Path]:
    """``damaged("BLF", lambda data: data[:-1])``: a copy of a recording after the change."""

    def get(kind: str, change: Callable[[bytes], bytes]) -> Path:
        source = whole(kind)
        path = tmp_path / source.name
        path.write_bytes(change(source.read_bytes()))
        return path

    return get

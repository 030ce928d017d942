"""What the checks of rigs share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stackproof.hosts.model import Running
from stackproof.hosts.rigs.facts import RigFacts, facts_of


@pytest.fixture(scope="session")
def facts(inspected: Running) -> RigFacts:
    """What the inventory says that the rig must be."""
    return facts_of(inspected.entry)


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``recorded("BLF")``: two seconds of a drive in that format, written by the library of the format."""
    folder = tmp_path_factory.mktemp("drives")
    return lambda kind: WRITERS[kind](folder)


_START, _COUNT, _CYCLE = 1_600_000_000.0, 200, 0.01


def _write_blf(folder: Path) -> Path:
    import can

    with can.BLFWriter(folder / "drive.blf") as writer:
        _fill(writer)
    return folder / "drive.blf"


def _write_mdf4(folder: Path) -> Path:
    import can

    with can.MF4Writer(folder / "drive.mf4") as writer:
        _fill(writer)
    return folder / "drive.mf4"


def _fill(writer: object) -> None:
    import can

    for number in range(_COUNT):
        at, data = _START + number * _CYCLE, number.to_bytes(8, "big")
        message = can.Message(timestamp=at, arbitration_id=0x100, data=data, is_extended_id=False)
        writer.on_message_received(message)  # type: ignore[attr-defined]


def _write_mcap(folder: Path) -> Path:
    from mcap.writer import Writer

    with (folder / "drive.mcap").open("wb") as stream:
        writer = Writer(stream)
        writer.start()
        channel = writer.register_channel(
            "/pose", "json", writer.register_schema("pose", "jsonschema", b"{}")
        )
        for number in range(_COUNT):
            at = round((_START + number * _CYCLE) * 1e9)
            writer.add_message(channel, at, b'{"frame": %d}' % number, at)
        writer.finish()
    return folder / "drive.mcap"


def _write_rosbag(folder: Path) -> Path:
    from rosbags.rosbag1 import Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS1_NOETIC)
    text = store.types["std_msgs/msg/String"]
    (folder / "drive.bag").unlink(missing_ok=True)
    with Writer(folder / "drive.bag") as writer:
        connection = writer.add_connection("/pose", "std_msgs/msg/String", typestore=store)
        for number in range(_COUNT):
            content = store.serialize_ros1(text(str(number)), "std_msgs/msg/String")
            writer.write(connection, round((_START + number * _CYCLE) * 1e9), bytes(content))
    return folder / "drive.bag"


WRITERS = {"BLF": _write_blf, "MDF4": _write_mdf4, "ROS 1 bag": _write_rosbag, "MCAP": _write_mcap}

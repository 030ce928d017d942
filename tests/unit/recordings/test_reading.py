"""Whole recordings are read with their times; damaged ones are refused with the offset."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stackproof.errors import CapabilityMissing
from stackproof.hosts.recordings import opening
from stackproof.hosts.recordings.model import Corrupt, RecordingError, Truncated
from stackproof.hosts.recordings.opening import load

COUNT = 300
FILES = [
    "BLF", "BLF, stored", "MDF4", "MDF4, plain", "ROS 1 bag", "ROS 1 bag, lz4", "ROS 1 bag, bz2",
    "MCAP", "MCAP, lz4", "MCAP, plain",
]  # fmt: skip
FOLDERS = ["ROS 2 bag", "ROS 2 bag of MCAP"]
CAN = FILES[:4]
Whole = Callable[[str], Path]
Damaged = Callable[[str, Callable[[bytes], bytes]], Path]


@pytest.mark.parametrize("kind", FILES + FOLDERS)
def test_a_recording_is_read_with_its_times(kind: str, whole: Whole) -> None:
    drive = load(whole(kind))
    due = [10_000_000 * number + 3_000_000 * (number % 10 == 0) for number in range(COUNT)]
    offsets = list(drive.offsets())
    assert len(offsets) == COUNT
    assert all(abs(found - (wanted - due[0])) <= 1_000 for found, wanted in zip(offsets, due, strict=True))
    assert kind.split(",")[0].startswith(drive.format)


@pytest.mark.parametrize("kind", CAN)
def test_can_frames_keep_their_identifiers_and_data(kind: str, whole: Whole) -> None:
    frames = load(whole(kind)).frames
    assert [one.can_id for one in frames] == [0x100 + number % 7 for number in range(COUNT)]
    assert [int.from_bytes(one.data, "big") for one in frames] == list(range(COUNT))


def test_messages_keep_their_topic_and_have_no_identifier(whole: Whole) -> None:
    frames = load(whole("MCAP")).frames
    assert {(one.channel, one.can_id) for one in frames} == {("/velocity", None)}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.77, 0.999])
def test_a_truncated_recording_is_refused_where_it_ends(kind: str, share: float, damaged: Damaged) -> None:
    path = damaged(kind, lambda data: data[: int(len(data) * share)])
    with pytest.raises(Truncated) as caught:
        load(path)
    assert caught.value.offset == path.stat().st_size
    assert f"{path}: at byte {caught.value.offset:,}: " in str(caught.value)


@pytest.mark.parametrize("kind", FILES)
def test_a_recording_that_lacks_its_last_byte_is_refused(kind: str, damaged: Damaged) -> None:
    with pytest.raises(Truncated):
        load(damaged(kind, lambda data: data[:-1]))


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("length", [1, 5])
def test_a_recording_of_a_few_bytes_is_refused(kind: str, length: int, damaged: Damaged) -> None:
    with pytest.raises(RecordingError):
        load(damaged(kind, lambda data: data[:length]))


def flipped(offset: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:offset] + bytes([data[offset] ^ 0xFF]) + data[offset + 1 :]


CHECKED = ["BLF", "MCAP", "MCAP, lz4", "MCAP, plain"]


@pytest.mark.parametrize("kind", CHECKED)
@pytest.mark.parametrize("share", [0.25, 0.4, 0.6])
def test_a_changed_byte_in_checked_content_is_refused_near_by(
    kind: str, share: float, whole: Whole, damaged: Damaged
) -> None:
    size = whole(kind).stat().st_size
    with pytest.raises(RecordingError) as caught:
        load(damaged(kind, flipped(int(size * share))))
    assert 0 <= caught.value.offset <= size


def test_a_changed_byte_in_a_chunk_of_a_bag_names_the_chunk(whole: Whole, damaged: Damaged) -> None:
    inside = whole("ROS 1 bag, bz2").read_bytes().index(b"compression=") + 120
    with pytest.raises(Corrupt, match="does not inflate") as caught:
        load(damaged("ROS 1 bag, bz2", flipped(inside)))
    assert caught.value.offset < inside


def test_an_index_that_names_no_chunk_is_refused(whole: Whole, damaged: Damaged) -> None:
    place = whole("ROS 1 bag").read_bytes().index(b"chunk_pos=") + len(b"chunk_pos=")
    with pytest.raises(Corrupt, match="names a chunk at byte"):
        load(damaged("ROS 1 bag", flipped(place)))


def test_a_changed_byte_of_a_deflated_block_names_the_block(whole: Whole, damaged: Damaged) -> None:
    block = whole("MDF4").read_bytes().index(b"##DZ")
    with pytest.raises(Corrupt, match="does not inflate") as caught:
        load(damaged("MDF4", flipped(block + 70)))
    assert caught.value.offset == block + 48


@pytest.mark.parametrize(
    ("kind", "needle", "step"),
    [("BLF", b"LOBJ", 0), ("BLF, stored", b"LOBJ", 0), ("MDF4", b"##HD", 0), ("MDF4, plain", b"##DG", 0)],
)
def test_a_lost_signature_is_named_at_its_byte(
    kind: str, needle: bytes, step: int, whole: Whole, damaged: Damaged
) -> None:
    place = whole(kind).read_bytes().index(needle)
    with pytest.raises(Corrupt) as caught:
        load(damaged(kind, flipped(place + step)))
    assert caught.value.offset == place


def test_records_that_are_counted_and_not_there_are_missed(whole: Whole, damaged: Damaged) -> None:
    data = whole("MDF4, plain").read_bytes()
    place = max(at for at in range(len(data) - 4) if data[at : at + 4] == b"##DT" and data[at + 8] > 24)

    def shorter(content: bytes) -> bytes:
        length = int.from_bytes(content[place + 8 : place + 16], "little")
        return content[: place + 8] + (length - 100).to_bytes(8, "little") + content[place + 16 :]

    with pytest.raises(Corrupt, match="its data hold"):
        load(damaged("MDF4, plain", shorter))


def test_an_mdf4_that_was_not_finalised_is_refused(damaged: Damaged) -> None:
    with pytest.raises(Truncated, match="not finalised"):
        load(damaged("MDF4", lambda data: b"UnFinMF " + data[8:]))


def test_a_blf_that_was_never_closed_is_refused(tmp_path: Path) -> None:
    import can

    writer = can.BLFWriter(tmp_path / "open.blf", max_container_size=64)
    for number in range(20):
        writer.on_message_received(can.Message(timestamp=1.6e9 + number, data=b"12345678"))
    writer.file.flush()
    with pytest.raises(Truncated, match="counts no object"):
        load(tmp_path / "open.blf")
    writer.stop()
    assert len(load(tmp_path / "open.blf").frames) == 20


def test_a_bag_without_an_index_is_refused(whole: Whole, damaged: Damaged) -> None:
    place = whole("ROS 1 bag").read_bytes().index(b"index_pos=") + len(b"index_pos=")
    with pytest.raises(Truncated, match="no index"):
        load(damaged("ROS 1 bag", lambda data: data[:place] + bytes(8) + data[place + 8 :]))


@pytest.mark.parametrize(("kind", "suffix"), [("ROS 2 bag", ".db3"), ("ROS 2 bag of MCAP", ".mcap")])
def test_a_truncated_part_of_a_folder_is_named(kind: str, suffix: str, whole: Whole, tmp_path: Path) -> None:
    folder = shutil.copytree(whole(kind), tmp_path / "bag")
    (part,) = folder.glob(f"*{suffix}")
    size = part.stat().st_size // 2
    part.write_bytes(part.read_bytes()[:size])
    with pytest.raises(Truncated) as caught:
        load(folder)
    assert (caught.value.file, caught.value.offset) == (str(part), size)


def test_a_database_with_a_ruined_page_names_the_page(whole: Whole, tmp_path: Path) -> None:
    folder = shutil.copytree(whole("ROS 2 bag"), tmp_path / "bag")
    (part,) = folder.glob("*.db3")
    data = part.read_bytes()
    page = 3 * 4096
    part.write_bytes(data[:page] + bytes([0x77]) * 64 + data[page + 64 :])
    with pytest.raises(Corrupt, match="the database is damaged") as caught:
        load(folder)
    assert caught.value.offset % 4096 == 0


def test_a_part_of_a_bag_alone_says_to_name_the_folder(whole: Whole) -> None:
    (part,) = whole("ROS 2 bag").glob("*.db3")
    with pytest.raises(RecordingError, match="name the bag's folder"):
        load(part)


@pytest.mark.parametrize("name", ["notes.txt", "drive.blf"])
def test_what_is_no_recording_is_told_what_can_be_one(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text("t;id;data\n0.0;100;00\n")
    with pytest.raises(RecordingError, match="none of the known formats") as caught:
        load(path)
    assert "BLF, MDF4, ROS 1 bag, ROS 2 bag, MCAP" in caught.value.hint


def test_a_folder_that_is_no_bag_and_a_file_that_is_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"metadata\.yaml"):
        load(tmp_path)
    with pytest.raises(RecordingError, match="cannot be read"):
        load(tmp_path / "none.blf")


def test_an_mdf4_without_can_frames_says_what_it_needs(tmp_path: Path) -> None:
    import numpy
    from asammdf import MDF, Signal

    with MDF(version="4.10") as mdf:
        times = numpy.arange(10) / 100
        mdf.append([Signal(times * 3.6, times, name="velocity", unit="km/h")])
        mdf.save(tmp_path / "signals.mf4")
    with pytest.raises(RecordingError, match="nothing to replay") as caught:
        load(tmp_path / "signals.mf4")
    assert "bus logging" in caught.value.hint


def test_frames_behind_later_ones_are_put_in_order_and_counted(tmp_path: Path) -> None:
    import can

    with can.BLFWriter(tmp_path / "drive.blf") as writer:
        for at in (0.0, 0.02, 0.01, 0.03):
            writer.on_message_received(can.Message(timestamp=1.6e9 + at, data=bytes([round(at * 100)])))
    drive = load(tmp_path / "drive.blf")
    assert [one.data[0] for one in drive.frames] == [0, 1, 2, 3]
    assert drive.disordered == 1


def test_error_frames_are_counted_and_not_replayed(tmp_path: Path) -> None:
    import can

    with can.BLFWriter(tmp_path / "drive.blf") as writer:
        writer.on_message_received(can.Message(timestamp=1.6e9, data=b"1"))
        writer.on_message_received(can.Message(timestamp=1.6e9 + 1, is_error_frame=True))
    drive = load(tmp_path / "drive.blf")
    assert (len(drive.frames), drive.errors) == (1, 1)


def test_a_missing_library_is_named_with_what_adds_it(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "find_spec", lambda name: None)
    with pytest.raises(CapabilityMissing, match=r"asammdf.*stackproof\[hil\]"):
        load(whole("MDF4"))

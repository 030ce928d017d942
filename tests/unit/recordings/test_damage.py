"""Whatever is wrong with a recording, it is refused with the byte, and the process that reads it lives on."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackproof.errors import BackendError
from stackproof.hosts.recordings import apart, mdf4, rosbag
from stackproof.hosts.recordings.model import Corrupt, RecordingError
from stackproof.hosts.recordings.opening import load

Whole = Callable[[str], Path]
Damaged = Callable[[str, Callable[[bytes], bytes]], Path]


def channel_of(data: bytes, bits: int) -> int:
    """Where the own part of a CN block stands whose channel has so many bits."""
    at = 0
    while (at := data.index(b"##CN", at + 1)) >= 0:
        start = at + 24 + 8 * int(struct.unpack_from("<Q", data, at + 16)[0])
        if struct.unpack_from("<L", data, start + 8)[0] == bits:
            return start
    raise AssertionError(bits)


def outside(data: bytes) -> bytes:
    """A channel far behind its record: what asammdf, as it is, dies of."""
    place = channel_of(data, 8) + 7
    return data[:place] + b"\x08" + data[place + 1 :]


def test_a_channel_outside_of_its_records_is_refused_at_its_place(whole: Whole, damaged: Damaged) -> None:
    place = channel_of(whole("MDF4").read_bytes(), 8) + 4
    with pytest.raises(Corrupt, match="a channel lies outside of its records") as caught:
        load(damaged("MDF4", outside))
    assert caught.value.offset == place


def test_what_kills_the_library_is_told_and_the_next_recording_is_read(
    whole: Whole, damaged: Damaged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mdf4, "_laid_out", lambda *_: None)
    with pytest.raises(Corrupt, match="asammdf, which was reading from here, died of SIG") as caught:
        load(damaged("MDF4", outside))
    assert 0 < caught.value.offset < whole("MDF4").stat().st_size
    assert len(load(whole("MDF4")).frames) == 300


def test_what_the_library_refuses_is_told_with_the_byte(damaged: Damaged) -> None:
    with pytest.raises(Corrupt, match=r"at byte [0-9,]+: asammdf does not read on from here: .*Error: "):
        load(damaged("MDF4", lambda data: data.replace(b"DataBytes", b"DataBytez")))


def test_a_decoder_that_is_gone_is_an_error_and_is_started_again(
    whole: Whole, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "program.py"
    broken.write_text("raise SystemExit(7)\n")
    monkeypatch.setattr(apart, "_DECODER", apart._Decoder())
    with monkeypatch.context() as patch:
        patch.setattr(apart.program, "__file__", str(broken))
        with pytest.raises(BackendError, match="ended with 7 before it answered"):
            load(whole("MDF4"))
    assert apart._DECODER._process is not None
    assert apart._DECODER._process.poll() == 7


def test_a_chunk_that_inflates_to_more_than_there_is_is_refused_at_its_size(damaged: Damaged) -> None:
    def larger(data: bytes) -> bytes:
        at = data.index(b"\x06", 60)
        while struct.unpack_from("<Q", data, at + 1)[0] > len(data):
            at = data.index(b"\x06", at + 1)
        return data[: at + 25] + b"\xff" * 8 + data[at + 33 :]

    with pytest.raises(Corrupt, match="inflates to 18,446,744,073,709,551,615"):
        load(damaged("MCAP", larger))


def test_what_a_library_asserts_is_a_refusal(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    def messages(content: object) -> None:
        raise AssertionError

    monkeypatch.setattr(rosbag, "_messages", messages)
    with pytest.raises(Corrupt, match=r"at byte [0-9,]+: what follows here cannot be read as ROS 1 bag: A"):
        load(whole("ROS 1 bag"))


@pytest.mark.parametrize(
    ("old", "new", "least"), [("files:", "fi\tles: [", 40), ("version: 9", "version: 99", 0)]
)
def test_a_folder_that_is_described_wrongly_is_refused_at_its_description(
    old: str, new: str, least: int, whole: Whole, tmp_path: Path
) -> None:
    folder = shutil.copytree(whole("ROS 2 bag"), tmp_path / "bag")
    file = folder / "metadata.yaml"
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(Corrupt, match="does not open as it is described") as caught:
        load(folder)
    assert caught.value.file == str(file)
    assert least <= caught.value.offset <= file.stat().st_size


def test_what_has_no_end_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(RecordingError, match="is no regular file") as caught:
            load(path)
        assert caught.value.offset == 0


def test_what_is_no_recording_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as stream:
        stream.truncate(1 << 43)
    with pytest.raises(RecordingError, match="none of the known formats"):
        load(tmp_path / "large")


def test_a_recording_larger_than_the_memory_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "large.blf").open("wb") as stream:
        stream.write(b"LOGG")
        stream.truncate(1 << 43)
    with pytest.raises(RecordingError, match="do not fit into memory"):
        load(tmp_path / "large.blf")


def refused_at(path: Path) -> int | None:
    """The byte that a refusal names; None for what is read, or is whole and holds nothing."""
    try:
        load(path)
    except RecordingError as error:
        return None if "nothing to replay" in error.message else error.offset
    return None


KINDS = ["BLF", "ROS 1 bag", "ROS 1 bag, bz2", "MCAP", "MCAP, lz4", "MDF4", "MDF4, plain"]
PLACES = st.one_of(st.floats(0, 1, exclude_max=True), st.floats(0, 0.1))
CHANGES = st.sampled_from([b"\x00" * 8, b"\xff" * 8, b"\x01", b"\x80", b"", b"\x7f\xff"])


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(place=PLACES, change=CHANGES, cut=st.integers(0, 9))
def test_a_mutated_recording_is_read_or_refused_with_its_byte(
    kind: str, place: float, change: bytes, cut: int, whole: Whole, damaged: Damaged
) -> None:
    size = whole(kind).stat().st_size
    at = int(place * size)
    path = damaged(kind, lambda data: data[:at] + change + data[at + (cut or len(change)) :])
    offset = refused_at(path)
    assert offset is None or 0 <= offset <= size + len(change)

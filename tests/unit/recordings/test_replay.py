"""A drive goes over the wire at its recorded times, and what it missed is reported and judged."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackproof.cli.rig import replay_command
from stackproof.errors import BackendError, UsageError
from stackproof.hosts.recordings import agent
from stackproof.hosts.recordings.model import Drive, Frame, RecordingError
from stackproof.hosts.recordings.opening import load
from stackproof.hosts.recordings.replay import as_bytes, matched, pack, replay
from stackproof.hosts.recordings.timing import Limit, Replayed, Spread, exceeded, spread, told

MS = 1_000_000


def drive(*frames: Frame) -> Drive:
    return Drive("drive", "test", frames)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def loop() -> str:
    return f"udp:127.0.0.1:{free_port()}"


@pytest.mark.parametrize("kind", ["BLF", "MCAP", "ROS 1 bag"])
def test_every_frame_arrives_in_order_at_about_its_time(
    kind: str, whole: Callable[[str], Path], loop: str
) -> None:
    recorded = load(whole(kind))
    result = replay(recorded, loop, listen=loop)
    assert result.lost == 0
    assert list(result.passed) == sorted(at for at in result.passed if at is not None)
    # Of a loaded machine no more can be asked than that the drive was not simply poured out.
    assert result.drift > -recorded.duration // 10
    assert result.recorded.p50 == pytest.approx(10 * MS, abs=1000)


def test_without_a_listener_the_times_are_those_of_sending(loop: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", int(loop.rpartition(":")[2])))
        result = replay(drive(*(Frame(number * MS, "t", b"x") for number in range(5))), loop)
    assert result.lost == 0
    assert result.passed == tuple(sorted(result.passed, key=lambda at: at or 0))


def test_what_never_arrives_is_lost(loop: str) -> None:
    frames = drive(Frame(0, "t", b"a"), Frame(MS, "t", b"b"), Frame(2 * MS, "t", b"a"))
    result = matched(frames, [(10, b"a"), (30, b"a")])
    assert result.passed == (10, None, 30)
    assert any("1 of 3 frames were lost" in one for one in exceeded(result, Limit()))


def test_each_limit_is_judged_by_itself() -> None:
    due = tuple(number * 10 * MS for number in range(200))
    late = {150: 3 * MS}
    result = Replayed(due, tuple(at + late.get(number, 0) for number, at in enumerate(due)))
    assert result.deviation == Spread(199, 0, 3 * MS, 3 * MS)
    assert exceeded(result, Limit(p99=timedelta(milliseconds=5))) == (
        "the worst gap deviates by 3.000 ms, at most 2.000 ms",
    )
    assert exceeded(result, Limit(p99=timedelta(milliseconds=5), maximum=timedelta(milliseconds=3))) == ()


def test_the_figures_of_a_replay_stand_beside_their_limits() -> None:
    result = Replayed((0, 10**7, 2 * 10**7, 3 * 10**7), (0, 10**7 + 4 * 10**5, 2 * 10**7, None))
    assert told(result, Limit()) == (
        "4 frames, gaps off by p50 0.400 ms (at most 0.500 ms), p99 0.400 ms (at most 1.000 ms), "
        "maximum 0.400 ms (at most 2.000 ms), drift 0.000 ms (at most 2.000 ms), 1 lost"
    )
    lost = Replayed((0, 10**7), (None, None))
    assert told(lost, Limit()) == "2 frames, 2 lost: no gap between two that arrived"


def test_a_replay_that_is_slower_drifts() -> None:
    due = tuple(number * 10 * MS for number in range(100))
    slow = Replayed(due, tuple(at + at // 1000 for at in due))
    assert slow.drift == due[-1] // 1000
    assert exceeded(slow, Limit(drift=timedelta(microseconds=900))) == (
        "the whole drifts by 0.990 ms, at most 0.900 ms",
    )


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=300))
def test_percentiles_are_values_that_occur(values: list[int]) -> None:
    found = spread(values)
    assert {found.p50, found.p99, found.maximum} <= set(values)
    assert found.p50 <= found.p99 <= found.maximum == max(values)
    assert sum(one <= found.p99 for one in values) * 100 >= 99 * len(values)
    assert sum(one < found.p50 for one in values) * 2 <= len(values)


FRAMES = st.builds(
    Frame,
    at=st.integers(0, 10**12),
    channel=st.just("0"),
    data=st.binary(max_size=8),
    can_id=st.integers(0, 0x7FF),
    remote=st.booleans(),
)


@settings(deadline=None)
@given(st.lists(FRAMES, min_size=1, max_size=20))
def test_a_packed_drive_holds_what_is_sent_and_when(frames: list[Frame]) -> None:
    frames.sort(key=lambda one: one.at)
    whole = drive(*frames)
    unpacked = agent.unpack(pack(whole))
    assert [due for due, _ in unpacked] == list(whole.offsets())
    assert [data[8 : 8 + data[4]] for _, data in unpacked] == [one.data for one in frames]
    assert all(len(data) == 16 for _, data in unpacked)


@pytest.mark.parametrize("cut", [3, 14, 16])
def test_a_packed_drive_that_is_cut_off_is_refused(cut: int) -> None:
    with pytest.raises(ValueError, match="cut off"):
        agent.unpack(pack(drive(Frame(0, "t", b"abcdef")))[:cut])


def test_flexible_data_rate_frames_are_longer_and_keep_their_switch() -> None:
    slow = Frame(0, "0", bytes(64), can_id=1, fd=True)
    fast = Frame(0, "0", bytes(64), can_id=0x1ABCDEF0, extended=True, fd=True, bit_rate_switch=True)
    one, other = as_bytes(drive(slow, fast))
    assert (len(one), len(other), one[5], other[5]) == (72, 72, 0, 1)
    assert int.from_bytes(other[:4], "little") == 0x9ABCDEF0


def test_messages_do_not_go_over_can() -> None:
    with pytest.raises(UsageError, match="holds no CAN frame"):
        replay(drive(Frame(0, "/velocity", b"{}")), "can:can0")


def test_a_message_larger_than_a_datagram_is_refused(loop: str) -> None:
    with pytest.raises(RecordingError, match="70,000 bytes"):
        replay(drive(Frame(0, "/image", bytes(70_000))), loop)


@pytest.mark.parametrize("target", ["tcp:127.0.0.1:5", "udp:127.0.0.1:many"])
def test_a_target_that_is_none_is_refused(target: str) -> None:
    with pytest.raises(UsageError):
        replay(drive(Frame(0, "t", b"x")), target)


def test_an_interface_that_is_not_there_is_told() -> None:
    with pytest.raises(BackendError, match="replaying to can:nocan9 failed"):
        replay(drive(Frame(0, "0", b"x", can_id=1)), "can:nocan9")


def test_the_command_reports_the_gaps_and_judges_them(
    whole: Callable[[str], Path], loop: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from stackproof.cli.rig import command

    path = str(whole("BLF"))
    assert command.main(["replay", path], standalone_mode=False) == 0
    assert "BLF, 300 frames" in capsys.readouterr().out
    wide = ["--p99", "10 s", "--maximum", "10 s", "--drift", "10 s", "--format", "json"]
    command.main(["replay", path, "--to", loop, "--listen", loop, *wide], standalone_mode=False)
    document = json.loads(capsys.readouterr().out)
    assert set(document["gaps_nanoseconds"]) == {"recorded", "replayed", "deviation"}
    assert document["lost"] == 0
    strict = ["--maximum", "0 ms"]
    assert command.main(["replay", path, "--to", loop, "--listen", loop, *strict], standalone_mode=False) == 1
    assert "limit broken: the worst gap deviates by" in capsys.readouterr().out


@pytest.mark.parametrize(
    "target",
    [
        "udp:127.0.0.1:99999",
        "udp:127.0.0.1",
        "udp::5000",
        "udp:::1:5",
        "udp:h:0",
        "can:",
        "can:" + "c" * 16,
        "x:y",
        "",
    ],
)
@pytest.mark.parametrize("listening", [False, True])
def test_what_is_no_target_is_refused_before_anything_is_sent(target: str, listening: bool) -> None:
    frames = drive(Frame(0, "t", b"a"))
    with pytest.raises(UsageError, match="can:INTERFACE or udp:HOST:PORT"):
        replay(
            frames, "udp:127.0.0.1:9" if listening else target, listen=(target or "?") if listening else ""
        )


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--listen", "udp:127.0.0.1:5000"], "--listen without --to"), (["--to", "udp:h"], "udp:HOST:PORT")],
)
def test_the_command_refuses_targets_before_it_reads_the_recording(
    options: list[str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=said):
        replay_command.main([str(tmp_path / "none"), *options], standalone_mode=False)

"""What the user-mode-linux kernel is given, without booting one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from stackproof.errors import ConfigError
from stackproof.hosts.document import parse
from stackproof.hosts.model import HostEntry
from stackproof.hosts.providers.uml import UmlProvider
from stackproof.hosts.providers.uml_guest import wants_shim


@pytest.mark.parametrize(("flags", "wanted"), [("fpu avx512f amx_tile amx_int8", True), ("fpu avx2", False)])
def test_the_shim_is_for_processors_with_amx(flags: str, wanted: bool, tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    assert wants_shim(info) is wanted
    assert wants_shim(tmp_path / "none") is False


def host(text: str, *capabilities: str) -> HostEntry:
    settings = parse(text, "lab.yml")
    return HostEntry("rig", "uml", ("hil",), capabilities=frozenset(capabilities), settings=settings)


def test_a_host_by_uml_may_have_can_and_no_hardware_time_stamps() -> None:
    UmlProvider().check(host("{image: rig, memory: 256}", "can", "own-kernel", "vlan"))
    with pytest.raises(ConfigError, match="stamps packets in software"):
        UmlProvider().check(host("{image: rig}", "hardware-time-stamps"))


@pytest.mark.parametrize("text", ["{image: rig, memory: 64}", "{memory: 256}", "{image: rig, cpus: 2}"])
def test_settings_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"lab\.yml:1:"):
        UmlProvider().check(host(text))


def test_the_grandmaster_is_needed_only_where_it_is_asked_for() -> None:
    names = {one.name for one in UmlProvider().needs(host("{image: rig}"))}
    with_time = {one.name for one in UmlProvider().needs(host("{image: rig, grandmaster: true}"))}
    assert with_time - names == {"ptp4l"}


def test_a_connection_is_handed_over() -> None:
    own, other = socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as server, own, other:
        address, port = server.getsockname()
        command = [sys.executable, "-m", "stackproof.hosts.fdpass", address, str(port)]
        subprocess.run(command, stdout=other, check=True, timeout=30)
        _, (handed,), _, _ = socket.recv_fds(own, 16, 1)
        accepted, _ = server.accept()
        with accepted:
            os.write(handed, b"hello")
            os.close(handed)
            assert accepted.recv(16) == b"hello"


def test_nobody_to_connect_to_is_told(free_address: tuple[str, int]) -> None:
    command = [sys.executable, "-m", "stackproof.hosts.fdpass", free_address[0], str(free_address[1])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, "refused" in done.stderr) == (1, True)


@pytest.fixture
def free_address() -> tuple[str, int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address: tuple[str, int] = server.getsockname()
    return address

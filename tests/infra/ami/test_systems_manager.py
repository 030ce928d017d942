"""The aws-ssm backend on the image, behind a Systems Manager of our own: the same answers as by chroot."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from testinfra.host import Host

from stackproof.hosts.model import Running
from stackproof.hosts.programs import CLEAN
from stackproof.hosts.ssm import SsmBackend

pytestmark = [pytest.mark.hosts(form="image"), pytest.mark.capability("image")]


class Agent:
    """Runs what is sent in the root file system and answers as GetCommandInvocation does."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.done: dict[str, Any] = {}

    def send_command(self, **request: Any) -> dict[str, Any]:
        script = "\n".join(request["Parameters"]["commands"])
        identity = str(len(self.done))
        command = ["chroot", self.root, "/bin/sh", "-c", script]
        self.done[identity] = subprocess.run(command, capture_output=True, text=True, env=CLEAN)
        return {"Command": {"CommandId": identity}}

    def get_command_invocation(self, **request: Any) -> dict[str, Any]:
        done = self.done[request["CommandId"]]
        trailer = f"failed to run commands: exit status {done.returncode}" if done.returncode else ""
        return {
            "Status": "Failed" if done.returncode else "Success",
            "ResponseCode": done.returncode,
            "StandardOutputContent": done.stdout[:24_000],
            "StandardErrorContent": (done.stderr + trailer)[:8_000],
        }


@pytest.fixture
def over_systems_manager(inspected: Running) -> Host:
    backend = SsmBackend("eu-west-1@i-0123456789abcdef0", clients=lambda _: Agent(inspected.paths["root"]))
    host = Host(backend)
    backend.set_host(host)
    # One agent for all calls: the backend keeps the client that it is given first.
    return host


@pytest.mark.parametrize(
    "command",
    [
        "cat /etc/os-release",
        "ls /nowhere",
        "printf 'a b' | wc -c; exit 7",
        "grep -c . /etc/passwd",
        "echo \"$0 '$HOME'\" >&2; false",
    ],
)
def test_a_command_answers_the_same(inspected_host: Host, over_systems_manager: Host, command: str) -> None:
    one, other = inspected_host.run(command), over_systems_manager.run(command)
    assert (other.rc, other.stdout, other.stderr) == (one.rc, one.stdout, one.stderr)


@pytest.mark.parametrize("path", ["/etc/shadow", "/etc/ssh/sshd_config", "/nowhere", "/bin", "/etc/cron.d"])
def test_a_file_is_the_same(inspected_host: Host, over_systems_manager: Host, path: str) -> None:
    def facts(host: Host) -> list[object]:
        file = host.file(path)
        return [file.exists] + ([file.mode, file.user, file.group, file.is_directory] if file.exists else [])

    assert facts(over_systems_manager) == facts(inspected_host)


@pytest.mark.parametrize("name", ["sudo", "openssh-server", "telnetd"])
def test_a_package_is_the_same(inspected_host: Host, over_systems_manager: Host, name: str) -> None:
    one, other = inspected_host.package(name), over_systems_manager.package(name)
    assert other.is_installed == one.is_installed
    if one.is_installed:
        assert other.version == one.version


def test_users_and_groups_are_the_same(inspected_host: Host, over_systems_manager: Host) -> None:
    for name in ("root", "sshd", "nobody"):
        one, other = inspected_host.user(name), over_systems_manager.user(name)
        assert (other.uid, other.groups, other.shell) == (one.uid, one.groups, one.shell)

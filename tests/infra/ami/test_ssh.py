"""Logins: who is in the group and has the key comes in, over one shared connection; others do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from testinfra.host import Host

from stackproof.hosts.model import Running, Ssh
from stackproof.hosts.reach import host_of
from stackproof.hosts.session import Session

pytestmark = [pytest.mark.hosts(state="faulty"), pytest.mark.capability("network", "transient")]


@pytest.fixture(scope="module")
def key(inspection: Session) -> str:
    path = inspection.scratch("key") / "id"
    inspection.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)])
    return str(path)


@pytest.fixture
def login(inspected: Running, inspected_host: Host, inspection: Session, key: str) -> Iterator[Host]:
    """The host, reached by ssh as a user who may log in."""
    with open(f"{key}.pub", encoding="utf-8") as file:
        public = file.read().strip()
    script = (
        "useradd -m -s /bin/sh -G ssh-users visitor && install -d -m 700 -o visitor ~visitor/.ssh && "
        f"echo '{public}' > ~visitor/.ssh/authorized_keys && chown visitor ~visitor/.ssh/authorized_keys"
    )
    inspected_host.run_expect([0], "sh -c %s", script)
    ssh = Ssh(
        user="visitor",
        identity=key,
        known_hosts=f"{key}.hosts",
        proxy=f"ip netns exec {inspected.paths['lan']} nc %h %p",
    )
    inspection.run(
        ["sh", "-c", f"ip netns exec {inspected.paths['lan']} ssh-keyscan {inspected.address} > {key}.hosts"]
    )
    yield host_of(replace(inspected, url=f"ssh://{inspected.address}", ssh=ssh), inspection)
    inspected_host.run("pkill -u visitor; userdel -rf visitor")


def test_a_member_of_the_group_with_the_key_comes_in(login: Host) -> None:
    assert login.check_output("id -un; id -Gn") == "visitor\nvisitor ssh-users"


def test_commands_share_one_connection(login: Host, inspected_host: Host) -> None:
    for _ in range(5):
        assert login.run("true").rc == 0
    established = inspected_host.check_output("ss -Htn state established sport = :22").splitlines()
    assert len(established) == 1


def test_who_is_not_in_the_group_is_refused(login: Host, inspected_host: Host) -> None:
    inspected_host.run_expect([0], "gpasswd -d visitor ssh-users")
    with pytest.raises(RuntimeError, match="Permission denied"):
        login.run("true")

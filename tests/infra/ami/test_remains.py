"""What must not be left in an image: keys, secrets, the identity of the machine that it was built on."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from testinfra.host import Host

from stackproof.hosts.benchmark.accounts import users
from stackproof.hosts.benchmark.view import View
from stackproof.hosts.differs import Differs
from stackproof.hosts.document import parse

pytestmark = [pytest.mark.hosts(state="hardened", form="image"), pytest.mark.capability("image")]

FOLDERS = "/etc /root /home /opt /srv /usr/local /var/lib /var/log /var/tmp"
SECRETS = {
    "private_key": r"-----BEGIN ([A-Z]+ )?PRIVATE KEY-----",
    "access_key": r"(^|[^A-Z0-9])(AKIA|ASIA)[A-Z0-9]{16}([^A-Z0-9]|$)",
    "secret_key": r"aws_secret_access_key[ \t]*=[ \t]*[A-Za-z0-9/+]{40}",
    "token": r"(gh[pousr]_[A-Za-z0-9]{36}|xox[abp]-[0-9A-Za-z-]{10,})",
    "password_in_a_url": r"[a-z]+://[^/@: ]+:[^/@ ]+@",
}


@pytest.mark.parametrize("pattern", SECRETS.values(), ids=SECRETS.keys())
def test_no_file_holds_a_secret(inspected_host: Host, pattern: str) -> None:
    done = inspected_host.run(f"grep -rIlE -e %s {FOLDERS} 2>/dev/null", pattern)
    assert done.stdout == ""


def test_the_scan_finds_a_secret_where_one_is() -> None:
    """The patterns are ones that match: otherwise the scan would pass on everything."""
    samples = {
        "private_key": "-----BEGIN OPENSSH " + "PRIVATE KEY-----",
        "access_key": "id=AKIA" + "ABCDEFGHIJKLMNOP",
        "secret_key": "aws_secret_access_key = " + "a" * 40,
        "token": "ghp_" + "a" * 36,
        "password_in_a_url": "https://user:" + "word@example.com/",
    }
    assert {name for name, text in samples.items() if re.search(SECRETS[name], text)} == set(SECRETS)


@pytest.mark.parametrize(
    "pattern",
    [
        "/root/.ssh/*",
        "/home/*/.ssh/authorized_keys",
        "/etc/ssh/ssh_host_*",
        "/root/.bash_history",
        "/root/.aws/*",
    ],
)
def test_keys_and_histories_of_the_build_are_gone(view: View, pattern: str) -> None:
    assert view.stats([pattern]) == []


def test_no_account_of_the_build_is_left(view: View) -> None:
    """Packer's account, its home, its right to be root: they were for the build alone."""
    assert [one.name for one in users(view) if 1000 <= one.uid < 65534] == []
    assert view.stats(["/home/*"]) == []
    sudoers = view.lines(["/etc/sudoers", "/etc/sudoers.d/*"])
    assert [line for _, line in sudoers if "NOPASSWD" in line] == []


def test_each_machine_made_from_it_gets_an_identity_of_its_own(inspected_host: Host) -> None:
    assert inspected_host.file("/etc/machine-id").content_string.strip() == ""


def test_nobody_has_a_password(view: View) -> None:
    assert [one.name for one in users(view) if one.has_password] == []


def test_the_log_of_the_system_is_shipped(inspected_host: Host, root: Path) -> None:
    """Each log goes where the recipe of the image says."""
    recipe = root / "templates/ami-builder/ansible/roles/log_shipping/defaults/main.yml"
    told = parse(recipe.read_text(encoding="utf-8"), recipe.relative_to(root).as_posix())
    file = inspected_host.file(told.text("log_shipping_config")).content_string
    collected = json.loads(file)["logs"]["logs_collected"]["files"]["collect_list"]
    shipped = {one["file_path"]: one["log_group_name"] for one in collected}
    written = [
        (one.text("file"), one.text("group"), one.place("group")) for one in told.listed("log_shipping_logs")
    ]
    assert ("/var/log/messages", "system_logs") in {(log, group) for log, group, _ in written}
    for log, group, place in written:
        if shipped.get(log) != group:
            shown = shipped.get(log, "that it is not shipped")
            raise Differs(f"group of {log}", said=group, shown=shown, location=place)

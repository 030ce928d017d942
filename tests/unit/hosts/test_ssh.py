"""The ssh_config of a host, as ssh itself understands it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackproof.errors import ConfigError
from stackproof.hosts.model import Ssh
from stackproof.hosts.ssh import write_config


def understood(folder: Path, ssh: Ssh, host: str = "web1") -> dict[str, str]:
    config = write_config(folder, ssh, folder, number=3)
    done = subprocess.run(["ssh", "-G", "-F", str(config), host], capture_output=True, text=True, check=True)
    return dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)


@pytest.fixture
def short(tmp_path: Path) -> Iterator[Path]:
    """A folder whose path a socket can bear, wherever the tests run."""
    folder = Path("/tmp") / f"sp-{tmp_path.name}"[:40]
    folder.mkdir(exist_ok=True)
    yield folder
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def test_connections_are_shared_unless_the_inventory_says_otherwise(short: Path) -> None:
    options = understood(short, Ssh())
    assert (options["controlmaster"], options["controlpersist"]) == ("auto", "60")
    assert options["controlpath"].startswith(f"{short}/c3")
    assert understood(short, Ssh(multiplex=False))["controlmaster"] == "false"


def test_a_host_that_says_nothing_any_more_is_given_up_after_a_minute(short: Path) -> None:
    assert [understood(short, Ssh())[f"serveralive{one}"] for one in ("interval", "countmax")] == ["15", "4"]
    (short / "own").write_text("Host *\n  ServerAliveInterval 3\n", encoding="utf-8")
    for multiplex in (True, False):
        options = understood(short, Ssh(config="own", multiplex=multiplex))
        assert (options["serveraliveinterval"], options["serveralivecountmax"]) == ("3", "4")


def test_nobody_is_asked_for_a_password(short: Path) -> None:
    assert understood(short, Ssh())["batchmode"] == "yes"


def test_what_the_inventory_says_wins_over_the_included_file(short: Path) -> None:
    (short / "own").write_text("Host web1\n  User file\n  Port 7\n  HostName 192.0.2.9\n", encoding="utf-8")
    options = understood(short, Ssh(user="inventory", config="own"))
    assert (options["user"], options["port"], options["hostname"]) == ("inventory", "7", "192.0.2.9")


def test_an_included_file_may_say_how_connections_are_shared(short: Path) -> None:
    (short / "own").write_text("Host *\n  ControlMaster no\n", encoding="utf-8")
    assert understood(short, Ssh(config="own"))["controlmaster"] == "false"


def test_keys_and_ways_around_are_passed_on(short: Path) -> None:
    options = understood(short, Ssh(identity="key", proxy="nc %h %p", port=2222))
    assert options["identityfile"] == str(short / "key")
    assert (options["identitiesonly"], options["proxycommand"], options["port"]) == (
        "yes",
        "nc %h %p",
        "2222",
    )


def test_a_configuration_that_is_not_there_is_an_error(short: Path) -> None:
    with pytest.raises(ConfigError, match="not there"):
        write_config(short, Ssh(config="none"), short)


def test_a_folder_too_long_for_a_socket_is_an_error_with_advice(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    with pytest.raises(ConfigError, match="STACKPROOF_HOSTS"):
        write_config(folder, Ssh(), tmp_path)


def test_a_value_that_would_be_another_option_is_refused(short: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be"):
        write_config(short, Ssh(user="me\n  ProxyCommand evil"), short)

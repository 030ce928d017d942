"""A broken way to a host is an error of the host and never the exit code of a command."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from testinfra.host import Host

from stackproof.errors import BackendError, ConfigError
from stackproof.hosts.inventory import loads
from stackproof.hosts.lost import HostUnreachable
from stackproof.hosts.model import Inventory, Running
from stackproof.hosts.reach import host_of
from stackproof.hosts.session import Session
from stackproof.hosts.ssm import SsmBackend

Stub = Callable[[str, str], None]

SYSTEM = subprocess.run(
    ["/bin/sh", "-c", '. /etc/os-release; echo "$ID-${VERSION_ID:-0}"'], capture_output=True, text=True
).stdout.strip()


def inventory(url: str, more: str = "", system: str = SYSTEM) -> Inventory:
    text = f"suites: {{s: {{checks: 1}}}}\nhosts:\n  box:\n    suites: [s]\n    url: {url}\n"
    return loads(f"{text}    system: {system}\n{more}", "inventory.yml")


@pytest.fixture
def reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Session, Host]]]:
    """Makes a session and the host ``box`` of it; ``made`` is the URL that its provider gives."""
    sessions: list[Session] = []
    # A control socket of ssh takes no long path.
    cache = Path(tempfile.mkdtemp(prefix="sp-"))

    def make(url: str = "local://", made: str = "", **options: str) -> tuple[Session, Host]:
        session = Session(inventory(url, **options), tmp_path, cache)
        sessions.append(session)
        if made:
            monkeypatch.setattr(session, "_start", lambda entry: Running(entry, made, frozenset()))
        return session, host_of(session.host("box"), session)

    yield make
    for one in sessions:
        one.close()
    shutil.rmtree(cache)


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stub:
    """Puts a program before all others: its name and the script that it is."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def put(name: str, script: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (folder / name).chmod(0o755)

    return put


UP = '[ -e "$0.down" ] && { echo "Error: it does not run" >&2; exit %d; }; '


def take_down(tmp_path: Path, name: str) -> None:
    (tmp_path / "bin" / f"{name}.down").touch()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("chroot:///nonexistent", "there is no folder /nonexistent"),
        ("ssh://root@127.0.0.1:1", "Connection refused"),
        ("docker://nosuch", "No such container: nosuch"),
        ("aws-ssm://i-0123456789abcdef0", "region"),
    ],
)
def test_a_host_that_is_not_there_is_named_and_what_to_check(
    reached: Callable[..., object], stub: Stub, url: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub("docker", "echo 'Error: No such container: nosuch' >&2; exit 1")
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    messages = set()
    for _ in range(2):
        with pytest.raises(HostUnreachable, match=r"box cannot be reached: .*; check ") as failed:
            reached(url)
        messages.add(str(failed.value))
    (message,) = messages
    assert said in message
    assert not {part for part in ("object at", "sessions", "ID=") if part in message}


@pytest.mark.parametrize(("kind", "code"), [("docker", 1), ("podman", 125), ("kubectl", 1)])
def test_a_container_that_ends_in_mid_run_is_lost_and_not_a_command_that_failed(
    reached: Callable[..., tuple[Session, Host]], stub: Stub, tmp_path: Path, kind: str, code: int
) -> None:
    stub(kind, UP % code + 'while [ "$1" != /bin/sh ]; do shift; done; exec "$@"')
    session, host = reached(f"{kind}://box")
    failed = host.run("echo out; echo err >&2; exit %s", "1")
    assert (failed.rc, failed.stdout, failed.stderr) == (1, "out\n", "err\n")
    assert host.run("exit 127").rc == 127
    take_down(tmp_path, kind)
    with pytest.raises(HostUnreachable, match="it does not run"):
        host.run("grep -q nobody /etc/passwd")
    with pytest.raises(HostUnreachable):
        session.host("box")


def test_ssh_that_fails_is_never_the_code_of_a_command(
    reached: Callable[..., tuple[Session, Host]], stub: Stub, tmp_path: Path
) -> None:
    stub("ssh", UP % 255 + 'for last; do :; done; exec /bin/sh -c "$last"')
    session, host = reached("ssh://web")
    assert host.run("exit 127").rc == 127
    with pytest.raises(BackendError, match="the connection to box broke while 'exit 255' ran"):
        host.run("exit 255")
    assert session.failed("box") is None
    take_down(tmp_path, "ssh")
    with pytest.raises(HostUnreachable, match="it does not run; check the url, the login"):
        host.run("true")
    assert session.failed("box") is not None
    session.forget("box")
    assert session.failed("box") is None


def test_a_folder_is_entered_with_a_few_variables_and_without_administrators_path(
    reached: Callable[..., tuple[Session, Host]], stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "sh").symlink_to("/bin/sh")
    stub("chroot", '[ -e "$1/bin/sh" ] || exit 127; shift; exec "$@"')
    monkeypatch.setenv("FOO_SECRET", "known")
    session, host = reached(f"chroot://{root}")
    assert host.check_output("echo $FOO_SECRET$HOME:$PATH") == (
        "/root:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    )
    assert host.run("nosuchprogram").rc == 127
    (root / "bin" / "sh").unlink()
    with pytest.raises(HostUnreachable, match="has no /bin/sh"):
        host.run("grep -q ^root: /etc/passwd")
    assert session.failed("box") is not None


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot is for root")
def test_chroot_is_found_though_the_path_has_no_folder_of_administrators(
    reached: Callable[..., tuple[Session, Host]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    session, host = reached("chroot:///")
    assert host.run("grep -q ^root: /etc/passwd").rc == 0
    assert session.run(["chroot", "/", "/bin/true"]) == ""


def test_a_machine_whose_init_ended_is_lost(reached: Callable[..., tuple[Session, Host]], stub: Stub) -> None:
    stub("nsenter", 'while case "$1" in --*) ;; *) false;; esac; do shift; done; exec "$@"')
    init = subprocess.Popen(["sleep", "600"])
    try:
        _, host = reached(made=f"nsenter://{init.pid}")
        assert host.run("exit 1").rc == 1
    finally:
        init.kill()
        init.wait()
    stub("nsenter", 'echo "nsenter: cannot open ${1##*=}/ns/ipc" >&2; exit 1')
    with pytest.raises(HostUnreachable, match="box cannot be reached: its init has ended; check"):
        host.run("grep -q nobody /etc/passwd")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'sudo: a password is required' >&2; exit 1", "a password is required"),
        ("exit 0", "asked for a sign of life"),
    ],
)
def test_sudo_that_is_refused_is_not_a_command_that_failed(
    reached: Callable[..., tuple[Session, Host]], stub: Stub, script: str, said: str
) -> None:
    stub("sudo", 'exec "$@"')
    _, host = reached(more="    sudo: true\n")
    assert host.run("exit 1").rc == 1
    stub("sudo", script)
    with pytest.raises(HostUnreachable, match=said):
        host.run("grep -q nobody /etc/passwd")


def test_what_a_host_that_is_there_can_be_asked_of_the_inventory_is_not_believed(
    reached: Callable[..., tuple[Session, Host]], stub: Stub
) -> None:
    assert reached(system="amzn-2023")[0].mistaken == {"box": f"is {SYSTEM}, the inventory says amzn-2023"}
    assert reached()[0].mistaken == {}
    stub("id", "echo 1000")
    stub("sudo", "exit 1")
    session, _ = reached(more="    capabilities: [runtime, can, privileged]\n")
    running = session.host("box")
    assert running.capabilities == ({"runtime", "can"} if "can" in running.capabilities else {"runtime"})
    assert "neither is its user root" in running.why_not("privileged")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ssh://web?timeout=5&foo=bar", "parameter 'foo', which nobody would read"),
        ("ssh://web?timeout=soon", "'timeout=soon'"),
        ("ssh://web?sudo=yes", "true or false"),
        ("ssh://web/etc", "has the path '/etc'"),
        ("chroot://srv/image", "write chroot:///path/of/it"),
        ("chroot:///srv/image?sudo=true", "parameter 'sudo'"),
        ("local://other", "local:// is this machine"),
        ("docker://", "names no host"),
        ("kubectl://pod#web", "'#web'"),
    ],
)
def test_what_a_url_says_and_nobody_would_read_is_refused(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=r"^inventory.yml:5:10: ") as refused:
        inventory(url)
    assert message in str(refused.value)


def test_a_url_of_systems_manager_may_name_the_region(tmp_path: Path) -> None:
    url = "aws-ssm://i-0123456789abcdef0?region=eu-west-1&output_bucket=logs&timeout=9"
    with Session(inventory(url), tmp_path, tmp_path / "c") as session:
        backend = host_of(Running(session.inventory.hosts[0], url, frozenset()), session).backend
    assert isinstance(backend, SsmBackend)
    assert (backend.region, backend._bucket, backend._timeout) == ("eu-west-1", "logs", 9.0)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting is for root")
def test_what_was_mounted_is_unmounted_though_the_path_has_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = tmp_path / "point"
    point.mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    with Session(inventory("local://"), tmp_path, tmp_path / "c") as session:
        session.made("mount", str(point))
        session.run(["mount", "-t", "tmpfs", "tmpfs", str(point)])
        assert point.is_mount()
    assert not point.is_mount()

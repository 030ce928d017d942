"""Images: what is run to make one, how a step that fails is told, and a cache that takes nothing."""

from __future__ import annotations

import errno
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stackproof.errors import BackendError
from stackproof.hosts import images, rootfs
from stackproof.hosts.inventory import loads
from stackproof.hosts.session import Session
from stackproof.hosts.undo import delete_path

INVENTORY = """suites: {s: {checks: 1}}
images:
  plain: {release: bookworm}
  some:
    release: bookworm
    packages: [systemd]
    commands:
      - true
      - 'touch "a b"; echo "it''s over" >&2; exit 3'
  more:
    base: some
    commands: [echo, 'exit 4']
hosts:
  box: {suites: [s], provider: image, system: debian-12, settings: {image: plain}}
""".replace("- true", "- 'true'")
Ran = Callable[..., str]


def session(cache: Path, run: Ran) -> Any:
    """What images ask of a session."""
    journal = SimpleNamespace(undo=lambda made: delete_path(made, {}))
    return SimpleNamespace(
        cache=cache,
        root=cache,
        id="now",
        made=lambda kind, name: name,
        journal=journal,
        run=run,
        inventory=loads(INVENTORY, "local.yml"),
    )


def test_an_image_without_packages_asks_for_none(tmp_path: Path) -> None:
    ran: list[Sequence[str]] = []
    images.root_of("plain", session(tmp_path, lambda command, **_: ran.append(command) or ""))
    (command,) = ran
    assert not [one for one in command if one.startswith("--include")]
    assert command[-2] == "bookworm"


def test_a_command_that_fails_is_told_by_its_line(tmp_path: Path) -> None:
    def run(command: Sequence[str], **_: object) -> str:
        """mmdebstrap that does nothing but its hooks, in a chroot that is none."""
        hooks = [one.partition("=")[2] for one in command if one.startswith("--customize-hook=")]
        for hook in hooks:
            shell = ["sh", "-c", f'chroot() {{ shift; "$@"; }}\n{hook}', "hook", "/"]
            done = subprocess.run(shell, capture_output=True, text=True, cwd=tmp_path, check=False)
            if done.returncode:
                raise BackendError(f"'{' '.join(command)}' ended with 25: {done.stderr}")
        raise AssertionError(hooks)

    with pytest.raises(BackendError) as caught:
        images.root_of("some", session(tmp_path, run))
    error = caught.value
    assert (error.file, error.line, error.column) == ("local.yml", 9, 9)
    assert error.message.startswith(
        "image 'some': the command 'touch \"a b\"; echo \"it's over\" >&2; exit 3' ended"
    )
    assert error.message.endswith(" ended with 25: it's over")
    assert "chroot" not in error.message
    assert (tmp_path / "a b").exists()


def test_a_step_that_fails_does_not_print_what_is_run_for_it(tmp_path: Path) -> None:
    def run(command: Sequence[str], **_: object) -> str:
        if "exit 4" in command:
            raise BackendError(f"'{' '.join(command)}' ended with 4: it said nothing")
        if "mmdebstrap" in command:
            Path(command[-1]).mkdir()
        return ""

    with pytest.raises(BackendError) as caught:
        images.root_of("more", session(tmp_path, run))
    assert (
        str(caught.value)
        == "local.yml:12:22: image 'more': the command 'exit 4' ended with 4: it said nothing"
    )


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_cache_that_takes_nothing_is_named_with_what_to_do(number: int, tmp_path: Path) -> None:
    def run(command: Sequence[str], **_: object) -> str:
        raise OSError(number, "refused", str(tmp_path / "file"))

    for _ in range(2):  # for a second host of the image it is the same
        with pytest.raises(BackendError, match="file cannot be written: refused") as caught:
            images.root_of("plain", session(tmp_path, run))
        assert f"make room in {tmp_path}, or let STACKPROOF_HOSTS" in caught.value.hint


def test_what_could_not_be_made_is_gone_and_can_be_made_again(tmp_path: Path) -> None:
    def fails(partial: Path) -> None:
        (partial / "half").touch()
        raise BackendError("no")

    made = session(tmp_path, lambda *_, **__: "")
    with pytest.raises(BackendError, match="no"):
        images.kept(made, "disk", "0123", fails)
    assert not list((tmp_path / "disk").glob("0123*/"))
    folder = images.kept(made, "disk", "0123", lambda partial: (partial / "whole").touch())
    assert (folder / "whole").exists()


def test_the_places_of_commands_belong_to_no_recipe() -> None:
    spec = loads(INVENTORY, "local.yml").images["more"]
    moved = replace(spec, command_places=())
    assert images.digest(spec, "x", Path("/none")) == images.digest(moved, "x", Path("/none"))
    assert rootfs.Recipe("bookworm", (), spec.commands).digest


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_session_that_needs_no_cache_runs_without_one(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir, cache, other = Path.mkdir, tmp_path / "cache", tmp_path / "tmp"
    other.mkdir()

    def refused(path: Path, *given: Any, **more: Any) -> None:
        if path.is_relative_to(cache):
            raise OSError(number, "refused", str(path))
        mkdir(path, *given, **more)

    monkeypatch.setattr(Path, "mkdir", refused)
    monkeypatch.setattr(tempfile, "tempdir", str(other))
    with Session(loads(INVENTORY, "local.yml"), tmp_path, cache) as found:
        assert found.folder.is_relative_to(other)
    (own,) = other.iterdir()
    assert not list(own.iterdir())
    own.chmod(0o777)
    with pytest.raises(BackendError, match="belongs to somebody else") as caught:
        Session(loads(INVENTORY, "local.yml"), tmp_path, cache)
    assert "STACKPROOF_HOSTS" in caught.value.hint

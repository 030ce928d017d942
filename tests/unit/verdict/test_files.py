"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from stackproof.verdict import files
from stackproof.verdict.baseline import Baseline, Entry, write
from stackproof.verdict.files import write_file


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes five bytes of a file."""
    real = os.fdopen

    def fdopen(*arguments: Any) -> Any:
        file = real(*arguments)

        class Full:
            def __enter__(self) -> Full:
                return self

            def __exit__(self, *_: object) -> None:
                file.close()

            def write(self, data: bytes) -> None:
                file.write(data[:5])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        return Full()

    monkeypatch.setattr(files.os, "fdopen", fdopen)


def test_a_full_disk_leaves_no_file(full: None, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        write_file(tmp_path / "a.json", b"0123456789")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_baseline(full: None, tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    file.write_text("old", encoding="utf-8")
    with pytest.raises(Exception, match="No space left"):
        write(Baseline((Entry("a.yaml", "R", "f"),)), file)
    assert file.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_keeps_its_mode_and_a_link_its_target(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"a longer text")
    target.chmod(0o640)
    link.symlink_to("target")
    write_file(link, b"new")
    assert link.is_symlink()
    assert (target.read_bytes(), stat.S_IMODE(target.stat().st_mode)) == (b"new", 0o640)


def test_a_new_file_has_the_mode_of_any_other(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"")
    write_file(tmp_path / "new", b"text")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_device_is_written_into(tmp_path: Path) -> None:
    write_file(Path(os.devnull), b"text")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_file(pipe, b"text")
    assert os.read(reader, 10) == b"text"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_an_open_file_is_not_replaced_behind_its_back(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w+b") as out:
        write_file(Path(f"/proc/self/fd/{out.fileno()}"), b"text")
        assert out.read() == b"text"

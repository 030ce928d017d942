"""``stackproof convert`` and what is no file to read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stackproof import cli


def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    command = [sys.executable, "-m", "stackproof", "convert", str(tmp_path / "pipe")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 2
    assert f"not a regular file: {tmp_path / 'pipe'}" in done.stderr
    assert "give - for standard input" in done.stderr


def test_a_device_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["convert", "/dev/zero"]) == 2
    assert "not a regular file: /dev/zero" in capsys.readouterr().err


def test_a_folder_and_a_missing_file_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["convert", str(tmp_path)]) == 2
    assert "Is a directory" in capsys.readouterr().err
    assert cli.main(["convert", str(tmp_path / "a.yaml")]) == 2
    assert "No such file" in capsys.readouterr().err

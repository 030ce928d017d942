"""The wheel, installed alone in an empty environment, does the work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

GOOD = """\
AWSTemplateFormatVersion: "2010-09-09"
Description: A queue
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 30
"""


def _clean_environment() -> dict[str, str]:
    dropped = ("PYTHON", "VIRTUAL_ENV", "TOX_", "STACKPROOF_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return kept | {"NO_COLOR": "1", "COLUMNS": "80"}


def _run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env=_clean_environment(), capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    built = _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, root, cwd=root)
    assert built.returncode == 0, built.stderr
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(root: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty-environment")
    venv.create(folder, with_pip=True)
    pip = _run(
        folder / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "-c",
        root / "constraints.txt",
        wheel,
        cwd=folder,
    )
    assert pip.returncode == 0, pip.stderr
    return folder / "bin" / "stackproof"


def test_the_wheel_says_that_it_is_typed_and_holds_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "stackproof/py.typed" in names
    assert not [name for name in names if name.startswith(("tests/", "templates/"))]


def test_it_tells_its_version(installed: Path, root: Path, tmp_path: Path) -> None:
    run = _run(installed, "--version", cwd=tmp_path)
    assert run.returncode == 0
    assert run.stdout.split()[-1] in (root / "pyproject.toml").read_text(encoding="utf-8")


def test_it_judges_a_good_and_a_bad_template(installed: Path, tmp_path: Path) -> None:
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "queue.yaml").write_text(GOOD, encoding="utf-8")
    good = _run(installed, "check", cwd=tmp_path)
    assert good.returncode == 0, good.stdout + good.stderr

    (templates / "bad.yaml").write_text(GOOD.replace("30", "many"), encoding="utf-8")
    bad = _run(installed, "check", "--format", "json=result.json", cwd=tmp_path)
    assert bad.returncode == 1, bad.stdout + bad.stderr
    found = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))["findings"]
    assert [(item["rule"], item["location"]["file"], item["location"]["line"]) for item in found] == [
        ("E3012", "templates/bad.yaml", 7)
    ]

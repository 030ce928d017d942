"""The build of the image: without an id it fails; an id is announced in the rule's event."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

AWS = """#!/bin/sh
printf '%s\\n' "$@" > "$CALLS"
echo "$FAILED"
"""


@pytest.fixture
def announce(root: Path, tmp_path: Path):
    """Runs announce.sh on a log with an ``aws`` that notes what it is asked."""
    tool = tmp_path / "bin" / "aws"
    tool.parent.mkdir()
    tool.write_text(AWS, encoding="utf-8")
    tool.chmod(0o755)

    def run(
        log: str, failed: str = "0", succeeding: str = "1"
    ) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        (tmp_path / "build.log").write_text(log, encoding="utf-8")
        calls = tmp_path / "calls"
        environment = {
            "PATH": f"{tool.parent}:{os.environ['PATH']}",
            "CALLS": str(calls),
            "FAILED": failed,
            "CODEBUILD_BUILD_SUCCEEDING": succeeding,
        }
        script = root / "templates" / "ami-builder" / "announce.sh"
        done = subprocess.run(
            [str(script), str(tmp_path / "build.log")],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done, calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []

    return run


def test_an_image_is_announced_by_the_event_that_the_rule_waits_for(announce, root: Path) -> None:
    done, calls = announce("==> us-east-1: ami-11111111\n--> Builds finished: ami-0a1b2c3d4e5f60718\n")
    assert (done.returncode, done.stdout) == (0, "ami-0a1b2c3d4e5f60718\n")
    (entry,) = json.loads(calls[calls.index("--entries") + 1])
    template = (root / "templates" / "ami-builder" / "template.yaml").read_text(encoding="utf-8")
    assert f"source: [{entry['Source']}]" in template
    assert f"detail-type: [{entry['DetailType']}]" in template
    assert entry["Resources"] == ["ami-0a1b2c3d4e5f60718"]
    assert json.loads(entry["Detail"]) == {"AmiStatus": "Created"}


@pytest.mark.parametrize(
    ("log", "succeeding"), [("Build was cancelled\n", "1"), ("ami-0a1b2c3d4e5f60718\n", "0")]
)
def test_a_build_without_an_image_fails_and_announces_nothing(announce, log: str, succeeding: str) -> None:
    done, calls = announce(log, succeeding=succeeding)
    assert done.returncode == 1
    assert "no image was built" in done.stderr
    assert calls == []


def test_an_event_that_is_not_taken_fails_the_build(announce) -> None:
    done, _ = announce("ami-0a1b2c3d4e5f60718\n", failed="1")
    assert done.returncode == 1
    assert done.stdout == ""

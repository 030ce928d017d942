"""Helpers for the tests of cfn-lint behind our adapter."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from stackproof.checks.lint.engine import LintEngine
from stackproof.config import Config
from stackproof.model import Finding

Place = tuple[str, str, int, int]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], LintEngine]:
    """Make an engine in ``tmp_path``, with an empty home."""
    home = tmp_path / "home"
    home.mkdir()
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(project)
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    return lambda: LintEngine(Config(), Path.cwd())


@pytest.fixture
def command_line() -> Callable[[Iterable[str]], Counter[Place]]:
    """The findings of the real cfn-lint command line, run in the current folder."""

    def run(files: Iterable[str]) -> Counter[Place]:
        done = subprocess.run(
            [Path(sys.executable).parent / "cfn-lint", "--format", "json", "--", *files],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout, done.stderr
        return Counter(
            (
                item["Filename"],
                item["Rule"]["Id"],
                item["Location"]["Start"]["LineNumber"],
                item["Location"]["Start"]["ColumnNumber"],
            )
            for item in json.loads(done.stdout)
        )

    return run


@pytest.fixture
def places() -> Callable[[Iterable[Finding]], Counter[Place]]:
    """Our findings in the form of ``command_line``."""
    return lambda findings: Counter(
        (one.location.file, one.rule, one.location.line, one.location.column) for one in findings
    )

"""API, function, topic, queue, mapping, function, table: everything arrives, and always in the same order."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def _played(seed: int, cache: Path) -> list[str]:
    environment = {**os.environ, "PYTHONHASHSEED": "1", "STACKPROOF_CACHE": str(cache)}
    script = Path(__file__).with_name("pipeline.py")
    done = subprocess.run(
        [sys.executable, str(script), str(seed)], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    cache = tmp_path_factory.mktemp("cache")
    return {
        "first": _played(3, cache),
        "again": _played(3, cache),
    }


def test_every_word_is_counted_whatever_the_order(runs: dict[str, list[str]]) -> None:
    expected = '{"common": 12, "word0": 4, "word1": 4, "word2": 4}'
    assert [lines[0] for lines in runs.values()] == [expected] * 2


def test_the_same_seed_gives_the_same_journal_in_a_new_process(runs: dict[str, list[str]]) -> None:
    assert runs["first"][1] == runs["again"][1]

"""Event patterns: what matches, and what AWS refuses."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from stackproof.fabric import patterns


def _folder() -> Path:
    named = os.environ.get("STACKPROOF_ORACLE")
    base = Path(named) if named else Path(__file__).resolve().parents[4] / "shared" / "oracle"
    return base / "event-patterns"


CASES = sorted(_folder().glob("*.json5"))


def _read(path: Path) -> dict[str, object]:
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    text = re.sub(r'(^|(?<=[,\[{\]}"\d]))\s*//[^"\n]*$', "", text, flags=re.M)
    text = re.sub(r"^\s*//.*$", "", text, flags=re.M)
    return json.loads(re.sub(r",(\s*[}\]])", r"\1", text))


def test_the_recorded_patterns_are_there() -> None:
    if not _folder().is_dir():
        pytest.skip("the recorded patterns are absent: put them at ../shared/oracle or set STACKPROOF_ORACLE")
    assert len(CASES) > 80


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_recorded_pattern(path: Path) -> None:
    case = _read(path)
    pattern, event = case["EventPattern"], case["Event"]
    if path.stem.endswith("_EXC"):
        with pytest.raises(patterns.InvalidPattern):
            patterns.check(pattern)
        return
    patterns.check(pattern)
    assert patterns.matches(pattern, event) is not path.stem.endswith("_NEG")


@pytest.mark.parametrize(
    ("pattern", "event", "expected"),
    [
        ({"a": ["x"]}, {"a": "x"}, True),
        ({"a": ["x"]}, {"a": ["y", "x"]}, True),
        ({"a": [1]}, {"a": 1.0}, True),
        ({"a": [1]}, {"a": True}, False),
        ({"a": [None]}, {"a": None}, True),
        ({"a": [None]}, {}, False),
        ({"a": {"b": ["x"]}}, {"a": {"b": "x", "c": 1}}, True),
        ({"a": {"b": ["x"]}}, {"a": [{"b": "y"}, {"b": "x"}]}, True),
        ({"a": {"b": [{"exists": False}]}}, {}, True),
        ({"a": {"b": [{"exists": False}]}}, {"a": {"b": 1}}, False),
        ({"a": [{"exists": True}]}, {"a": {"b": 1}}, False),
        ({"a": [{"anything-but": ["x", "y"]}]}, {"a": "z"}, True),
        ({"a": [{"anything-but": ["x", "y"]}]}, {"a": "y"}, False),
        ({"a": [{"anything-but": ["x"]}]}, {}, False),
        ({"a": [{"suffix": {"equals-ignore-case": ".PNG"}}]}, {"a": "x.png"}, True),
        ({"a": [{"wildcard": "a/*/c"}]}, {"a": "a/b/b/c"}, True),
        ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "10.0.1.1"}, False),
        ({"$or": [{"a": [1]}, {"b": [2]}]}, {"b": 2}, True),
        ({"$or": [{"a": [1]}, {"b": [2]}], "c": [3]}, {"b": 2}, False),
        ({"a": [{"numeric": [">", 0, "<=", 5]}]}, {"a": 5}, True),
        ({"a": [{"numeric": [">", 0, "<=", 5]}]}, {"a": "5"}, False),
    ],
)
def test_a_pattern_matches(pattern, event, expected):
    patterns.check(pattern)
    assert patterns.matches(pattern, event) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        None, {}, [], {"a": "x"}, {"a": []}, {"a": [["x"]]}, {"a": [{"near": "x"}]},
        {"a": [{"numeric": [">"]}]}, {"a": [{"numeric": [">", "x"]}]}, {"a": [{"numeric": ["<", 5, ">", 1]}]},
        {"a": [{"exists": "yes"}]}, {"a": [{"cidr": "10.0.0"}]}, {"a": [{"prefix": 1}]},
        {"a": [{"anything-but": [1, "x"]}]}, {"a": [{"prefix": "x", "suffix": "y"}]}, {"a": {}},
    ],
)  # fmt: skip
def test_a_pattern_is_refused(pattern):
    with pytest.raises(patterns.InvalidPattern):
        patterns.check(pattern)

"""The faulty set: each fault is refused with the right rule at the right line, and nothing else is.

A comment ``expect: RULE`` on a line of a file in ``tests/faulty`` says what must be found there;
where a comment cannot stand, ``expected.txt`` of the case holds ``FILE:LINE RULE`` lines.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

FAULTY = Path(__file__).resolve().parents[2] / "faulty"
CASES = sorted(path.name for path in FAULTY.iterdir() if path.is_dir() and not path.name.startswith("."))
COMMENT = re.compile(r"(?:#|//) expect: ([\w\-, ]+)$")

Place = tuple[str, int, str]


def expected(case: Path) -> set[Place]:
    """What the comments and ``expected.txt`` of a case ask for: file in the case, line, rule."""
    wanted: set[Place] = set()
    for path in sorted(path for path in case.rglob("*") if path.is_file()):
        name = path.relative_to(case).as_posix()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            found = COMMENT.search(line)
            if name == "expected.txt":
                place, rule = line.split()
                file, _, at = place.rpartition(":")
                wanted.add((file, int(at), rule))
            elif found:
                wanted |= {(name, number, rule.strip()) for rule in found[1].split(",")}
    return wanted


@pytest.fixture(scope="module")
def findings(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Every finding that counts, by case; the whole set is judged by one run of the command."""
    place = tmp_path_factory.mktemp("faulty")
    shutil.copytree(FAULTY, place / "tests" / "faulty")
    shutil.copytree(root / "policies", place / "policies")
    command = [sys.executable, "-m", "stackproof", "check", "--no-cache", "--format", "json=found.json"]
    run = subprocess.run(command, cwd=place / "tests" / "faulty", capture_output=True, text=True)
    assert run.returncode == 1, run.stdout + run.stderr
    report = json.loads((place / "tests" / "faulty" / "found.json").read_text(encoding="utf-8"))
    assert report["problems"] == []
    by_case = defaultdict(list)
    for finding in report["findings"]:
        if finding["severity"] != "info" and finding["outcome"] != "note" and finding["status"] == "active":
            by_case[finding["location"]["file"].split("/")[0]].append(finding)
    return by_case


def test_the_set_is_large_and_varied() -> None:
    assert len(CASES) >= 40
    assert len({rule for case in CASES for _, _, rule in expected(FAULTY / case)}) >= 30


@pytest.mark.parametrize("case", CASES)
def test_a_fault_is_refused_with_the_right_rule_at_the_right_line(
    case: str, findings: dict[str, list[dict[str, Any]]]
) -> None:
    wanted = expected(FAULTY / case)
    assert wanted, f"{case} says nowhere what must be found"
    found = {
        (item["location"]["file"].partition("/")[2], item["location"]["line"], item["rule"]): item["message"]
        for item in findings.get(case, [])
    }
    missing, surplus = wanted - found.keys(), {place: found[place] for place in found.keys() - wanted}
    assert not missing, f"not found: {missing}; found instead: {surplus}"
    assert not surplus

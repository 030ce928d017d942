"""The gate against cfn-lint alone, on this repository's templates varied into an estate of 200.

Wall times of whole processes, the median of the repeats, and the largest memory of a run with its
workers. Every figure and every ratio comes from this one run on these same files.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


_SHARED_NAME = re.compile(r"(?:Export:\s+Name|Fn::ImportValue): !Sub ['\"]?|!ImportValue ['\"]?")
"""Where the name of an export begins: two stacks of one estate may not share it."""


@dataclass(frozen=True)
class Timing:
    """Seconds of wall time (median) and the peak memory of the process tree in MiB."""

    seconds: float
    memory: float
    exit_code: int


def _templates() -> list[Path]:
    from stackproof.config import load
    from stackproof.template.discover import discover

    found = discover(ROOT, [ROOT / "templates"], load(ROOT))
    return [item.path for item in found.templates]


def make_estate(folder: Path, size: int) -> list[Path]:
    """Copy whole systems until the estate has ``size`` templates; each copy differs in its text."""
    systems = sorted({path.relative_to(ROOT / "templates").parts[0] for path in _templates()})
    shutil.copytree(ROOT / "policies", folder / "policies")
    for name in ("pyproject.toml", ".cfnlintrc.yaml"):
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, folder / name)
    made: list[Path] = []
    copy = 0
    while len(made) < size:
        for system in systems:
            if copy and system == "cloud-assembly":
                continue  # what is named by its hash cannot be varied
            target = folder / "templates" / f"{system}-{copy}" if copy else folder / "templates" / system
            shutil.copytree(ROOT / "templates" / system, target)
            for path in _templates_below(system):
                mine = target / path.relative_to(ROOT / "templates" / system)
                _vary(mine, copy)
                made.append(mine)
        copy += 1
    return made


def _templates_below(system: str) -> list[Path]:
    return [path for path in _templates() if (ROOT / "templates" / system) in path.parents]


def _vary(path: Path, copy: int) -> None:
    text = path.read_text(encoding="utf-8")
    if copy and "manifest.json" not in {sibling.name for sibling in path.parent.iterdir()}:
        text = re.sub(_SHARED_NAME, rf"\g<0>c{copy}-", text)
        varied = re.sub(r"(?m)^(\s*\"?Description\"?: *[\"']?)(\w)", rf"\g<1>Copy {copy}. \2", text, count=1)
        path.write_text(varied, encoding="utf-8")


def _memory(pid: int) -> float:
    """Proportional memory (PSS) of a process and its children, MiB: shared pages count once."""
    total, pending = 0, [pid]
    while pending:
        current = pending.pop()
        try:
            children = Path(f"/proc/{current}/task/{current}/children").read_text(encoding="ascii").split()
            rollup = Path(f"/proc/{current}/smaps_rollup").read_text(encoding="ascii")
        except OSError:
            continue
        pending += [int(child) for child in children]
        found = re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)
        total += int(found[1]) if found else 0
    return total / 1024


def measure(command: Sequence[str | Path], cwd: Path, repeats: int = 1) -> Timing:
    """Run a command ``repeats`` times."""
    seconds, peak, code = [], 0.0, 0
    for _ in range(repeats):
        started = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"NO_COLOR": "1"},
        )
        done = threading.Event()
        samples: list[float] = [0.0]
        watcher = threading.Thread(target=_watch, args=(process.pid, done, samples))
        watcher.start()
        code = process.wait()
        seconds.append(time.perf_counter() - started)
        done.set()
        watcher.join()
        peak = max(peak, *samples)
    return Timing(statistics.median(seconds), peak, code)


def _watch(pid: int, done: threading.Event, samples: list[float]) -> None:
    while not done.wait(0.25):
        samples.append(_memory(pid))


def _row(name: str, timing: Timing, peer: Timing | None = None, aim: str = "") -> None:
    ratio = f"{timing.seconds / peer.seconds:7.3f}" if peer else " " * 7
    faster = f"{peer.seconds / timing.seconds:8.1f}x" if peer else " " * 9
    memory = f"{timing.memory:6.0f} MiB" if timing.memory else " " * 10
    print(f"{name:34} {timing.seconds:9.3f} s {ratio} {faster} {memory}  exit {timing.exit_code}  {aim}")


def run(*, quick: bool = False) -> None:
    """Print the table."""
    size, repeats = (20, 1) if quick else (200, 3)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        templates = make_estate(folder, size)
        check: list[str | Path] = [BIN / "stackproof", "check"]
        print(f"{len(templates)} templates, {os.cpu_count()} processors")
        print(f"{'':34} {'wall':>11} {'ratio':>7} {'faster':>9} {'memory':>10}")
        lint = measure([BIN / "cfn-lint", *templates], folder)
        _row("cfn-lint alone", lint)
        _row("gate, cold", measure(check, folder), lint, "aim: ratio at most 0.7")
        _row("gate, warm", measure(check, folder, 5), lint, "aim: 80 times faster")
        changed = next(path for path in templates if path.parent.name == "two-tier-web")
        lint_one = measure([BIN / "cfn-lint", changed], folder, repeats)
        _row("cfn-lint, one file", lint_one)
        _row(
            "gate, one changed file",
            _after_changes(check, folder, changed, repeats),
            lint_one,
            "aim: ratio at most 1.1",
        )


def _after_changes(check: Sequence[str | Path], folder: Path, changed: Path, repeats: int) -> Timing:
    timings = []
    for number in range(repeats):
        with changed.open("a", encoding="utf-8") as file:
            file.write(f"# change {number}\n")
        timings.append(measure(check, folder))
    middle = sorted(timings, key=lambda timing: timing.seconds)[len(timings) // 2]
    return Timing(middle.seconds, max(timing.memory for timing in timings), middle.exit_code)

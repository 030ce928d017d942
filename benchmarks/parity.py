"""The gate on a folder of foreign templates against the tools it is made of.

``python -m benchmarks parity FOLDER [--guard PROGRAM]`` judges every template of the folder as written and
compares, template by template: cfn-lint's command line (rule, line and column of every finding) and, where
the native ``cfn-guard`` is given, its verdict on every rule of ``policies/`` (the template handed to it as
the decoded document, because its loader reads YAML 1.1 differently). Prints what differs; exits 1 if
anything does.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T", bound=tuple[object, ...])

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
_CHUNK = 25
_SUFFIXES = (".yaml", ".yml", ".json", ".template")

Place = tuple[str, str, int, int]
"""Template, rule, line, column."""


def run(arguments: Sequence[str]) -> int:
    """Compare and print; 1 when something differs."""
    parser = argparse.ArgumentParser(prog="benchmarks parity", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--guard", type=Path, help="the native cfn-guard")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        names = _copy(options.folder, root / "templates")
        ours = _gate(root, names)
        differing = _lint(root, names, ours)
        if options.guard:
            differing += _guard(root, names, ours, options.guard)
    return 1 if differing else 0


def _copy(source: Path, target: Path) -> list[str]:
    target.mkdir()
    shutil.copytree(ROOT / "policies", target.parent / "policies")
    (target.parent / "stackproof.toml").write_text(_sets(), encoding="utf-8")
    found = sorted(path for path in source.iterdir() if path.suffix in _SUFFIXES)
    for path in found:
        shutil.copy(path, target / path.name)
    return [path.name for path in found]


def _sets() -> str:
    """One rule set a folder of ``policies/``, for every template."""
    folders = sorted({path.parent.name for path in (ROOT / "policies").glob("*/*.guard")})
    return "".join(f'[[rulesets]]\nname = "{name}"\npath = "policies/{name}"\n' for name in folders)


def _gate(root: Path, names: Sequence[str]) -> list[dict[str, object]]:
    command = [BIN / "stackproof", "check", "--as-written", "--no-cache", "--format", "json"]
    command += [f"templates/{name}" for name in names]
    done = subprocess.run([*map(str, command)], cwd=root, capture_output=True, text=True, check=False)
    if "Traceback" in done.stderr or done.returncode == 3:
        raise SystemExit(f"the gate failed: {done.stderr[-2000:]}")
    findings: list[dict[str, object]] = json.loads(done.stdout)["findings"]
    return findings


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), _CHUNK):
        yield names[start : start + _CHUNK]


def _lint(root: Path, names: Sequence[str], ours: Iterable[dict[str, object]]) -> int:
    theirs: Counter[Place] = Counter()
    for chunk in _chunks(names):
        command = [str(BIN / "cfn-lint"), "--format", "json", *(f"templates/{name}" for name in chunk)]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        for match in json.loads(done.stdout or "[]"):
            start = match["Location"]["Start"]
            theirs[
                Path(match["Filename"]).name, match["Rule"]["Id"], start["LineNumber"], start["ColumnNumber"]
            ] += 1
    mine = Counter(_place(finding) for finding in ours if finding["source"] == "cfn-lint")
    return _told("cfn-lint's findings", theirs, mine)


def _place(finding: dict[str, object]) -> Place:
    location = finding["location"]
    assert isinstance(location, dict)
    return Path(location["file"]).name, str(finding["rule"]), location["line"], location["column"]


def _guard(root: Path, names: Sequence[str], ours: Iterable[dict[str, object]], program: Path) -> int:
    from stackproof.template.load import load

    documents = root / "documents"
    documents.mkdir()
    for name in names:
        document = load(name, root / "templates" / name, max_size=32 * 1024 * 1024).document
        if document is not None:
            (documents / f"{name}.json").write_text(json.dumps(document.tree), encoding="utf-8")
    theirs: Counter[tuple[str, str]] = Counter()
    judged = 0
    for path in sorted(documents.iterdir()):
        command = [program, "validate", "--structured", "-o", "json", "-S", "none", "-d", path]
        command += ["-r", root / "policies"]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
        for report in json.loads(done.stdout):
            failed = {rule["Rule"]["name"] for rule in report["not_compliant"]}
            judged += len(failed) + len(report["compliant"]) + len(report["not_applicable"])
            for rule in failed:
                theirs[path.name.removesuffix(".json"), rule] += 1
    known = {rule for _, rule in theirs} | _rule_names()
    mine = Counter({(_place(one)[0], str(one["rule"])): 1 for one in ours if one["rule"] in known})
    print(f"{judged} verdicts of the native cfn-guard on {len(list(documents.iterdir()))} templates")
    return _told("cfn-guard's failed rules", Counter(dict.fromkeys(theirs, 1)), mine)


def _rule_names() -> set[str]:
    lines = (
        line
        for path in (ROOT / "policies").glob("*/*.guard")
        for line in path.read_text(encoding="utf-8").splitlines()
    )
    return {line.split()[1] for line in lines if line.startswith("rule ")}


def _told(what: str, theirs: Counter[T], mine: Counter[T]) -> int:
    missing, extra = theirs - mine, mine - theirs
    print(f"{what}: {theirs.total()} theirs, {missing.total()} missing here, {extra.total()} more here")
    for label, some in (("missing", missing), ("more", extra)):
        for place in sorted(some, key=str)[:20]:
            print(f"  {label}: {place}")
    return int(missing.total() + extra.total())

"""Running the suites by pytest, and what their checks say as findings.

pytest runs in a process of its own: the suites are the user's code, and a run that is interrupted unmakes its
hosts by itself.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stackproof.errors import InternalError, UsageError
from stackproof.hosts.inventory import load
from stackproof.hosts.session import end_on_signals
from stackproof.model import Finding, Judged, Location, Outcome, Problem, Related, RuleInfo, Severity
from stackproof.verdict.outcome import RunOutcome

SUITES = "tests/infra"
"""Where suites lie below the project's root; each is a folder."""

_ENDED = 60.0
_STDERR = 2
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class InspectRequest:
    """What to inspect. ``suites`` empty means all that the inventory promises; ``arguments`` go to pytest.

    ``jobs`` checks are made at the same time, those of one host or one network one after the other.
    """

    inventory: Path
    suites: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    quiet: bool = True
    jobs: int = 1


def inspect(request: InspectRequest, root: Path) -> RunOutcome:
    """Run and read. Raises ``ConfigError`` for a wrong inventory, ``UsageError`` for an unknown suite."""
    inventory = load(request.inventory, root)
    suites = request.suites or tuple(inventory.promises)
    for suite in suites:
        if suite not in inventory.promises:
            known = ", ".join(inventory.promises) or "none"
            raise UsageError(f"{inventory.file} promises no suite '{suite}'; there are: {known}")
        if not (root / SUITES / suite).is_dir():
            raise UsageError(f"suite '{suite}' has no folder {SUITES}/{suite}")
    with tempfile.TemporaryDirectory(prefix="stackproof-inspect-") as folder:
        report = Path(folder) / "inspected.json"
        code = _pytest(
            [*_side_by_side(request.jobs), *(f"{SUITES}/{suite}" for suite in suites), *request.arguments],
            request.inventory.absolute(),
            report,
            root,
            quiet=request.quiet,
        )
        if not report.is_file():
            raise InternalError(f"pytest ended with {code} and told nothing", hint="its output says why")
        document = json.loads(report.read_text(encoding="utf-8"))
    left_out = sorted(set(inventory.promises) - set(suites))
    return outcome(document, code, left_out)


def jobs_here() -> int:
    """Three checks at the same time for two cores, as checks wait half of their time; 1 without xdist."""
    return len(os.sched_getaffinity(0)) * 3 // 2 if _has_xdist() else 1


def _has_xdist() -> bool:
    return importlib.util.find_spec("xdist") is not None


def _side_by_side(jobs: int) -> list[str]:
    if jobs < 2:
        return []
    if not _has_xdist():
        raise UsageError(f"{jobs} jobs need pytest-xdist", hint="pip install pytest-xdist, or --jobs 1")
    return ["-n", str(jobs)]


def outcome(document: Mapping[str, Any], code: int, left_out: Sequence[str] = ()) -> RunOutcome:
    """What a run told, as the verdict room takes it. ``left_out`` are suites that were not asked for."""
    checks: list[dict[str, Any]] = document["checks"]
    findings = [_finding(one) for one in checks if one["outcome"] == "failed"]
    problems = []
    broken = _broken_promises(document)
    findings += broken
    # These inspect no host of the inventory: there is no place for a finding.
    for name, why in document.get("others", {}).items():
        problems.append(Problem(f"{name} failed: {why}"))
    if code not in {0, 1, 5} or (code == 1 and not findings and not problems):
        problems.append(Problem(f"pytest ended with {code}", 2, hint="its output says why"))
    partial = str(document["partial"]) or (f"without suite {', '.join(left_out)}" if left_out else "")
    made = sum(1 for one in checks if one["made"])
    return RunOutcome(
        pillar="inspect",
        findings=tuple(findings),
        problems=tuple(problems),
        judged=tuple(
            Judged(str(document["inventory"]), (str(host["name"]),), _made_on(checks, str(host["name"])))
            for host in document["hosts"]
        ),
        rules=_rules(checks),
        notes=tuple(_notes(document)),
        complete=not partial,
        partial_because=partial,
        stats={
            "checks": float(made),
            "promised": float(sum(one["promised"] for one in document["suites"].values())),
            "skipped": float(sum(1 for one in checks if one["outcome"] == "skipped")),
            "hosts": float(len(document["hosts"])),
        },
    )


def _made_on(checks: Sequence[Mapping[str, Any]], host: str) -> int:
    return sum(1 for one in checks if one["made"] and one["host"] == host)


def _pytest(arguments: Sequence[str], inventory: Path, report: Path, root: Path, *, quiet: bool) -> int:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={root}"]
    command += ["--inventory", str(inventory), "--inspect-report", str(report)]
    # What was skipped, and why, is told by the report of the verdict.
    command += ["--quiet", "--no-header", "-rfE"] if quiet else []
    end_on_signals()
    # The report of the verdict goes to standard output; what pytest says meanwhile does not.
    process = subprocess.Popen([*command, *arguments], cwd=root, stdout=_STDERR, preexec_fn=_die_with_us)
    try:
        return process.wait()
    except BaseException:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_ENDED)
        except subprocess.TimeoutExpired:
            process.kill()
        raise


def _die_with_us() -> None:
    """The suites end when this process is killed (prctl(2)); what they made is unmade by their guard."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _finding(check: Mapping[str, Any]) -> Finding:
    related = tuple(
        Related(Location(one["file"], one["line"], one["column"]), one["message"]) for one in check["related"]
    )
    return Finding(
        rule=check["rule"],
        message=f"{check['host']}: {check['message']}",
        location=Location(check["file"], check["line"], check["column"]),
        outcome=Outcome.FAIL,
        severity=Severity(check["severity"]),
        source="inspect",
        logical_id=check["host"],
        path=(check["host"], check["rule"]),
        related=related,
        evidence={"host": check["host"], "suite": check["suite"], "check": check["id"]},
    )


def _broken_promises(document: Mapping[str, Any]) -> list[Finding]:
    if document["partial"]:
        return []
    found = []
    for suite, numbers in document["suites"].items():
        if numbers["made"] >= numbers["promised"]:
            continue
        reasons = sorted({one["message"] for one in document["checks"] if _left_out(one, suite)})
        why = f"; skipped: {'; '.join(reasons[:3])}" if reasons else ""
        found.append(
            Finding(
                rule="SP-INSPECT-PROMISE",
                message=f"suite {suite} made {numbers['made']} of {numbers['promised']} promised checks{why}",
                location=Location(numbers["file"], numbers["line"], numbers["column"]),
                source="inspect",
                fix="let the hosts be made that the inventory names, or promise less",
            )
        )
    return found


def _left_out(check: Mapping[str, Any], suite: str) -> bool:
    return bool(check["suite"] == suite and check["outcome"] == "skipped")


def _rules(checks: Sequence[Mapping[str, Any]]) -> tuple[RuleInfo, ...]:
    known: dict[str, RuleInfo] = {}
    for one in checks:
        if one["rule"] not in known:
            known[one["rule"]] = RuleInfo(
                id=one["rule"],
                title=one["title"],
                severity=Severity(one["severity"]),
                engine="inspect",
                ruleset=one["suite"],
                location=Location(one["file"], one["line"], one["column"]),
            )
    return tuple(known.values())


def _notes(document: Mapping[str, Any]) -> list[str]:
    notes = [
        f"suite {suite}: {numbers['made']} checks made, {numbers['promised']} promised"
        for suite, numbers in document["suites"].items()
    ]
    notes += [f"measured: {one}" for one in document.get("measured", ())]
    skipped: dict[str, int] = {}
    for one in document["checks"]:
        if one["outcome"] == "skipped":
            skipped[one["message"]] = skipped.get(one["message"], 0) + 1
    return notes + [f"{count} skipped: {reason}" for reason, count in sorted(skipped.items())]

"""Running the suites by pytest, and what their checks say as findings.

pytest runs in a process of its own: the suites are the user's code, and a run that is interrupted unmakes its
hosts by itself.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stackproof.errors import UsageError
from stackproof.hosts.inventory import load
from stackproof.hosts.model import Inventory
from stackproof.hosts.session import end_on_signals
from stackproof.hosts.told import document
from stackproof.model import Finding, Judged, Location, Outcome, Problem, Related, RuleInfo, Severity
from stackproof.verdict.outcome import RunOutcome

SUITES = "tests/infra"
"""Where suites lie below the project's root; each is a folder."""

_ENDED = 60.0
_STDERR = 2
_REFUSED = 4
INTERRUPTED = 130
"""The exit code of an interrupted run, also in its report."""
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
    """Run and read.

    Raises ``ConfigError`` for a wrong inventory, ``UsageError`` for an unknown suite, ``Interrupted``.
    """
    inventory = load(request.inventory, root)
    suites = request.suites or tuple(inventory.promises)
    for suite in suites:
        if suite not in inventory.promises:
            known = ", ".join(inventory.promises) or "none"
            raise UsageError(f"{inventory.file} promises no suite '{suite}'; there are: {known}")
        if not (root / SUITES / suite).is_dir():
            raise UsageError(f"suite '{suite}' has no folder {SUITES}/{suite}")
    told, code, ended = _told(request, inventory, suites, root)
    left_out = sorted(set(inventory.promises) - set(suites))
    found = outcome(told, code, left_out, interrupted=ended)
    if ended:
        raise Interrupted(found)
    return found


class Interrupted(KeyboardInterrupt):
    """The run was ended by a signal; ``outcome`` is what it had found."""

    def __init__(self, outcome: RunOutcome) -> None:
        super().__init__("interrupted")
        self.outcome = outcome


def _told(
    request: InspectRequest, inventory: Inventory, suites: Sequence[str], root: Path
) -> tuple[dict[str, Any], int, bool]:
    """What the run of the suites told, pytest's exit code, and whether a signal ended it.

    A suite whose conftest.py cannot be read would let pytest refuse all of them: then the others are run
    without it.
    """
    broken: list[dict[str, Any]] = []
    left = list(suites)
    while True:
        arguments = [*_side_by_side(request.jobs), *(f"{SUITES}/{suite}" for suite in left)]
        # Nobody has to remove a file without a name, however this process ends.
        with tempfile.TemporaryFile() as report:
            code, ended = _pytest([*arguments, *request.arguments], request, report.fileno(), root)
            report.seek(0)
            told = document(report.read().decode("utf-8", "replace"), inventory, suites)
        told["broken"] = broken + told["broken"]
        culprit = next((one for one in left for bad in told["broken"] if _of_conftest(bad, one)), "")
        if ended or culprit == "" or len(left) == 1:
            return told, code, ended
        left.remove(culprit)
        broken = told["broken"]


def _of_conftest(broken: Mapping[str, Any], suite: str) -> bool:
    return bool(broken.get("first")) and str(broken["file"]).startswith(f"{SUITES}/{suite}/")


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


def outcome(
    document: Mapping[str, Any], code: int, left_out: Sequence[str] = (), *, interrupted: bool = False
) -> RunOutcome:
    """What a run told, as the verdict room takes it. ``left_out`` are suites that were not asked for."""
    checks: list[dict[str, Any]] = document["checks"]
    findings = _of_hosts(checks)
    findings += [_finding(one) for one in checks if one["outcome"] == "failed" and not one.get("lost")]
    findings += _broken_promises(document)
    made = sum(1 for one in checks if one["made"])
    problems = _problems(document)
    if interrupted:
        problems.append(Problem("the run was interrupted", INTERRUPTED))
    elif not document["ended"]:
        # A conftest.py that cannot be read is told already.
        problems += [] if code == _REFUSED and problems else [_early_end(document, code)]
    elif code not in {0, 1, 5} or (code == 1 and not findings and not problems):
        problems.append(Problem(f"pytest ended with {code}", 2, hint="its output says why"))
    partial = str(document["partial"]) or (f"without suite {', '.join(left_out)}" if left_out else "")
    if not (made or findings or problems):
        problems.append(Problem(f"no check was made: {partial or 'the suites have none'}"))
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


def _problems(document: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the suites themselves: there is no host of the inventory for a finding."""
    found = []
    for one in document["broken"]:
        place = Location(one["file"], one["line"], one["column"])
        hint = (
            "none of its checks was made" if not one.get("first") else "none of its suite's checks was made"
        )
        what = "" if one["of"] == one["file"] else f"{one['of']} "
        found.append(Problem(f"{what}cannot be read: {one['message']}", 2, place, hint))
    for name, why in document["others"].items():
        at = Location(why["file"], why["line"], why["column"]) if why["file"] else None
        found.append(Problem(f"{name} failed: {why['message']}", 2, at))
    return found


def _early_end(document: Mapping[str, Any], code: int) -> Problem:
    """pytest did not come to its end: it refused its arguments, or was ended within a check."""
    if code == _REFUSED:
        return Problem("pytest refused how it was called", 2, hint="its output says why; see --pytest")
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
    within = ", ".join(document["within"])
    hint = "a check ended the whole process" if within else "its output says why"
    if code == -signal.SIGKILL:
        hint = "somebody killed it, perhaps the kernel for want of memory (dmesg tells)"
    return Problem(f"pytest {how}{f' within {within}' if within else ' and told nothing'}", 2, hint=hint)


def _made_on(checks: Sequence[Mapping[str, Any]], host: str) -> int:
    return sum(1 for one in checks if one["made"] and one["host"] == host)


def _pytest(arguments: Sequence[str], request: InspectRequest, report: int, root: Path) -> tuple[int, bool]:
    """Its exit code, and whether a signal to this process ended it. ``report`` is an open file."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={root}"]
    # Each in one word: pytest looks for its ini file above every word that is a path, before it knows these.
    command += [f"--inventory={request.inventory.absolute()}", f"--inspect-report=/dev/fd/{report}"]
    # One file that cannot be read does not keep the others' checks from being made.
    command += ["--continue-on-collection-errors"]
    # What was skipped, and why, is told by the report of the verdict.
    command += ["--quiet", "--no-header", "-rfE"] if request.quiet else []
    end_on_signals()
    # The report of the verdict goes to standard output; what pytest says meanwhile does not.
    process = subprocess.Popen(
        [*command, *arguments], cwd=root, stdout=_STDERR, pass_fds=[report], preexec_fn=_die_with_us
    )
    try:
        return process.wait(), False
    except KeyboardInterrupt:
        # Not SIGINT: whoever was started in the background by a shell may have inherited that it is ignored.
        process.terminate()
    try:
        process.wait(_ENDED)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()
    return process.wait(), True


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


def _of_hosts(checks: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """What is wrong with hosts, each once however many checks met it, where the inventory names the host."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for check in checks:
        for one in check.get("of_hosts", ()):
            found.setdefault((one["host"], one["message"]), one)
    return [
        Finding(
            rule=one["rule"],
            message=one["message"],
            location=Location(one["file"], one["line"], one["column"]),
            source="inspect",
            logical_id=one["host"],
            path=(one["host"], one["rule"]),
            evidence={"host": one["host"]},
        )
        for one in found.values()
    ]


def _broken_promises(document: Mapping[str, Any]) -> list[Finding]:
    if document["partial"]:
        return []
    found = []
    for suite, numbers in document["suites"].items():
        if numbers["made"] >= numbers["promised"]:
            continue
        reasons = sorted({one["message"] for one in document["checks"] if _left_out(one, suite)})
        why = f"; skipped: {'; '.join(reasons[:3])}" if reasons else ""
        lost = sum(1 for one in document["checks"] if one["suite"] == suite and one.get("lost"))
        why += f"; {lost} on hosts that cannot be asked" if lost else ""
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

"""What the live tests have shown: the record, and a run that is held to it.

``pytest tests/integration/live --write-matrix`` runs every live test on every backend and writes what passed
and what skipped for want of a capability to ``tests/integration/live/matrix.json``, and the table made of it
into the README. From then on a run that takes in the live tests fails when one that is recorded as passed
did not run and pass. ``conftest.py`` registers the plugin; under xdist the controller judges.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIVE = ROOT / "tests" / "integration" / "live"
RECORD = LIVE / "matrix.json"
README = ROOT / "README.md"
BACKENDS = {
    "embedded": "embedded",
    "localstack": "LocalStack",
    "ministack": "ministack",
    "moto-server": "moto's server",
}
PASSED, FAILED, ABSENT, LACKS = "passed", "failed", "absent", "lacks "
ABSENT_TEXT = "is missing; to add it"
_WORST = (FAILED, ABSENT, LACKS, PASSED)
_LACK = re.compile(r"\b(?:lacks|has no) '?([a-z][\w-]*)'?")
_BEGIN, _END = "<!-- live matrix: begin -->", "<!-- live matrix: end -->"

Tests = dict[str, dict[str, str]]
Capabilities = dict[str, Tests]
"""Capability to test (``file.py::name``) to backend to ``passed`` or ``lacks NAME``."""


# What a test is, and how it went.


def capabilities(item: pytest.Item) -> list[str]:
    """What a live test proves."""
    return [name for marker in item.iter_markers("capability") for name in marker.args]


def backend(item: pytest.Item) -> str:
    """The backend that a live test runs on."""
    params: Mapping[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    needed = (name for marker in item.iter_markers("needs") for name in marker.args if name in BACKENDS)
    return str(params.get("stack_backend") or next(needed, ""))


def reason(report: pytest.TestReport) -> str:
    """Why a test was skipped."""
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)


def state(report: pytest.TestReport) -> str:
    """``passed``, ``failed``, ``absent`` (a part of the machine is not there) or ``lacks NAME``."""
    if report.passed:
        return PASSED
    if not report.skipped:
        return FAILED
    lack = _LACK.search(reason(report))
    return ABSENT if ABSENT_TEXT in reason(report) else f"{LACKS}{lack.group(1)}" if lack else FAILED


def _worse(one: str, other: str) -> str:
    def rank(found: str) -> int:
        return next(at for at, known in enumerate(_WORST) if found.startswith(known))

    return min(one, other, key=rank)


# The record.


def recorded() -> dict[str, Any]:
    """The file as it is; empty when there is none."""
    if not RECORD.exists():
        return {"servers": {}, "capabilities": {}}
    found: dict[str, Any] = json.loads(RECORD.read_text())
    return found


def flat(found: Capabilities) -> dict[tuple[str, str], str]:
    """(test, backend) to its state."""
    return {
        (test, kind): how
        for tests in found.values()
        for test, row in tests.items()
        for kind, how in row.items()
    }


def differences(
    wanted: Mapping[tuple[str, str], str], seen: Mapping[tuple[str, str], str], files: set[str] | None
) -> list[str]:
    """What a run did less, or else, than is recorded. ``files`` were asked for whole; None means all.

    What failed tells that by itself; what is absent is for the caller to tell.
    """
    found = []
    for place, how in sorted(wanted.items()):
        asked = files is None or place[0].partition("::")[0] in files
        was = seen.get(place, "did not run" if asked else how)
        if was not in (how, ABSENT):
            found.append(f"{place[1]}: {place[0]} is recorded as '{how}', but: {was}")
    new = sorted(place for place in seen if place not in wanted and seen[place] not in (FAILED, ABSENT))
    return [*found, *(f"{kind}: {test} is not recorded" for test, kind in new)]


# The table in the README.


def _cell(tests: Tests, kind: str) -> tuple[str, set[str]]:
    """What a cell says, and the capabilities that are lacked."""
    states = {row[kind] for row in tests.values() if kind in row}
    lacks = {how.removeprefix(LACKS) for how in states if how != PASSED}
    word = "yes" if states == {PASSED} else "in part" if PASSED in states else "no"
    return word if states else "", lacks


def table(found: Capabilities, about: Mapping[str, Mapping[str, str]]) -> str:
    """The matrix in Markdown; ``about`` is the table of capabilities (meaning, and reason by backend)."""
    notes: dict[str, int] = {}
    lines = ["| | " + " | ".join(BACKENDS.values()) + " |", "| --- |" + " --- |" * len(BACKENDS)]
    for name, tests in sorted(found.items()):
        cells = []
        for kind in BACKENDS:
            cell, lacks = _cell(tests, kind)
            whys = [about.get(lack, {}).get(kind, "for no known reason") for lack in sorted(lacks)]
            cells.append(" ".join([cell, *(f"({notes.setdefault(why, len(notes) + 1)})" for why in whys)]))
        lines.append(f"| `{name}`: {about.get(name, {}).get('about', '')} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *(f"({number}) {why}  " for why, number in notes.items())]).rstrip()


def placed(readme: str, text: str) -> str:
    """A README with the table between its marks. Raises ``ValueError`` when they are not there."""
    before, begin, rest = readme.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"README.md has no '{_BEGIN}' … '{_END}'")
    return f"{before}{_BEGIN}\n{text}\n{_END}{after}"


def meanings() -> dict[str, dict[str, str]]:
    """The table of capabilities: ``about``, and the reason for each backend that lacks one."""
    from stackproof.backends.servers.capabilities import table as known

    return known()


# The plugin.


class LiveMatrix:
    """Gathers how live tests went, and judges at the end of the run. ``required``: nothing may be absent."""

    capabilities = staticmethod(capabilities)
    backend = staticmethod(backend)
    state = staticmethod(state)

    def __init__(self, config: pytest.Config, *, required: bool) -> None:
        self._config = config
        self._required = required
        self._seen: Capabilities = {}
        self._said: list[str] = []
        self._absent: dict[str, list[str]] = {}

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[None]:
        report: pytest.TestReport = yield  # type: ignore[assignment]
        if item.path.parent == LIVE and backend(item) and (report.when == "call" or not report.passed):
            report.stackproof_live = {  # type: ignore[attr-defined]
                "test": f"{item.path.name}::{getattr(item, 'originalname', item.name)}",
                "backend": backend(item),
                "capabilities": capabilities(item),
                "state": state(report),
                "reason": reason(report) if report.skipped else "",
            }
        return report  # type: ignore[return-value]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        one = getattr(report, "stackproof_live", None)
        if one is None:
            return
        for name in one["capabilities"]:
            row = self._seen.setdefault(name, {}).setdefault(one["test"], {})
            row[one["backend"]] = _worse(one["state"], row.get(one["backend"], PASSED))
        if one["state"] == ABSENT:
            self._absent.setdefault(one["reason"], []).append(one["test"])

    def _files(self) -> set[str] | None:
        """The live files that the run was asked for whole: None means all of them."""
        option = self._config.option
        narrow = ("keyword", "markexpr", "deselect", "lf", "ignore", "ignore_glob", "stepwise")
        if not self._required and any(getattr(option, name, None) for name in narrow):
            return set()
        start = self._config.invocation_params.dir
        paths = [Path(os.path.abspath(start / arg)) for arg in self._config.args if "::" not in arg]
        if any(LIVE.is_relative_to(path) for path in paths):
            return None
        return {path.name for path in paths if path.parent == LIVE}

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        option = self._config.option
        if hasattr(self._config, "workerinput") or option.collectonly or exitstatus not in (0, 1):
            return
        if option.write_matrix:
            self._said = self._write(passed=exitstatus == 0)
        else:
            seen, wanted = flat(self._seen), flat(recorded()["capabilities"])
            self._said = differences(wanted, seen, self._files())
        if self._said:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _write(self, *, passed: bool) -> list[str]:
        """Write record and table; answers why not."""
        if not passed or self._absent or self._files() is not None:
            return [
                "not written: that takes a whole run of tests/integration/live on every backend, all passed"
            ]
        from stackproof.backends.servers import SERVERS

        found = {name: {test: dict(sorted(row.items())) for test, row in sorted(tests.items())}
                 for name, tests in sorted(self._seen.items())}  # fmt: skip
        servers = {name: kind.requirement for name, kind in SERVERS.items()}
        RECORD.write_text(json.dumps({"servers": servers, "capabilities": found}, indent=1) + "\n")
        README.write_text(placed(README.read_text(), table(found, meanings())))
        return []

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._absent:
            terminalreporter.section("live tests that this machine could not run")
            for why, tests in sorted(self._absent.items()):
                terminalreporter.line(f"{len(tests)} tests: {why}")
        if self._said:
            terminalreporter.section("the live matrix does not hold", red=True)
            for line in self._said:
                terminalreporter.line(line, red=True)
            terminalreporter.line("if this is meant: pytest tests/integration/live --write-matrix")

"""Inspection under pytest: hosts of an inventory as fixtures, and the promise of how many checks are made.

``inspection`` is the session with all hosts, ``inspected`` the host that a check runs against (one check for
each host of the inventory that its suite inspects), ``inspected_host`` the same as a testinfra host. A suite
is a folder that has the name of one in the inventory. Nothing heavy is imported until one of them is used.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stackproof.plugin import jobs
from stackproof.plugin.jobs import deselected, end_with_parent, is_worker, order_of, tell_deselected

if TYPE_CHECKING:
    from testinfra.host import Host

    from stackproof.hosts.model import Running
    from stackproof.hosts.session import Session
    from stackproof.plugin.inspected import Inspection

DEFAULT = "inventory/local.yml"
NOTED = "inspected"
"""The property of a report that holds what its check says."""
_STATE: pytest.StashKey[Inspection] = pytest.StashKey()


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Several workers are a plugin of its own, which is imported here already."""
    pluginmanager.register(jobs, "stackproof-inspection-jobs")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the group ``stackproof``."""
    group = parser.getgroup("stackproof")
    group.addoption("--inventory", metavar="FILE", help=f"Hosts to inspect (default: ini, else {DEFAULT}).")
    group.addoption("--inspect-report", metavar="FILE", help="Write what was inspected to this JSON file.")
    parser.addini("inventory", "Hosts to inspect.", default=DEFAULT)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and our backends with testinfra when it is in use."""
    for line in (
        "capability(*names): the check is skipped, with the reason, on a host that lacks one of them",
        "hosts(**facts): the check is made on those hosts only whose facts in the inventory are these",
        "check(id, title='', file='', line=0, severity='error'): how the check is called in findings",
    ):
        config.addinivalue_line("markers", line)
    if "testinfra.backend" in sys.modules:
        from stackproof.hosts.registered import register

        register()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One check for each host that the check's suite inspects."""
    if "inspected" not in metafunc.fixturenames:
        return
    found = state(metafunc.config)
    names, reason = found.hosts_for(metafunc.definition)
    if names:
        metafunc.parametrize("inspected", names, indirect=True, scope="session")
        return
    nothing = pytest.param("", marks=pytest.mark.skip(reason=reason), id="no-host")
    metafunc.parametrize("inspected", [nothing], indirect=True, scope="session")


def state(config: pytest.Config) -> Inspection:
    """The inspection of this run, made from the inventory when first asked for."""
    if _STATE not in config.stash:
        from stackproof.plugin.inspected import Inspection

        named = config.getoption("--inventory")
        path = Path(named) if named else config.rootpath / str(config.getini("inventory"))
        config.stash[_STATE] = Inspection(path, config.rootpath)
    return config.stash[_STATE]


def _host_of(item: pytest.Item) -> str:
    call = getattr(item, "callspec", None)
    return str(call.params.get("inspected", "")) if call is not None else ""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what the inventory says that the host cannot do, before the host is made."""
    name = _host_of(item)
    if name:
        reason = state(item.config).lacks(name, item)
        if reason:
            pytest.skip(reason)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Skip what the host that was made turned out not to have."""
    name = _host_of(item)
    if name:
        reason = state(item.config).lacks_really(name, item)
        if reason:
            pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note what the check says; xdist carries it to the process that joins."""
    report = yield
    if _host_of(item):
        from stackproof.plugin.inspected import noted

        told = noted(item, call, report, state(item.config))
        report.user_properties.append((NOTED, {**told, "order": order_of(item)}))
    return report


def pytest_deselected(items: list[pytest.Item]) -> None:
    """A worker tells the process above it how many checks it left out."""
    for item in items:
        if _host_of(item):
            tell_deselected(item.config)


class _Joining:
    """What arrives from all workers; only in the process that has no workers above it."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.checks: dict[str, dict[str, Any]] = {}
        self.deselected = 0
        self.others: dict[str, str] = {}
        self.lines: list[str] = []
        self.figures: list[tuple[int, str]] = []

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self.deselected += sum(1 for item in items if _host_of(item))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        self.deselected = max(self.deselected, deselected(node))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told: list[dict[str, Any]] = [dict(value) for name, value in report.user_properties if name == NOTED]  # type: ignore[call-overload]
        for one in told:
            from stackproof.plugin.inspected import joined

            joined(self.checks, report.nodeid, one)
        if report.failed and not told:
            # It inspects no host of the inventory, or its worker ended in the middle of it.
            self.others.setdefault(report.nodeid, str(report.longrepr).strip().rpartition("\n")[2])
        if report.when == "call":
            order = told[0]["order"] if told else 0
            short = report.nodeid.rpartition("::")[2]
            measured = [value for name, value in report.user_properties if name == "measured"]
            self.figures += [(order, f"{short}: {value}") for value in measured]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if not self.checks and not self.config.getoption("--inspect-report"):
            return
        from stackproof.plugin.inspected import Told, conclude

        # Workers tell as they go; the order is that of a run without them.
        self.figures.sort(key=lambda one: one[0])
        checks = dict(sorted(self.checks.items(), key=lambda one: one[1]["order"]))
        told = Told(checks, self.deselected, self.others, [text for _, text in self.figures])
        short = conclude(self.config, state(self.config), told, self.lines)
        if short and exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.config.getoption("--inspect-report") and self.config.option.verbose < 0:
            return  # who reads that report tells the same
        figures = [text for _, text in self.figures]
        for title, lines in (("was measured", figures), ("the inventory promises", self.lines)):
            if lines:
                terminalreporter.section(f"stackproof: what {title}")
            for line in lines:
                terminalreporter.line(line)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Gather results where they arrive: not in a worker of xdist."""
    if not is_worker(session.config):
        session.config.pluginmanager.register(_Joining(session.config), "stackproof-inspection")


@pytest.fixture(scope="session")
def inspection(pytestconfig: pytest.Config) -> Iterator[Session]:
    """The session: ``inspection.host(name)`` makes (or gives) any host of the inventory."""
    from stackproof.hosts.session import Session, end_on_signals
    from stackproof.hosts.undo import MARK

    found = state(pytestconfig)
    end_on_signals()
    if is_worker(pytestconfig):
        end_with_parent()
    with Session(found.inventory, pytestconfig.rootpath) as session:
        # What testinfra starts itself (ssh's shared connections) ends with the session, too.
        os.environ[MARK] = session.id
        found.session = session
        try:
            yield session
        finally:
            found.session = None
            os.environ.pop(MARK, None)


@pytest.fixture(scope="session")
def inspected(request: pytest.FixtureRequest, inspection: Session) -> Running:
    """The host that the check inspects."""
    from stackproof.plugin.inspected import started

    return started(inspection, str(request.param))


@pytest.fixture(scope="session")
def inspected_host(inspected: Running, inspection: Session) -> Host:
    """The same as a testinfra host."""
    from stackproof.hosts.reach import host_of

    return host_of(inspected, inspection)


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """``measured("p50 0.4 ms")``: a figure that is shown and reported, also where the check passes."""
    node: pytest.Item = request.node
    return lambda text: node.user_properties.append(("measured", text))

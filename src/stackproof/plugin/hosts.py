"""Inspection under pytest: hosts of an inventory as fixtures, and the promise of how many checks are made.

``inspection`` is the session with all hosts, ``inspected`` the host that a check runs against (one check for
each host of the inventory that its suite inspects), ``inspected_host`` the same as a testinfra host. A suite
is a folder that has the name of one in the inventory. In a suite testinfra's own ``host`` is the same as
``inspected_host``. Nothing heavy is imported until one of them is used.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from stackproof.plugin import jobs
from stackproof.plugin.jobs import (
    PLAIN,
    deselected,
    end_with_parent,
    host_of,
    is_worker,
    order_of,
    tell_deselected,
)

if TYPE_CHECKING:
    from testinfra.host import Host

    from stackproof.hosts.model import Running
    from stackproof.hosts.session import Session
    from stackproof.hosts.told import Teller
    from stackproof.plugin.inspected import Inspection

DEFAULT = "inventory/local.yml"
NOTED = "inspected"
"""The property of a report that holds what its check says."""
_CUT = {pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR}
_STATE: pytest.StashKey[Inspection] = pytest.StashKey()


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Several workers are a plugin of its own, which is imported here already."""
    pluginmanager.register(jobs, "stackproof-inspection-jobs")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the group ``stackproof``."""
    group = parser.getgroup("stackproof")
    group.addoption("--inventory", metavar="FILE", help=f"Hosts to inspect (default: ini, else {DEFAULT}).")
    what = "Write what is inspected to this file, a line of JSON for each event; the last one is the result."
    group.addoption("--inspect-report", metavar="FILE", help=what)
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
    if config.getoption("--inspect-report"):
        from stackproof.hosts.session import end_on_signals

        end_on_signals(once=True)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    """A suite's conftest.py that cannot be read ends the run before it begins: tell where that is."""
    try:
        return (yield)
    except Exception as error:
        target = getattr(early_config.known_args_namespace, "inspect_report", None)
        if target and getattr(error, "cause", None):
            from stackproof.hosts.told import Teller
            from stackproof.plugin.inspected import broken

            file = Path(getattr(error, "path", early_config.rootpath))
            told = {**broken(error, early_config.rootpath, file), "first": True}
            Teller(Path(target)).tell("broken", told=told)
        raise


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Note where a file of a suite is broken; xdist carries it to the process that joins."""
    report = yield
    call = getattr(report, "call", None)
    if report.failed and call is not None and collector.config.getoption("--inspect-report"):
        from stackproof.plugin.inspected import broken

        told = broken(call.excinfo.value, collector.config.rootpath, collector.path)
        report.stackproof_broken = told  # type: ignore[attr-defined]
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One check for each host that the check's suite inspects."""
    plain = PLAIN in metafunc.fixturenames and _in_suite(metafunc)
    asked = [
        name for name, there in (("inspected", "inspected" in metafunc.fixturenames), (PLAIN, plain)) if there
    ]
    if not asked:
        return
    if plain:
        _refuse_own_hosts(metafunc)
    found = state(metafunc.config)
    names, reason = found.hosts_for(metafunc.definition)
    # Whoever asks for both gets the same host by both.
    values: list[Any] = [[name if one != PLAIN else found.plain(name) for one in asked] for name in names]
    if not names:
        nothing = [""] * len(asked)
        values = [pytest.param(*nothing, marks=pytest.mark.skip(reason=reason))]
    scope: Literal["module", "session"] = "module" if plain else "session"
    metafunc.parametrize(asked, values, ids=names or ["no-host"], indirect=True, scope=scope)
    # What testinfra looks at to do the same for the hosts of its own options.
    metafunc.fixturenames = [one for one in metafunc.fixturenames if one != PLAIN or not plain]


def _refuse_own_hosts(metafunc: pytest.Metafunc) -> None:
    """A plain testinfra module may name hosts; nobody would inspect them."""
    if hasattr(metafunc.module, "testinfra_hosts"):
        from stackproof.plugin.inspected import Refused

        item = metafunc.definition
        why = f"{item.name}: a suite inspects the inventory's hosts, put those of 'testinfra_hosts' there"
        raise Refused(why, (item.path, (item.location[1] or 0) + 1))


def _in_suite(metafunc: pytest.Metafunc) -> bool:
    """Cheap first: whoever uses testinfra without an inventory goes on as without this plugin."""
    config = metafunc.config
    named = config.getoption("--inventory") or config.rootpath / str(config.getini("inventory"))
    if config.getoption("--hosts") or not Path(named).is_file():
        return False
    return bool(state(config).suite_of(metafunc.definition.path))


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any, request: Any) -> Generator[None, object, object]:
    """Make the host that a plain testinfra check asks for."""
    if fixturedef.argname == PLAIN and getattr(request.param, "inspects", ""):
        request.param.begin(request.getfixturevalue("inspection"))
    return (yield)


def state(config: pytest.Config) -> Inspection:
    """The inspection of this run, made from the inventory when first asked for."""
    if _STATE not in config.stash:
        from stackproof.plugin.inspected import Inspection

        named = config.getoption("--inventory")
        path = Path(named) if named else config.rootpath / str(config.getini("inventory"))
        config.stash[_STATE] = Inspection(path, config.rootpath)
    return config.stash[_STATE]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what the inventory says that the host cannot do, before the host is made; fail what is lost."""
    name = host_of(item)
    if name:
        from stackproof.plugin.reaching import refuse_lost

        reason = state(item.config).lacks(name, item)
        if reason:
            pytest.skip(reason)
        refuse_lost(item, state(item.config))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Skip what the host that was made turned out not to have."""
    name = host_of(item)
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
    if host_of(item):
        from stackproof.plugin.inspected import noted
        from stackproof.plugin.reaching import of_hosts

        of_host = of_hosts(item, call, report, state(item.config))
        told = {**noted(item, call, report, state(item.config)), **of_host}
        report.user_properties.append((NOTED, {**told, "order": order_of(item)}))
    return report


def pytest_deselected(items: list[pytest.Item]) -> None:
    """A worker tells the process above it how many checks it left out."""
    for item in items:
        if host_of(item):
            tell_deselected(item.config)


class _Joining:
    """What arrives from all workers; only in the process that has no workers above it."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.checks: dict[str, dict[str, Any]] = {}
        self.deselected = 0
        self.others: dict[str, dict[str, Any]] = {}
        self.lines: list[str] = []
        self.figures: list[tuple[int, str]] = []
        self._teller: Teller | None = None
        if target := config.getoption("--inspect-report"):
            from stackproof.hosts.told import Teller

            self._teller = Teller(Path(target))

    def _tell(self, kind: str, **values: Any) -> None:
        if self._teller is not None:
            self._teller.tell(kind, **values)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self.deselected += sum(1 for item in items if host_of(item))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        self.deselected = max(self.deselected, deselected(node))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if told := getattr(report, "stackproof_broken", None):
            self._tell("broken", told=dict(told))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._tell("begun", id=nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._tell("over", id=nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told: list[dict[str, Any]] = [dict(value) for name, value in report.user_properties if name == NOTED]  # type: ignore[call-overload]
        for one in told:
            from stackproof.hosts.told import joined

            joined(self.checks, report.nodeid, one)
            self._tell("phase", id=report.nodeid, told=one)
        if report.failed and not told:
            from stackproof.plugin.inspected import other

            # It inspects no host of the inventory, or its worker ended in the middle of it.
            self.others.setdefault(report.nodeid, other(report, self.config.rootpath))
            self._tell("other", id=report.nodeid, told=self.others[report.nodeid])
        if report.when == "call":
            order = told[0]["order"] if told else 0
            short = report.nodeid.rpartition("::")[2]
            measured = [f"{short}: {value}" for name, value in report.user_properties if name == "measured"]
            self.figures += [(order, text) for text in measured]
            for text in measured:
                self._tell("measured", text=text)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if not self.checks and self._teller is None:
            return
        from stackproof.plugin.inspected import Told, conclude

        # Workers tell as they go; the order is that of a run without them.
        self.figures.sort(key=lambda one: one[0])
        checks = dict(sorted(self.checks.items(), key=lambda one: one[1]["order"]))
        cut = "the run was ended before its end" if exitstatus in _CUT else ""
        told = Told(checks, self.deselected, self.others, [text for _, text in self.figures], cut)
        short, document = conclude(self.config, state(self.config), told, self.lines)
        self._tell("ended", document=document)
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
    if not pytestconfig.getoption("--inspect-report"):
        end_on_signals()
    if is_worker(pytestconfig):
        end_with_parent()
    with Session(found.inventory, pytestconfig.rootpath) as session:
        # What testinfra starts itself (ssh's shared connections) ends with the session, too.
        os.environ[MARK] = session.id
        found.session = session
        for name, error in found.unknown.items():
            session.refuse(name, error)
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

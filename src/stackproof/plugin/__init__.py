"""The pytest plugin (entry point ``pytest11``). It imports nothing heavy when pytest starts.

Fixtures: ``stack`` (deploys a template), ``fabric`` (the world of the test), ``aws`` (boto3 clients).
Everything else of stackproof is imported when the first of them is used.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from stackproof.plugin.clients import Aws
    from stackproof.plugin.factory import Factory
    from stackproof.plugin.world import Fabric

pytest_plugins = ("stackproof.plugin.hosts",)

EMBEDDED = "embedded"
BACKENDS = (EMBEDDED, "localstack", "ministack", "moto-server", "endpoint")
FABRIC: pytest.StashKey[Fabric] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the group ``stackproof``, and what a project sets in its ini file."""
    group = parser.getgroup("stackproof")
    group.addoption(
        "--fabric-seed", type=int, metavar="N", help="Seed of every world (default: ini fabric_seed, else 0)."
    )
    group.addoption(
        "--stack-backend", choices=BACKENDS, help="Where stacks are deployed (default: ini stack_backend)."
    )
    group.addoption(
        "--stack-require",
        choices=("emulated", "partial"),
        help="The level that every resource must reach (default: ini stack_require, else none).",
    )
    parser.addini("fabric_seed", "Seed of every world.", default="0")
    parser.addini(
        "fabric_real_limit",
        "Real seconds after which a handler that never yields is cut, 0 for no limit "
        "(default 30; STACKPROOF_REAL_LIMIT overrides it).",
        default="",
    )
    parser.addini("stack_backend", "Where stacks are deployed.", default=EMBEDDED)
    parser.addini("stack_require", "The level that every resource must reach.", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers; refuse a backend that is not there before anything runs."""
    config.addinivalue_line(
        "markers",
        "fabric(seed=0, journal='full', account='', region='', chooser=None): the world of the test",
    )
    config.addinivalue_line(
        "markers", "stack_backend(*kinds): the backends that the test can run on; on others it is skipped"
    )
    chosen = backend_of(config)
    if chosen not in BACKENDS:
        raise pytest.UsageError(f"stack_backend is '{chosen}', expected one of {', '.join(BACKENDS)}")


def backend_of(config: pytest.Config) -> str:
    """The backend of this run."""
    return str(config.getoption("--stack-backend") or config.getini("stack_backend"))


def pytest_report_header(config: pytest.Config) -> str:
    """Name the version and the backend, so that a log tells what ran."""
    from stackproof import __version__
    from stackproof.backends.compat import seccomp

    why = seccomp.lacking()
    held = f", sockets of children not held ({why})" if why else ""
    return f"stackproof: {__version__}, stacks on {backend_of(config)}, {hash_seed()}{held}"


def hash_seed() -> str:
    """``hash seed 0``, or ``hash seed random``: then sets of strings have another order in each process."""
    if not sys.flags.hash_randomization:
        return "hash seed 0"
    fixed = os.environ.get("PYTHONHASHSEED", "")
    return f"hash seed {fixed if fixed.isdigit() else 'random'}"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what cannot run on the chosen backend, by name."""
    marker = item.get_closest_marker("stack_backend")
    chosen = backend_of(item.config)
    if marker is not None and chosen not in marker.args:
        pytest.skip(f"runs on {', '.join(marker.args)}, not on {chosen}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Hide our frames, add the journal to a failure, and note what was not emulated."""
    # A world that could not even be opened has imported the errors: they may say that something is missing.
    if FABRIC not in item.stash and "stackproof.errors" not in sys.modules:
        return (yield)
    from stackproof.plugin import reporting

    reporting.prepare(item, call)
    report = yield
    reporting.complete(item, call, report)
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Gather what the tests of every worker found missing."""
    for line in getattr(report, "stackproof_missing", ()):
        _gathered[line] = None
    for line in getattr(report, "stackproof_remarks", ()):
        _remarks[line] = None


_gathered: dict[str, None] = {}
_remarks: dict[str, None] = {}


def pytest_sessionstart() -> None:
    """Forget an earlier session of the same process."""
    _gathered.clear()
    _remarks.clear()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List every resource that is not wholly emulated, and what AWS would say of others, once."""
    for title, found in (("not wholly emulated", _gathered), ("AWS would say", _remarks)):
        if found:
            terminalreporter.section(f"stackproof: {title}")
        for line in sorted(found):
            terminalreporter.line(line)


@pytest.fixture
def stack_backend(pytestconfig: pytest.Config) -> str:
    """The backend of this test; parametrise this fixture to run tests on several."""
    return backend_of(pytestconfig)


@pytest.fixture(scope="session")
def stackproof_backends(pytestconfig: pytest.Config) -> Iterator[Any]:
    """Makes backends by their kind; the servers that it starts end with the session."""
    from stackproof.plugin.world import Servers

    with Servers(pytestconfig) as servers:
        yield servers


@pytest.fixture
def fabric(request: pytest.FixtureRequest, stack_backend: str) -> Iterator[Fabric]:
    """The world of this test: its clock, its journal, its messages."""
    from stackproof.plugin.world import opened

    with opened(request, stack_backend) as world:
        request.node.stash[FABRIC] = world
        yield world


@pytest.fixture
def stack(request: pytest.FixtureRequest, fabric: Fabric) -> Factory:
    """``stack("templates/word-counter", config="test", parameters={…}, require="partial")`` deploys."""
    from stackproof.plugin.factory import Factory

    required = request.config.getoption("--stack-require") or request.config.getini("stack_require")
    return Factory(fabric, request.path.parent, str(required))


@pytest.fixture
def aws(fabric: Fabric) -> Aws:
    """boto3 clients of this world: ``aws("sqs")`` or ``aws.sqs``."""
    from stackproof.plugin.clients import Aws

    return Aws(fabric.backend)


@pytest.fixture(scope="session")
def stackproof_library(pytestconfig: pytest.Config) -> Any:
    """The project's templates, expanded once for all tests of the session."""
    from stackproof.plugin.world import library

    return library(pytestconfig.rootpath)

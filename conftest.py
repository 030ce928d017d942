"""What every test folder shares: fake credentials, the parts of the machine, their report at the end."""

from __future__ import annotations

import importlib.util
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from types import ModuleType

pytest_plugins = ("pytester",)
ROOT = Path(__file__).resolve().parent


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"stackproof_test_{name}", ROOT / "tests" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


parts = _load("parts")
matrix = _load("matrix")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("live tests")
    group.addoption(
        "--write-matrix", action="store_true", help="Write what the live tests show (tests/matrix.py)."
    )
    group.addoption(
        "--try-lacks", action="store_true", help="Try what backends are said to lack: it must fail."
    )


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # A run in the background ignores Ctrl-C, and so would every process that a test interrupts.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # How long an example takes says how busy the machine is.
    usual = settings.get_profile(settings.get_current_profile_name())
    settings.register_profile("unhurried", usual, deadline=None)
    settings.load_profile("unhurried")
    config.addinivalue_line("markers", "needs(part): the test uses a part of the machine (tests/parts.py)")
    config.addinivalue_line("markers", "live: the test runs on a live endpoint")
    config.addinivalue_line("markers", "capability(*names): what the test proves (tests/matrix.py)")
    config.pluginmanager.register(matrix.LiveMatrix(config, required=parts.require_parts()), "live-matrix")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        part = parts.PARTS[marker.args[0]]
        if part.found():
            continue
        reason = f"{part.name} is missing; to add it: {part.add or part.otherwise}"
        if parts.require_parts():
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of this repository."""
    return ROOT


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of foreign templates; use it with ``@pytest.mark.needs("corpus")``."""
    return Path(parts.shared("corpus"))


@pytest.fixture(scope="session")
def oracle() -> Path:
    """The folder with AWS's own answers; use it with ``@pytest.mark.needs("oracle")``."""
    return Path(parts.shared("oracle"))


@pytest.fixture(autouse=True)
def _no_real_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    nowhere = tmp_path_factory.getbasetemp() / "no-aws-files"
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(nowhere))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

"""The machine that runs the gate, inspected: what the buildspec and the README take for granted.

Point it at a build image with ``pytest tests/infra/stack --hosts=ssh://builder`` (any testinfra host).
"""

from __future__ import annotations

import pytest
import testinfra
from testinfra.host import Host


@pytest.fixture(scope="module")
def host(pytestconfig: pytest.Config) -> Host:
    """This machine or the one of ``--hosts``: it is no host of the inventory, as ``host`` is in a suite."""
    return testinfra.get_host(pytestconfig.getoption("--hosts") or "local://")


@pytest.fixture(scope="module")
def python(host: Host) -> str:
    """The first interpreter that runs; a version manager's shim alone is none."""
    for name in ("python3.12", "python3.11", "python3"):
        if host.run(f"{name} -c ''").rc == 0:
            return name
    pytest.fail("no python3 on this machine")


def test_python_is_a_version_for_which_guard_has_a_wheel(host: Host, python: str) -> None:
    version = host.check_output(f"{python} -c 'import sys; print(*sys.version_info[:2])'")
    assert version in {"3 11", "3 12"}


def test_python_can_make_a_virtual_environment_with_pip(host: Host, python: str) -> None:
    assert host.run(f"{python} -c 'import ensurepip, venv'").rc == 0


def test_git_can_tell_what_changed(host: Host) -> None:
    assert host.exists("git")
    assert host.check_output("git --version").startswith("git version 2.")


def test_the_buildspec_s_shell_is_there(host: Host) -> None:
    assert host.exists("bash")
    assert host.run("bash -c 'set -euo pipefail; test \"${VERDICT:-FAIL}\" = FAIL'").rc == 0


def test_a_cache_and_reports_can_be_written(host: Host) -> None:
    assert host.run("f=$(mktemp -d) && touch $f/x && rm -r $f").rc == 0

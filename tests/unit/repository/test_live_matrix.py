"""The record of the live tests, the table in the README, and what a run that did less is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stackproof.backends.embedded import EmbeddedBackend
from stackproof.backends.servers import SERVERS

PASSED = ("test_a.py::test_x", "localstack")
LACKING = ("test_a.py::test_y", "localstack")
RECORDED = {PASSED: "passed", LACKING: "lacks streams"}


@pytest.fixture(scope="module")
def matrix(pytestconfig: pytest.Config) -> Any:
    import sys

    return sys.modules[type(pytestconfig.pluginmanager.get_plugin("live-matrix")).__module__]


@pytest.fixture(scope="module")
def about(matrix: Any) -> Any:
    return matrix.meanings()


def test_the_readme_shows_what_is_recorded(matrix: Any, about: Any) -> None:
    readme = matrix.README.read_text()
    assert matrix.placed(readme, matrix.table(matrix.recorded()["capabilities"], about)) == readme


def test_every_capability_was_proven_and_every_lack_has_its_reason(matrix: Any, about: Any) -> None:
    record = matrix.recorded()["capabilities"]
    assert set(record) == set(about)
    said = {(name, kind) for name, row in about.items() for kind in row if kind in matrix.BACKENDS}
    shown = {
        (how.removeprefix("lacks "), kind)
        for tests in record.values()
        for row in tests.values()
        for kind, how in row.items()
        if how != "passed"
    }
    assert shown == said


def test_the_record_is_of_the_servers_that_are_installed_today(matrix: Any) -> None:
    assert matrix.recorded()["servers"] == {name: kind.requirement for name, kind in SERVERS.items()}


def test_the_embedded_backend_has_the_capabilities_that_it_names(about: Any) -> None:
    lacking = {name for name, row in about.items() if "embedded" in row}
    assert EmbeddedBackend.capabilities <= set(about) - lacking


@pytest.mark.parametrize(
    ("seen", "files", "told"),
    [
        (RECORDED, None, ""),
        ({LACKING: "lacks streams"}, None, "test_x is recorded as 'passed', but: did not run"),
        ({LACKING: "lacks streams"}, {"test_a.py"}, "did not run"),
        ({LACKING: "lacks streams"}, {"test_b.py"}, ""),
        ({LACKING: "lacks streams"}, set(), ""),
        ({**RECORDED, PASSED: "lacks events"}, set(), "but: lacks events"),
        ({**RECORDED, PASSED: "failed"}, None, "but: failed"),
        ({**RECORDED, PASSED: "absent"}, None, ""),
        ({**RECORDED, LACKING: "passed"}, set(), "recorded as 'lacks streams', but: passed"),
        ({**RECORDED, ("test_a.py::test_z", "ministack"): "passed"}, set(), "test_z is not recorded"),
    ],
)
def test_a_run_is_held_to_the_record(matrix: Any, seen: Any, files: Any, told: str) -> None:
    said = "\n".join(matrix.differences(RECORDED, seen, files))
    assert (told in said) if told else not said


def test_a_capability_that_only_some_tests_show_is_there_in_part(matrix: Any) -> None:
    tests = {"a": {"localstack": "passed"}, "b": {"localstack": "lacks streams"}}
    text = matrix.table({"streams": tests}, {"streams": {"about": "streams flow", "localstack": "so what"}})
    assert "| `streams`: streams flow |  | in part (1) |  |  |" in text
    assert text.endswith("(1) so what")


CONFTEST = """
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("matrix_of_project", {path!r})
matrix = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = matrix
spec.loader.exec_module(matrix)
here = Path(__file__).parent
matrix.LIVE, matrix.RECORD, matrix.README = here / "live", here / "live/matrix.json", here / "README.md"
matrix.meanings = lambda: {{"c": {{"about": "it works"}}}}

def pytest_addoption(parser):
    parser.addoption("--write-matrix", action="store_true")

def pytest_configure(config):
    for name in ("needs", "capability"):
        config.addinivalue_line("markers", name + "(name): of live tests")
    config.pluginmanager.register(matrix.LiveMatrix(config, required={required}))
"""
TEST = """
import pytest
pytestmark = [pytest.mark.needs("ministack"), pytest.mark.capability("c")]
def test_x(): {x}
def test_y(): {y}
"""


@pytest.fixture
def run(pytester: pytest.Pytester, matrix: Any) -> Callable[..., Any]:
    """Runs a project of two live tests whose bodies are ``x`` and ``y``; "" leaves the second one out."""
    pytester.path.joinpath("README.md").write_text("<!-- live matrix: begin --><!-- live matrix: end -->")
    pytester.mkdir("live")

    def ran(*args: str, x: str = "pass", y: str = "pass", required: bool = False) -> Any:
        pytester.makeconftest(CONFTEST.format(path=matrix.__file__, required=required))
        text = TEST.format(x=x, y=y) if y else TEST.partition("def test_y")[0].format(x=x)
        pytester.path.joinpath("live", "test_a.py").write_text(text)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", *args)

    return ran


ABSENT = "pytest.skip('ministack is missing; to add it: install ministack')"


@pytest.mark.parametrize("xdist", [("-n", "1"), ()], ids=["xdist", "alone"])
def test_a_recorded_test_that_is_gone_fails_the_run(run: Any, xdist: tuple[str, ...]) -> None:
    run("live", "--write-matrix")
    done = run(*xdist, y="")
    assert done.ret == 1
    done.stdout.fnmatch_lines(["ministack: test_a.py::test_y is recorded as 'passed', but: did not run"])


def test_the_record_and_the_table_are_written_by_a_whole_run_only(run: Any, pytester: Any) -> None:
    readme = pytester.path / "README.md"
    for args, how in ((("live", "-k", "x"), {}), (("live",), {"x": "assert 0"}), (("live",), {"x": ABSENT})):
        assert run(*args, "--write-matrix", **how).ret == 1
    assert "it works" not in readme.read_text()
    assert run("live", "--write-matrix").ret == 0
    assert "| `c`: it works |  |  | yes |  |" in readme.read_text()


def test_what_is_selected_by_hand_is_held_to_what_it_ran_and_in_ci_to_everything(run: Any) -> None:
    run("live", "--write-matrix")
    assert run("live", "-k", "test_x").ret == 0
    assert run("live", "-k", "test_x", required=True).ret == 1


def test_a_capability_that_a_server_lost_fails_the_run(run: Any) -> None:
    run("live", "--write-matrix")
    done = run("live", x="pytest.skip('ministack has no c: gone')")
    assert done.ret == 1
    done.stdout.fnmatch_lines(["ministack: test_a.py::test_x is recorded as 'passed', but: lacks c"])


def test_a_server_that_is_not_here_is_named_with_the_command_that_adds_it(run: Any) -> None:
    run("live", "--write-matrix")
    done = run("live", x=ABSENT, y=ABSENT)
    assert done.ret == 0
    done.stdout.fnmatch_lines(["2 tests: *ministack is missing; to add it: install ministack"])

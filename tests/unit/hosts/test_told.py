"""What a run of suites found is told however the run ends, and whatever one of its files is like."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from stackproof.cli import main
from stackproof.hosts.run import InspectRequest, inspect

INVENTORY = """
suites:
  demo: {checks: 1}
  more: {checks: 1}
connection: {endpoint: "http://127.0.0.1:9", region: eu-west-1}
hosts:
  here: {suites: [demo, more], url: "local://", system: debian-12}
"""

FOUND = """
def test_found(inspected):
    assert False, "my real finding"
"""
KEPT = "def test_kept(inspected): ...\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    for name, text in (("demo/test_a", FOUND), ("more/test_m", KEPT)):
        file = root / "tests" / "infra" / f"{name}.py"
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8")
    (root / "stackproof.toml").write_text('fail_on = "warning"\n', encoding="utf-8")
    (root / "inventory").mkdir()
    (root / "inventory" / "local.yml").write_text(INVENTORY, encoding="utf-8")
    monkeypatch.setenv("STACKPROOF_HOSTS", str(tmp_path / "hosts"))
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(root)
    return root


def add(project: Path, name: str, text: str) -> None:
    (project / "tests" / "infra" / name).write_text(text, encoding="utf-8")


def told(project: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code of the command and its report."""
    code = main(["inspect", "--jobs", "1", "--format", "json=out.json", *arguments])
    report: dict[str, Any] = json.loads((project / "out.json").read_text(encoding="utf-8"))
    return code, report


def messages(report: dict[str, Any]) -> list[str]:
    return [one["message"] for one in report["findings"]]


@pytest.mark.parametrize(
    ("file", "text", "line", "what", "jobs"),
    [
        ("demo/test_b.py", "\ndef test_x(:\n", 2, "cannot be read: SyntaxError", 1),
        ("demo/test_b.py", "\n\nimport no_such_module\n", 3, "", 2),
        ("more/conftest.py", "\n\n\nno_such_name\n", 4, "no_such_name", 1),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_keeps_no_other_from_being_checked(
    project: Path, file: str, text: str, line: int, what: str, jobs: int
) -> None:
    add(project, file, text)
    if jobs == 2:
        add(project, "demo/helper_of_b.py", text)
        add(project, file, "import helper_of_b\n")
        file, what = "demo/helper_of_b.py", f"tests/infra/{file} cannot be read: ModuleNotFoundError"
    found = inspect(InspectRequest(project / "inventory" / "local.yml", jobs=jobs), project)
    assert "here: my real finding" in [one.message.splitlines()[0] for one in found.findings]
    (problem,) = found.problems
    assert what in problem.message
    assert problem.location is not None
    assert (problem.location.file, problem.location.line) == (f"tests/infra/{file}", line)


def test_a_broken_conftest_of_all_suites_is_the_one_thing_that_is_told(project: Path) -> None:
    add(project, "conftest.py", "import no_such_module\n")
    code, report = told(project)
    assert (code, report["complete"], report["findings"]) == (2, False, [])
    (problem,) = report["problems"]
    assert problem["location"]["file"] == "tests/infra/conftest.py"


def test_a_check_that_ends_pytest_is_named_and_what_was_found_before_is_told(project: Path) -> None:
    add(project, "demo/test_b.py", "import os\ndef test_end(inspected): os.kill(os.getpid(), 9)\n")
    code, report = told(project)
    assert (code, report["complete"]) == (2, False)
    assert messages(report) == ["here: my real finding\nassert False"]
    (problem,) = report["problems"]
    assert "SIGKILL" in problem["message"]
    assert "demo/test_b.py::test_end[here]" in problem["message"]


def test_a_stack_that_cannot_be_asked_is_an_error_of_its_host_alone(project: Path) -> None:
    pytest.importorskip("boto3")
    file = project / "inventory" / "local.yml"
    lost = '  lost: {suites: [demo], url: "stack://nope/Thing", system: debian-12}\n'
    file.write_text(INVENTORY.replace("http://127.0.0.1:9", "foo") + lost, encoding="utf-8")
    code, report = told(project)
    assert code == 1
    assert report["problems"] == []
    here, gone = sorted(messages(report))[:2]
    assert here.startswith("here: my real finding")
    assert gone.startswith("lost: AWS cannot be asked for a stack")


@pytest.mark.parametrize("url", ["stack://a", "stack:///b", "stack://a/b?output=c", "stack://a?other=c"])
def test_a_url_of_no_host_of_a_stack_is_refused_where_it_stands(
    project: Path, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    lost = f'  lost: {{suites: [demo], url: "{url}", system: debian-12}}\n'
    (project / "inventory" / "local.yml").write_text(INVENTORY + lost, encoding="utf-8")
    assert main(["inspect"]) == 2
    assert f"inventory/local.yml:8:31: '{url}' names no host of a stack" in capsys.readouterr().err


WAITS = """
import time
def test_waits(inspected, inspection):
    inspection.start(["sleep", "600"])
    open("waits", "w").write(inspection.id)
    time.sleep(600)
"""


@pytest.mark.parametrize(("how", "jobs"), [("terminal", "2"), ("background", "1")])
def test_what_was_found_before_an_interrupt_is_told(
    project: Path, tmp_path: Path, jobs: str, how: str
) -> None:
    add(project, "demo/test_b.py", WAITS)
    program = "import sys; from stackproof.cli import main; sys.exit(main(sys.argv[1:]))"
    ignored = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); " if how == "background" else ""
    command = [sys.executable, "-c", ignored + program, "inspect", "demo", "--jobs", jobs]
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(
            [*command, "--format", "json=out.json", "--format", "console"],
            stdout=said,
            stderr=said,
            env={**os.environ, "TMPDIR": str(tmp_path)},
            start_new_session=True,
        )
    end = time.monotonic() + 120
    while not (project / "waits").is_file():
        assert time.monotonic() < end, (tmp_path / "said").read_text(encoding="utf-8")
        time.sleep(0.05)
    if how == "terminal":
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 130
    text = (tmp_path / "said").read_text(encoding="utf-8")
    report = json.loads((project / "out.json").read_text(encoding="utf-8"))
    assert messages(report) == ["here: my real finding\nassert False"]
    assert (report["verdict"], report["exit_code"], report["complete"]) == ("FAIL", 130, False)
    assert report["partial_because"] == "the run was ended before its end", "pytest had to be killed"
    assert "my real finding" in text.rpartition("FAIL")[0], "it is shown, too"
    assert "Traceback" not in text
    assert list((tmp_path / "hosts" / "sessions").iterdir()) == [], "the run ended before its hosts did"
    assert list(tmp_path.glob("stackproof-*")) == []

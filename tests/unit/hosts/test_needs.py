"""stackproof inspect before anything runs: what is missing is said with what adds it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stackproof.cli import main
from stackproof.hosts import packages
from stackproof.hosts.providers import tools

INVENTORY = """
suites:
  demo: {checks: 1}
images:
  plain: {release: bookworm}
  other: {base: plain, packages: [nginx]}
  hard: {base: plain, playbook: site.yml}
  harder: {base: hard}
hosts:
  here: {suites: [demo], url: "local://", system: debian-12}
"""
MADE = "  made: {suites: [demo], provider: %s, system: debian-12, settings: {image: %s}}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tests" / "infra" / "demo").mkdir(parents=True)
    (tmp_path / "tests/infra/demo/test_demo.py").write_text(
        "def test_runs(inspected): open('ran', 'w')\n", encoding="utf-8"
    )
    (tmp_path / "stackproof.toml").write_text('fail_on = "warning"\n', encoding="utf-8")
    (tmp_path / "inventory").mkdir()
    monkeypatch.chdir(tmp_path)
    given(tmp_path)
    return tmp_path


def given(project: Path, *hosts: str) -> None:
    text = INVENTORY + "".join(hosts)
    (project / "inventory" / "local.yml").write_text(text, encoding="utf-8")


def without(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """As in an installation that has not got these Python packages."""
    known = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name in modules else known(name, *more)
    )


def test_without_its_extra_inspect_says_which_to_install(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "boto3")
    assert main(["inspect", "--needs"]) == 0, "AWS is asked for no host of it"
    without(monkeypatch, "testinfra")
    given(project, '  cloud: {suites: [demo], url: "stack://a/b", system: debian-12}\n')
    assert main(["inspect", "--needs"]) == 1
    said = "testinfra, boto3 (suites are run with it) is missing; pip install 'stackproof[inspect]' adds it"
    assert said in capsys.readouterr().out
    assert main(["inspect"]) == 2
    assert said in capsys.readouterr().err
    assert not (project / "ran").exists()


def test_a_rig_on_which_drives_are_played_needs_the_extra_that_reads_them(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "mcap")
    assert main(["inspect", "--needs"]) == 0
    rig = '  rig: {suites: [demo], url: "local://", system: debian-12, facts: {replay: {p50: 5 ms}}}\n'
    given(project, rig)
    capsys.readouterr()
    assert main(["inspect", "--needs"]) == 1
    assert "mcap (recorded drives are read with it) is missing; pip install 'stackproof[hil]'" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("provider", "program"),
    [
        ("image", "mount"),
        ("nspawn", "mount"),
        ("nspawn", "nsenter"),
        ("nspawn", "ip"),
        ("qemu", "ip"),
        ("uml", "ip"),
    ],
)
def test_a_program_that_a_host_is_made_with_is_among_its_needs(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    provider: str,
    program: str,
) -> None:
    given(project, MADE % (provider, "plain"))
    real = tools.program
    monkeypatch.setattr(tools, "program", lambda name: "" if name == program else real(name))
    assert main(["inspect", "--needs"]) == 1
    (line,) = [one for one in capsys.readouterr().out.splitlines() if one.startswith("made: ")]
    assert f"{program} (" in line


@pytest.mark.parametrize(
    ("image", "wanted"), [("plain", False), ("other", False), ("hard", True), ("harder", True)]
)
def test_ansible_is_needed_by_an_image_with_a_playbook_only(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    image: str,
    wanted: bool,
) -> None:
    given(project, MADE % ("nspawn", image))
    monkeypatch.setattr(shutil, "which", lambda name, **_: None)
    main(["inspect", "--needs"])
    said = capsys.readouterr().out
    assert "mmdebstrap" in said
    assert ("ansible" in said) is wanted


def test_a_project_without_a_list_of_packages_installs_what_its_hosts_need(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["inspect", "--needs", "--install"]) == 0
    given(project, MADE % ("nspawn", "plain"))
    called: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        called.append(command)
        return subprocess.CompletedProcess(command, 0, stdout="")

    monkeypatch.setattr(tools, "program", lambda name: "")
    monkeypatch.setattr(packages.shutil, "which", lambda name, **_: f"/usr/bin/{name}")
    monkeypatch.setattr(packages.subprocess, "run", run)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert main(["inspect", "--install"]) == 0
    assert {"iproute2", "mount", "util-linux", "systemd-container"} <= set(called[-1])
    assert len(called[-1]) == len(set(called[-1]))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--need"], "No such option '--need'"),
        (["--needs", "nope"], "promises no suite 'nope'; there are: demo"),
        (["--format", "json=."], ".: cannot be written: Is a directory"),
        (["--format", "json=stackproof.toml/x.json"], "stackproof.toml/x.json: cannot be written"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_runs(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["inspect", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not (project / "ran").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-k", "nothing"], "no check was made: 1 checks were deselected"),
        (["--nosuch"], "pytest refused how it was called"),
    ],
)
def test_a_run_that_checks_nothing_does_not_pass(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    given = [word for one in arguments for word in ("--pytest", one)]
    assert main(["inspect", "--jobs", "1", *given]) == 2
    assert said in capsys.readouterr().out

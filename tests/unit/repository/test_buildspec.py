"""The buildspec, run as CodeBuild runs it: phase by phase, with the tools replaced by recorders."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

PHASES = ("install", "pre_build", "build", "post_build")


@dataclass(frozen=True)
class Build:
    """What CodeBuild would show: whether the build succeeded, its exported variables, what was called."""

    succeeded: bool
    exported: dict[str, str]
    calls: list[str]


def _tool(path: Path, log: Path, exit_code: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/bash\necho "{path.name} $*" >> {log}\nexit {exit_code}\n', encoding="utf-8")
    path.chmod(0o755)


def run_buildspec(spec: Path, folder: Path, *, stage: str, tox_exit: int = 0, verdict_exit: int = 0) -> Build:
    """Run the phases as CodeBuild does: a failed phase skips to post_build, which always runs after build."""
    document = yaml.safe_load(spec.read_text(encoding="utf-8"))
    log = folder / "calls.log"
    log.touch()
    _tool(folder / ".venv/bin/tox", log, tox_exit)
    _tool(folder / ".venv/bin/pip", log, 0)
    _tool(folder / ".tox/validate/bin/stackproof", log, verdict_exit)
    _tool(folder / "bin/python3", log, 0)
    variables = dict(document["env"]["variables"]) | {
        "STAGE": stage,
        "CODEBUILD_RESOLVED_SOURCE_VERSION": "0" * 40,
    }
    succeeding, state = True, folder / "state.sh"
    state.write_text("", encoding="utf-8")
    for phase in PHASES:
        commands = document["phases"].get(phase, {}).get("commands", [])
        if not commands or (not succeeding and phase != "post_build"):
            continue
        succeeding &= _run_phase(commands, folder, variables, state, succeeding=succeeding)
    shell = f'source {state}; python3() {{ :; }}; echo "$VERDICT"'
    answer = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, env=variables, check=True)
    names = document["env"]["exported-variables"]
    assert names == ["VERDICT"]
    return Build(succeeding, {"VERDICT": answer.stdout.strip()}, log.read_text(encoding="utf-8").splitlines())


def _run_phase(
    commands: list[str], folder: Path, variables: dict[str, str], state: Path, *, succeeding: bool
) -> bool:
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {**variables, "PATH": path}
    keep = f"trap 'code=$?; export -p > {state}; exit $code' EXIT"
    for command in commands:
        script = f"source {state}\nexport CODEBUILD_BUILD_SUCCEEDING={int(succeeding)}\n{keep}\n{command}"
        done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, capture_output=True)
        if done.returncode != 0:
            return False
    return True


@pytest.mark.parametrize("stage", ["validate", "test"])
def test_a_clean_build_exports_pass(root: Path, tmp_path: Path, stage: str) -> None:
    build = run_buildspec(root / "buildspec.yml", tmp_path, stage=stage)
    assert build.succeeded
    assert build.exported == {"VERDICT": "PASS"}


@pytest.mark.parametrize("stage", ["validate", "test"])
def test_post_build_does_not_turn_a_failed_build_green(root: Path, tmp_path: Path, stage: str) -> None:
    build = run_buildspec(root / "buildspec.yml", tmp_path, stage=stage, tox_exit=1)
    assert not build.succeeded
    assert build.exported == {"VERDICT": "FAIL"}


def test_a_result_that_does_not_prove_this_commit_fails_the_build(root: Path, tmp_path: Path) -> None:
    build = run_buildspec(root / "buildspec.yml", tmp_path, stage="validate", verdict_exit=1)
    assert not build.succeeded
    assert build.exported == {"VERDICT": "FAIL"}


def test_an_unknown_stage_fails_the_build(root: Path, tmp_path: Path) -> None:
    build = run_buildspec(root / "buildspec.yml", tmp_path, stage="vaildate")
    assert not build.succeeded
    assert build.exported == {"VERDICT": "FAIL"}


def test_each_stage_runs_what_it_is_for(root: Path, tmp_path: Path) -> None:
    for stage, wanted in (("validate", "validate"), ("test", "validate,policies,unit,integration,infra")):
        folder = tmp_path / stage
        folder.mkdir()
        build = run_buildspec(root / "buildspec.yml", folder, stage=stage)
        assert f"tox run -e {wanted}" in build.calls


def test_the_junit_reports_that_tox_writes_are_the_ones_codebuild_takes(root: Path) -> None:
    spec = yaml.safe_load((root / "buildspec.yml").read_text(encoding="utf-8"))
    (group,) = spec["reports"].values()
    assert group["file-format"] == "JUNITXML"
    assert f"{group['base-directory']}/check.xml" in (root / "tox.ini").read_text(encoding="utf-8")
    assert json.dumps(spec["artifacts"]).find(group["base-directory"]) > 0

"""``stackproof verdict`` from files to exit code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stackproof import cli
from stackproof.model import Finding, Location, Problem, Report, Severity, Status, Verdict
from stackproof.verdict.document import dumps

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes a result into a folder without git, where the command then runs; CI names the commit."""
    monkeypatch.chdir(tmp_path)
    for name in ("STACKPROOF_COMMIT", "CODEBUILD_RESOLVED_SOURCE_VERSION", "GITHUB_SHA", "CI_COMMIT_SHA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STACKPROOF_COMMIT", COMMIT)

    def write(name: str = "check.json", **changes: Any) -> str:
        report = replace(Report("check", Verdict.PASS, 0, commit=COMMIT), **changes)
        Path(name).write_bytes(dumps(report))
        return name

    return write


def test_a_good_result_passes(result: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["verdict", result()]) == 0
    out = capsys.readouterr().out
    assert out.splitlines() == [
        "PASS  check     one result of commit 0123456789ab, complete and passed",
        "VERDICT=PASS for commit 0123456789ab",
    ]


def test_each_required_pillar_gets_its_reason(result: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.json").write_text("{", encoding="utf-8")
    files = [result(verdict=Verdict.FAIL, exit_code=1), "broken.json", "missing.json"]
    assert cli.main(["verdict", "--require", "check, prove", *files]) == 1
    text = " ".join(capsys.readouterr().out.split())
    for reason in (
        "FAIL check check.json failed with exit code 1",
        "FAIL prove there is no result",
        "FAIL broken.json is not a result",
        "FAIL missing.json cannot be read",
        "VERDICT=FAIL",
    ):
        assert reason in text


def test_the_commit_can_be_demanded(result: Any) -> None:
    assert cli.main(["verdict", "--commit", COMMIT, result()]) == 0
    assert cli.main(["verdict", "--commit", "f" * 40, result()]) == 1


def test_the_commit_of_the_folder_is_demanded(result: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACKPROOF_COMMIT", "f" * 40)
    assert cli.main(["verdict", result()]) == 1


@pytest.mark.parametrize("commit", [COMMIT, ""])
def test_a_result_does_not_vouch_for_its_own_commit(
    result: Any, commit: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("STACKPROOF_COMMIT")
    assert cli.main(["verdict", result(commit=commit)]) == 1
    assert "give it with --commit" in " ".join(capsys.readouterr().out.split())
    assert cli.main(["verdict", "--commit", COMMIT, result(commit=commit)]) == (0 if commit else 1)


def test_dirty_results_need_to_be_accepted(result: Any) -> None:
    assert cli.main(["verdict", result(dirty=True)]) == 1
    assert cli.main(["verdict", "--allow-dirty", result(dirty=True)]) == 0


def test_shards_join(result: Any) -> None:
    files = [
        result(f"{number}.json", complete=False, partial_because=f"shard {number}/2") for number in (1, 2)
    ]
    assert cli.main(["verdict", *files]) == 0
    assert cli.main(["verdict", files[0]]) == 1


@pytest.mark.parametrize(
    ("held", "code"),
    [
        ({"problems": (Problem("it broke", 2), Problem("a defect", 3))}, 3),
        ({"findings": (Finding("R1", "bad", Location("a.yaml")),)}, 1),
    ],
)
def test_a_result_that_contradicts_itself_fails(
    result: Any, held: dict[str, Any], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["verdict", result(**held)]) == 1
    text = " ".join(capsys.readouterr().out.split())
    assert f"check.json is inconsistent: what it holds is exit code {code}, it says 0" in text
    assert cli.main(["verdict", result(), result("prove.json", pillar="prove", **held)]) == 1


def test_a_threshold_that_nobody_knows_is_no_result(result: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        cli.main(["verdict", result(fail_on="fatal", findings=(Finding("R1", "bad", Location("a")),))]) == 1
    )
    assert "has no known threshold: 'fatal'" in " ".join(capsys.readouterr().out.split())
    assert (
        cli.main(["verdict", result(fail_on="never", findings=(Finding("R1", "bad", Location("a")),))]) == 0
    )


def test_findings_that_do_not_count_contradict_nothing(result: Any) -> None:
    quiet = Finding("R1", "bad", Location("a.yaml"), severity=Severity.WARNING)
    known = Finding("R1", "bad", Location("a.yaml"), status=Status.BASELINED)
    assert cli.main(["verdict", result(findings=(quiet, known))]) == 0


def test_the_answer_for_a_shell(result: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["verdict", "--shell", "--export-file", "env", result()]) == 0
    assert cli.main(["verdict", "--shell", "--export-file", "env", result(exit_code=2)]) == 1
    assert capsys.readouterr().out == "VERDICT=PASS\nVERDICT=FAIL\n"
    assert Path("env").read_text(encoding="utf-8") == "VERDICT=PASS\nVERDICT=FAIL\n"


def test_the_answer_as_json(result: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["verdict", "--format", "json", "--require", "check,inspect", result()]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["verdict"], answer["commit"]) == ("FAIL", COMMIT)
    assert [(one["pillar"], one["verdict"]) for one in answer["pillars"]] == [
        ("check", "PASS"),
        ("inspect", "FAIL"),
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--require", "chek"],
        ["--require", ""],
        ["--commit", "main"],
        ["--commit", "abc"],
        ["--export-file", "no/such/folder/env"],
    ],
)
def test_usage_errors_exit_2(result: Any, arguments: list[str]) -> None:
    assert cli.main(["verdict", *arguments, result()]) == 2

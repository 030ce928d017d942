"""Which commit was judged, and whether the work tree is what the commit says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from stackproof.verdict.commit import commit_of


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.yaml").write_text("a: 1\n", encoding="utf-8")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    return tmp_path


def test_a_clean_work_tree(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    assert commit_of(repository) == (head, False)
    assert commit_of(repository / "sub", ["a.yaml"]) == (head, False)


def test_a_tracked_change_makes_it_dirty(repository: Path) -> None:
    (repository / "sub" / "a.yaml").write_text("a: 2\n", encoding="utf-8")
    assert commit_of(repository)[1]


def test_an_untracked_file_counts_only_when_it_was_judged(repository: Path) -> None:
    (repository / "result file.json").write_text("{}", encoding="utf-8")
    (repository / "sub" / "new").mkdir()
    (repository / "sub" / "new" / "b.yaml").write_text("b: 1\n", encoding="utf-8")
    assert not commit_of(repository, ["sub/a.yaml"])[1]
    assert commit_of(repository, ["sub/new/b.yaml"])[1]
    assert commit_of(repository / "sub", ["new/b.yaml"])[1]
    assert commit_of(repository, ["result file.json"])[1]


def test_a_repository_without_a_commit_has_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert commit_of(tmp_path) == ("", False)


def test_without_git_ci_tells_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STACKPROOF_COMMIT", "CODEBUILD_RESOLVED_SOURCE_VERSION", "GITHUB_SHA", "CI_COMMIT_SHA"):
        monkeypatch.delenv(name, raising=False)
    assert commit_of(tmp_path) == ("", False)
    monkeypatch.setenv("CODEBUILD_RESOLVED_SOURCE_VERSION", "arn:aws:s3:::bucket/source.zip")
    monkeypatch.setenv("GITHUB_SHA", "a" * 40)
    assert commit_of(tmp_path) == ("a" * 40, False)

"""``--changed-since`` and hooks: what changed, and what depends on it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from stackproof.errors import UsageError

APP, BASE = "templates/app.yaml", "templates/shared/base.yaml"
PARENT, CHILD = "templates/nested/parent.yaml", "templates/nested/child.yaml"
INCLUDED = "templates/included/template.yaml"
ALL = {APP, BASE, PARENT, CHILD, INCLUDED}


def _git(*arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments],
        check=True, capture_output=True,
    )  # fmt: skip


@pytest.fixture
def repository(project):
    Path(".gitignore").write_text(".stackproof/\n")
    _git("init", "-q", "-b", "main")
    _git("add", ".")
    _git("commit", "-qm", "first")
    return project


def _append(name: str, text: str = "\n# changed\n") -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + text)


@pytest.mark.parametrize(
    ("file", "affected"),
    [
        (INCLUDED, {INCLUDED}),
        ("templates/included/part.yaml", {INCLUDED}),
        (PARENT, {PARENT, CHILD}),
        (CHILD, {PARENT, CHILD}),
        (BASE, {BASE, APP}),
        ("templates/config/prod.json", {APP}),
        ("templates/config/dev.json", {APP}),
        ("policies/queues.guard", ALL),
        ("policies/new.guard", ALL),
        ("stackproof.toml", ALL),
        (".cfnlintrc", ALL),
        ("README.md", set()),
        ("templates/notes.yaml", set()),
    ],
)
def test_what_changed_is_judged_with_what_depends_on_it(repository, check, file, affected):
    _append(
        file, "{}" if file.endswith("dev.json") else "\n# changed\n" if not file.endswith("json") else "\n"
    )
    answer = check("--changed-since", "HEAD")
    assert answer.files >= affected
    if affected != {APP}:  # an importer's configuration concerns its exporters too: rather too many
        assert answer.files == affected
    assert answer.report["complete"] is (affected == ALL)


def test_nothing_changed_is_a_pass_that_proves_nothing(repository, check):
    answer = check("--changed-since", "HEAD", expect=0)
    assert answer.files == set()
    assert answer.report["complete"] is False


def test_commits_since_the_fork_and_uncommitted_changes_count(repository, check):
    _git("checkout", "-qb", "work")
    _append(INCLUDED)
    _git("commit", "-qam", "second")
    _append(CHILD)
    _git("checkout", "-q", "main", "--", APP)
    assert check("--changed-since", "main").files == {INCLUDED, CHILD, PARENT}


def test_a_removed_template_concerns_those_that_name_it(repository, check):
    Path(CHILD).unlink()
    assert check("--changed-since", "HEAD").files == {PARENT}


def test_an_unknown_revision_is_a_usage_error(repository, check):
    with pytest.raises(UsageError, match="no-such"):
        check("--changed-since", "no-such")


def test_without_git_it_is_a_usage_error(project, check, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    with pytest.raises(UsageError):
        check("--changed-since", "HEAD")


def test_a_hook_takes_files_that_are_no_template(project, check):
    answer = check("--hook", "templates/included/part.yaml", "templates/notes.yaml")
    assert answer.files == {INCLUDED}
    assert check("--hook", "templates/notes.yaml", expect=0).files == set()
    assert check("--hook", CHILD).files == {CHILD, PARENT}
    assert check("--hook", "policies/queues.guard").files == ALL


def test_a_hook_takes_files_that_were_removed(project, check):
    Path(CHILD).unlink()
    assert check("--hook", CHILD).files == {PARENT}
    beside = check("--hook", "templates/gone.yaml").files
    assert APP in beside
    assert not beside & {PARENT, INCLUDED}
    assert check("--hook", "elsewhere/gone.yaml", expect=0).files == set()


def test_without_the_hook_flag_a_named_file_is_judged(project, check):
    answer = check("templates/notes.yaml", expect=1)
    assert answer.files == {"templates/notes.yaml"}

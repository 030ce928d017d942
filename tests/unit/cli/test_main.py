"""The command line's core: the table, errors and exit codes, start-up, streams."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from stackproof import __version__, cli
from stackproof.errors import ConfigError, InternalError, NothingToJudge, StackproofError

HEAVY = (
    "cfnlint",
    "samtranslator",
    "moto",
    "boto3",
    "botocore",
    "networkx",
    "rich",
    "ruamel",
    "sympy",
    "yaml",
)


@pytest.fixture
def run_raising(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs a command that raises the given error, or returns the given code."""

    def run(outcome: BaseException | int | None, *arguments: str) -> int:
        @click.command()
        def command() -> int | None:
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        monkeypatch.setattr(cli.root, "get_command", lambda context, name: command)
        return cli.main([*arguments, "check"])

    return run


def test_help_lists_the_table_without_importing_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    before = set(sys.modules)
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    for name, summary in cli.COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(summary)}$", text, re.MULTILINE)
    modules = {f"stackproof.cli.{name.replace('-', '_')}" for name in cli.COMMANDS}
    assert not modules & (set(sys.modules) - before)


def test_the_table_is_exactly_the_commands_that_exist() -> None:
    (folder,) = cli.__path__
    files = [path for path in Path(folder).glob("*.py") if not path.stem.startswith("_")]
    modules = {path.stem.replace("_", "-") for path in files}
    assert modules == set(cli.COMMANDS)
    for name in sorted(modules):
        command = cli.root.get_command(click.Context(cli.root), name)
        assert isinstance(command, click.Command)
        assert command.help


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"stackproof {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["chek"], "there is no command 'chek'. Did you mean check?"),
        (["zzz"], "there is no command 'zzz'."),
        (["--nope"], "No such option"),
        (["verdict"], "Missing argument"),
        (["verdict", "--format", "pdf", "x.json"], "'pdf' is not one of"),
        (["baseline", "--root", "no-such-folder"], "does not exist"),
    ],
)
def test_usage_errors_are_told_on_stderr_and_exit_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (
            ConfigError("unknown key 'x'", file="a.toml", line=3, column=4, hint="remove it"),
            2,
            "stackproof: a.toml:3:4: unknown key 'x'\n  hint: remove it\n",
        ),
        (NothingToJudge("there is no template"), 2, "stackproof: there is no template\n"),
        (StackproofError("odd", file="a.yaml", line=3), 2, "stackproof: a.yaml:3: odd\n"),
        (InternalError("lost"), 3, "stackproof: lost\n"),
        (click.FileError("a.yaml", "gone"), 2, "stackproof: Could not open file 'a.yaml': gone\n"),
        (KeyboardInterrupt(), 130, "\nstackproof: interrupted\n"),
    ],
)
def test_every_error_has_its_message_and_exit_code(
    run_raising: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    text: str,
) -> None:
    assert run_raising(error) == code
    captured = capsys.readouterr()
    assert (captured.out, captured.err.lstrip()) == ("", text.lstrip())


@pytest.mark.parametrize(("answer", "code"), [(None, 0), (0, 0), (1, 1), (2, 2)])
def test_a_commands_answer_is_the_exit_code(
    run_raising: Callable[..., int], answer: int | None, code: int
) -> None:
    assert run_raising(answer) == code


def test_a_defect_exits_3_and_keeps_its_traceback_in_a_file(
    run_raising: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert run_raising(ZeroDivisionError("by zero")) == 3
    text = capsys.readouterr().err
    assert "internal error: ZeroDivisionError: by zero" in text
    assert "Traceback" not in text
    (written,) = tmp_path.iterdir()
    assert str(written) in text
    assert "ZeroDivisionError: by zero" in written.read_text(encoding="utf-8")


def test_debug_shows_the_traceback(
    run_raising: Callable[..., int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_raising(ZeroDivisionError("by zero"), "--debug") == 3
    assert "Traceback (most recent call last)" in capsys.readouterr().err
    monkeypatch.setenv("STACKPROOF_DEBUG", "1")
    assert run_raising(ConfigError("wrong")) == 2
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.mark.parametrize(
    "action", ["import stackproof.cli", "import stackproof.plugin", "cli.main(['--version'])"]
)
def test_starting_imports_nothing_heavy(action: str) -> None:
    shown = "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    done = python("-c", f"import sys\nfrom stackproof import cli\n{action}\n{shown}")
    assert done.returncode == 0
    loaded = set(done.stderr.split())
    assert "stackproof" in loaded
    assert not loaded & set(HEAVY)


def test_python_m_is_the_same_command() -> None:
    done = python("-m", "stackproof", "--version")
    assert (done.returncode, done.stdout) == (0, f"stackproof {__version__}\n")


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f'"{sys.executable}" -m stackproof --help | true; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.strip() in {"0", "1"}


def test_odd_characters_do_not_break_a_narrow_encoding(tmp_path: Path) -> None:
    done = python("-m", "stackproof", "verdict", str(tmp_path / "ü🙂.json"), PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert "cannot be read" in " ".join(done.stdout.split())


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-"])
@pytest.mark.parametrize("arguments", ["--help", "explain SP-TEST-ORPHAN"])
def test_an_output_that_cannot_be_written_exits_2(arguments: str, redirection: str) -> None:
    if not Path("/dev/full").exists():
        redirection = ">&-"
    command = f"{sys.executable} -m stackproof {arguments} {redirection}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("stackproof: the output cannot be written: ")
    assert "defect" not in done.stderr


def test_with_both_streams_closed_the_exit_code_still_tells() -> None:
    command = f"{sys.executable} -m stackproof explain SP-TEST-ORPHAN >&- 2>&-"
    assert subprocess.run(command, shell=True, check=False).returncode == 2

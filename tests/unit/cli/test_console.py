"""Colour, width and signs follow the environment and the stream."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from stackproof.cli._console import progress, speaks_unicode, wants_color, width_of
from stackproof.cli._output import Output, deliver, parse_outputs
from stackproof.errors import ConfigError, UsageError
from stackproof.model import Report, Verdict


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.parametrize(
    ("environment", "terminal", "file"),
    [
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "0"}, True, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ({"TERM": "dumb"}, False, False),
    ],
)
def test_colour_is_for_terminals_and_for_those_who_ask(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], terminal: bool, file: bool
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (wants_color(Terminal()), wants_color(io.StringIO())) == (terminal, file)


@pytest.mark.parametrize(("columns", "width"), [("", 80), ("100", 100), ("20", 40), ("999", 120)])
def test_the_width_stays_readable(monkeypatch: pytest.MonkeyPatch, columns: str, width: int) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert width_of(io.StringIO()) == width


@pytest.mark.parametrize(("encoding", "spoken"), [("utf-8", True), ("ascii", False), ("latin-1", False)])
def test_signs_need_an_encoding_that_has_them(encoding: str, spoken: bool) -> None:
    assert speaks_unicode(io.TextIOWrapper(io.BytesIO(), encoding=encoding)) is spoken


def test_progress_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("judging", 3) as step:
        step("a.yaml")
    assert capsys.readouterr() == ("", "")


def test_progress_on_a_terminal_goes_to_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr", Terminal())
    with progress("judging", 3) as step:
        step("a.yaml")
    assert capsys.readouterr().out == ""


def test_outputs_are_formats_with_files() -> None:
    assert parse_outputs([]) == (Output("console"),)
    assert parse_outputs(["console", "json=a=b.json"]) == (
        Output("console"),
        Output("json", Path("a=b.json")),
    )


@pytest.mark.parametrize("texts", [["pdf"], ["json="], ["console", "json"], ["=x"]])
def test_impossible_outputs_are_usage_errors(texts: list[str]) -> None:
    with pytest.raises(UsageError) as error:
        parse_outputs(texts)
    assert error.value.hint


def test_several_outputs_are_written_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = Report("check", Verdict.PASS, 0)
    deliver(report, [Output("console"), Output("junit", tmp_path / "new" / "check.xml")])
    assert capsys.readouterr().out == "PASS  nothing found\n"
    assert (tmp_path / "new" / "check.xml").read_text(encoding="utf-8").startswith("<?xml")


def test_a_file_that_cannot_be_written_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        deliver(Report("check", Verdict.PASS, 0), [Output("json", tmp_path)])

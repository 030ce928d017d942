"""Several formats at once, to stdout and to files."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackproof import cli
from stackproof.cli._output import Output, deliver, parse_outputs
from stackproof.errors import ConfigError, UsageError
from stackproof.model import Report, Verdict


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


def test_a_file_that_cannot_be_written_stops_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = [Output("json", tmp_path), Output("junit", tmp_path / "a.xml"), Output("console")]
    with pytest.raises(ConfigError) as error:
        deliver(Report("check", Verdict.PASS, 0), [*outputs, Output("html", tmp_path / "no" / "\0")])
    assert error.value.file == str(tmp_path)
    assert (tmp_path / "a.xml").stat().st_size
    assert capsys.readouterr().out == "PASS  nothing found\n"


def test_check_writes_every_report_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text("Resources: {T: {Type: AWS::SNS::Topic}}\n", encoding="utf-8")
    Path("taken").mkdir()
    asked = ["--format", "json=taken", "--format", "console", "--format", "junit=a.xml"]
    assert cli.main(["check", "a.yaml", "--no-cache", "--select", "SP-*", *asked]) == 2
    told = capsys.readouterr()
    assert "taken: cannot be written" in told.err
    assert told.out.startswith("PASS")
    assert Path("a.xml").stat().st_size

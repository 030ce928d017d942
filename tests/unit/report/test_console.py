"""The report for people: at 80 columns, without colour, in ASCII, with nothing that steers a terminal."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stackproof.model import Finding, Location, Report, Verdict
from stackproof.report import render
from stackproof.report.text import Paper, cells

SGR = re.compile(r"\x1b\[[0-9;]*m")


def test_it_groups_by_file_and_shows_line_caret_configurations_fix_and_related(full: Report) -> None:
    text = render(full, "console")
    assert text.startswith(
        "apps/a.yaml\n"
        "  error E3031  5:19  Bucket\n"
        "      'Bad_Name' does not match the pattern of bucket names, which is lower case\n"
        "      letters, digits, dots\n"
        "      in dev, prod\n"
        "         5 │       BucketName: Bad_Name\n"
        "           │                   ^^^^^^^^\n"
        "      see  config/prod.json:3:5: the value comes from here\n"
        "      fix  Use lower case letters.\n"
        "  warning (undecided) S3_LOGGING  3:5  Bucket\n"
    )
    assert "fix  Add LoggingConfiguration." in text
    assert text.index("b.yaml\n") < text.index("  note HINT  2:1")


def test_it_ends_with_the_problems_and_the_summary(full: Report) -> None:
    assert render(full, "console").endswith(
        "problem p/r.guard:3:4: R9: cannot be parsed\n"
        "   hint see the Guard manual\n"
        "FAIL  1 error, 1 warning (1 undecided) in 3 templates, 4 configurations, 2.0 s\n"
        "      1 suppressed, 2 ungoverned suppressions, 1 in the baseline\n"
        "      slowest: apps/a.yaml 1.5 s\n"
        "note  2 ungoverned suppressions\n"
    )


def test_what_does_not_count_is_shown_on_demand_with_its_reason(full: Report) -> None:
    assert "S3_VERSIONING" not in render(full, "console")
    text = render(full, "console", verbose=True)
    assert "suppressed: agreed with security (until 2026-12-31)" in text
    assert "in the baseline\n" in text


def test_colour_adds_nothing_but_colour(full: Report) -> None:
    plain, colored = render(full, "console", verbose=True), render(full, "console", verbose=True, color=True)
    assert SGR.search(plain) is None
    assert SGR.search(colored) is not None
    assert SGR.sub("", colored) == plain


def test_it_can_be_written_in_ascii(full: Report) -> None:
    long = replace(full, sources={"apps/a.yaml": {5: "x" * 300}})
    assert render(long, "console", unicode=False).isascii()


def test_a_clean_and_a_partial_report_say_so() -> None:
    clean = Report("check", Verdict.PASS, 0)
    assert render(clean, "console") == "PASS  nothing found\n"
    partial = replace(clean, complete=False, partial_because="shard 1/2")
    assert "partial (shard 1/2): this alone proves nothing" in render(partial, "console")


def report_of(message: str, line: str = "", column: int = 1, end: int = 0) -> Report:
    location = Location("a.yaml", 1, column, 1 if end else 0, end)
    finding = Finding("R1", message, location)
    return Report("check", Verdict.FAIL, 1, findings=(finding,), sources={"a.yaml": {1: line}})


@given(
    st.text(max_size=200),
    st.text(max_size=200),
    st.integers(1, 250),
    st.integers(0, 250),
    st.integers(40, 120),
    st.booleans(),
)
@example("", "0" * 27, 28, 0, 40, False)  # what is marked is behind a line that just fits
def test_no_line_is_wider_than_the_paper_and_nothing_steers_the_terminal(
    message: str, line: str, column: int, end: int, width: int, unicode: bool
) -> None:
    text = render(report_of(message, line, column, end), "console", width=width, unicode=unicode)
    for shown in text.split("\n"):
        assert cells(shown) <= width
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)


@pytest.mark.parametrize(
    ("line", "column", "end"),
    [
        ("    Name: bad", 11, 14),
        ("\t\tName: bad", 9, 12),
        ("名前: bad", 5, 8),
        ("x" * 300 + "bad" + "y" * 300, 301, 304),
        ("\x1b[31mName: bad", 12, 15),
    ],
)
def test_the_carets_stand_below_what_is_meant(line: str, column: int, end: int) -> None:
    lines = render(report_of("m", line, column, end), "console").splitlines()
    at = next(number for number, text in enumerate(lines) if "^^^" in text)
    start = lines[at].index("^")
    shown = "".join(one * cells(one) for one in lines[at - 1])
    assert lines[at].count("^") == 3
    assert max(cells(text) for text in lines) <= 80
    assert shown[start : start + 3] == "bad"


def test_words_longer_than_the_paper_are_cut_and_nothing_is_lost() -> None:
    word = "arn:" + "x" * 200
    lines = list(Paper(40).wrap(f"see {word} there", "  "))
    assert all(len(line) <= 40 for line in lines)
    assert "".join(line.strip() for line in lines).replace(" ", "") == f"see{word}there"


def test_a_message_without_end_is_cut_and_the_other_formats_keep_it(full: Report) -> None:
    message = "it is not one of " + ", ".join(f"m{number}.large" for number in range(1000))
    report = replace(full, findings=(replace(full.findings[0], message=message),), problems=())
    text = " ".join(render(report, "console").split())
    assert "it is not one of m0.large, m1.large" in text
    assert "… (cut: the json report has all of it)" in text
    assert "m40.large" in text
    assert "m100.large" not in text
    assert "... (cut: the json report" in " ".join(render(report, "console", unicode=False).split())
    for form in ("json", "junit", "sarif", "gitlab", "html", "github"):
        assert "m999.large" in render(report, form), form
    unbroken = replace(report, findings=(replace(full.findings[0], message="a " + "b" * 1000),))
    assert render(unbroken, "console").count("b") > 400


def test_a_message_of_many_lines_is_cut(full: Report) -> None:
    report = replace(full, findings=(replace(full.findings[0], message="a\n" * 200 + "z"),))
    text = render(report, "console")
    assert text.count("      a\n") == 19
    assert "      a … (cut: the json report has all of it)\n" in text


def test_a_message_that_can_be_read_is_whole(full: Report) -> None:
    message = "word " * 99 + "end"
    report = replace(full, findings=(replace(full.findings[0], message=message),))
    text = render(report, "console")
    assert "end\n" in text
    assert "(cut" not in text

"""What two engines say alike is said once, by the one that says it better."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackproof.gate.merging import without_echoes
from stackproof.model import Finding, Location


def _rules(*findings: Finding, hidden: str = "") -> list[str]:
    return [one.rule for one in without_echoes(findings, lambda rule: rule != hidden)]


def _ours(rule: str, line: int = 1, logical_id: str = "") -> Finding:
    return Finding(rule, "ours", Location("t.yaml", line), source="template", logical_id=logical_id)


def _theirs(rule: str, line: int = 1, logical_id: str = "", file: str = "t.yaml") -> Finding:
    return Finding(rule, "theirs", Location(file, line), source="cfn-lint", logical_id=logical_id)


def test_a_circle_is_told_once_in_a_file():
    assert _rules(_ours("SP-RESOLVE-CYCLE", 9), _theirs("E3004", 3)) == ["E3004"]
    assert len(_rules(_ours("SP-RESOLVE-CYCLE", 9), _theirs("E3004", 3, file="other.yaml"))) == 2


def test_a_nested_stacks_parameters_are_told_once_for_a_resource():
    assert _rules(_ours("SP-NEST-PARAMETER", 9, "Child"), _theirs("E3043", 7, "Child")) == ["E3043"]
    assert len(_rules(_ours("SP-NEST-PARAMETER", 9, "Child"), _theirs("E3043", 7, "Other"))) == 2


def test_a_nested_stacks_missing_output_is_told_once_at_a_line():
    assert _rules(_ours("SP-NEST-OUTPUT", 9), _theirs("E6101", 9)) == ["E6101"]
    assert len(_rules(_ours("SP-NEST-OUTPUT", 9), _theirs("E6101", 8))) == 2


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("SP-LOAD-EMPTY", "E1001"), ("SP-LOAD-BINARY", "E0000"), ("SP-LOAD-ENCODING", "E0000")],
)
def test_of_a_file_without_text_ours_is_told(ours, theirs):
    assert _rules(_ours(ours), _theirs(theirs)) == [ours]
    assert len(_rules(_ours(ours, 4), _theirs(theirs))) == 2
    assert theirs in _rules(_ours(ours), _theirs(theirs), hidden=ours)


def test_of_an_unreadable_parameter_file_is_told_once_what_it_is_for():
    assert _rules(_ours("SP-CONFIG-READ"), _ours("SP-LOAD-READ")) == ["SP-CONFIG-READ"]
    both = _ours("SP-CONFIG-READ"), _ours("SP-LOAD-READ")
    assert "SP-LOAD-READ" in _rules(*both, hidden="SP-CONFIG-READ")


def test_of_aliases_that_expand_to_too_much_ours_is_told_and_cfn_lints_as_written(project, check):
    layers = "".join(f"      l{n}: &l{n} [*l{n - 1}, *l{n - 1}]\n" for n in range(1, 20))
    text = f"Resources:\n  A:\n    Type: AWS::SNS::Topic\n    Metadata:\n      l0: &l0 [x, x]\n{layers}"
    Path("templates/amplified.yaml").write_text(text)
    Path("templates/endless.yaml").write_text("Resources: &all\n  A: {Type: 'AWS::SNS::Topic', X: *all}\n")
    files = ("templates/amplified.yaml", "templates/endless.yaml")
    ours = check(*files, expect=1).found
    assert {("SP-LOAD-ALIASES", files[0], 1), ("SP-LOAD-ALIASES", files[1], 1)} <= ours
    assert not {rule for rule, _, _ in ours} & {"E0000"}
    assert {("E0000", files[0], 1), ("E0000", files[1], 1)} <= check(*files, "--as-written", expect=1).found


def test_as_written_every_finding_of_cfn_lint_is_told(project, check):
    Path("templates/empty.yaml").write_text("")
    Path("templates/wide.yaml").write_text("Resources: {A: {Type: 'AWS::SNS::Topic'}}\n", encoding="utf-16")
    answer = check("templates/empty.yaml", "templates/wide.yaml", "--as-written", expect=1)
    assert {("E1001", "templates/empty.yaml", 1), ("E0000", "templates/wide.yaml", 1)} <= answer.found


def test_files_without_text_are_told_apart_by_whether_they_were_named(project, check):
    Path("templates/empty.yaml").write_text("")
    Path("templates/picture.json").write_bytes(b"\x89PNG\0\0")
    around = check()
    (note,) = [note for note in around.report["notes"] if "empty or binary" in note]
    assert note.endswith(": templates/empty.yaml, templates/picture.json")
    named = check("templates/empty.yaml", "templates/picture.json", expect=1)
    assert named.found == {
        ("SP-LOAD-EMPTY", "templates/empty.yaml", 1),
        ("SP-LOAD-BINARY", "templates/picture.json", 1),
    }

"""What a configuration may say: a wrong value is refused at its line, a date may be a TOML date."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackproof.config import load
from stackproof.errors import ConfigError


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("time_limit = -1", "'time_limit' must be a number above 0"),
        ("time_limit = 0", "'time_limit' must be a number above 0"),
        ("workers = -1", "'workers' must be a whole number of at least 0"),
        ("max_file_size = 0", "'max_file_size' must be a whole number of at least 1"),
        ("allowed_values_limit = 0", "'allowed_values_limit' must be a whole number of at least 1"),
        ("governance = {max_days = -3}", "'max_days' in 'governance' must be a whole number of at least 0"),
    ],
)
def test_a_number_that_makes_no_sense_is_refused_at_its_line(tmp_path: Path, line: str, what: str) -> None:
    Path(tmp_path, "stackproof.toml").write_text(f'fail_on = "error"\n{line}\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=what) as caught:
        load(tmp_path)
    assert (Path(caught.value.file).name, caught.value.line) == ("stackproof.toml", 2)


WRONG = {
    "kind": ('# workers = 1\nworkers = "two"', "'workers' must be a whole number, not text", 2, 1),
    "second table": (
        '[[rulesets]]\npath = "a"\nseverity = "error"\n[[rulesets]]\npath = "b"\n  severity = 3',
        "'severity' in 'rulesets[1]' must be text, not a whole number", 6, 3,
    ),
    "inline table in a list": (
        'suppress = [{rule = "a", reason = "b"},\n  {reason = "x", rule = 3}]',
        "'rule' in 'suppress[1]' must be text, not a whole number", 2, 18,
    ),
    "missing": (
        'suppress = [{rule = "a", reason = "b"},\n  {rule = "c"}]',
        "'reason' is missing in 'suppress[1]'", 2, 3,
    ),
    "entry": ('templates = [\n  "a",\n  3,\n]', "entry 2 in 'templates' must be text, not a whole", 3, 3),
    "one of several environments": (
        "[environments.dev]\nregion = 'x'\n[environments.\"prod.eu\"]\nregion = 5",
        "'region' in 'environments.prod.eu' must be text, not a whole number", 4, 1,
    ),
    "environment": ("[environments]\ndev = {}\nprod = 3", "'prod' in 'environments' must be a table", 3, 1),
    "dotted": ("environments.dev.region = false", "must be text, not true or false", 1, 1),
    "unknown": ("[governance]\ninlin = true", "unknown key 'inlin' in 'governance'", 2, 1),
    "after long text": ('baseline = """\n[workers]\nworkers=1"""\nworkers = 1.5', "not a number", 4, 1),
    "no choice": ('fail_on = "eror"', "'fail_on' is 'eror', expected one of error", 1, 1),
    "no rule set": ("[[rulesets]]\npath='p'\n[[rulesets]]\nname='n'", "rule set 2 needs either", 3, 1),
    "no view": ("[[rulesets]]\npath='p'\nview='x'", "'view' is 'x'", 3, 1),
}  # fmt: skip


@pytest.mark.parametrize(("text", "what", "line", "column"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("file", ["stackproof.toml", "pyproject.toml"])
def test_a_wrong_value_is_told_in_plain_words_at_its_place(
    tmp_path: Path, file: str, text: str, what: str, line: int, column: int
) -> None:
    before = "" if file == "stackproof.toml" else "[tool.black]\nworkers = 9\n[tool.stackproof]\n"
    if before:
        text = text.replace("[[", "[[tool.stackproof.").replace("[env", "[tool.stackproof.env")
        text = text.replace("[gov", "[tool.stackproof.gov")
    Path(tmp_path, file).write_text(before + text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert what in str(caught.value)
    assert (caught.value.line - before.count("\n"), caught.value.column) == (line, column)


@pytest.mark.parametrize("until", ["2027-01-01", '"2027-01-01"', "2027-01-01T10:00:00Z"])
def test_the_date_of_a_suppression_may_be_a_toml_date(tmp_path: Path, until: str) -> None:
    text = f'[[suppress]]\nrule = "E3012"\nreason = "known"\nuntil = {until}\n'
    Path(tmp_path, "stackproof.toml").write_text(text, encoding="utf-8")
    (entry,) = load(tmp_path).suppress
    assert entry.until == "2027-01-01"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n[tool.stackproof]\nworkers = 1\n", 2),
        ("\n[[tool.stackproof.rulesets]]\npath = 'policies'\n", 2),
        ("tool.stackproof.workers = 1\n", 1),
    ],
)
def test_the_prefix_of_pyproject_in_stackproof_toml_is_explained(
    tmp_path: Path, text: str, line: int
) -> None:
    Path(tmp_path, "stackproof.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="unknown key 'tool'") as caught:
        load(tmp_path)
    assert caught.value.line == line
    assert "without the prefix" in caught.value.hint


def test_stackproof_toml_wins_over_pyproject(tmp_path: Path) -> None:
    Path(tmp_path, "pyproject.toml").write_text("[tool.stackproof]\nworkers = 1\n", encoding="utf-8")
    assert load(tmp_path).workers == 1
    Path(tmp_path, "stackproof.toml").write_text("workers = 2\n", encoding="utf-8")
    assert load(tmp_path).workers == 2

"""What a configuration may say: a wrong value is refused at its line, a date may be a TOML date."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackproof.config import load
from stackproof.errors import ConfigError


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("time_limit = -1", ">"),
        ("time_limit = 0", ">"),
        ("workers = -1", ">= 0"),
        ("max_file_size = 0", ">= 1"),
        ("allowed_values_limit = 0", ">= 1"),
        ("governance = {max_days = -3}", ">= 0"),
    ],
)
def test_a_number_that_makes_no_sense_is_refused_at_its_line(tmp_path: Path, line: str, what: str) -> None:
    Path(tmp_path, "stackproof.toml").write_text(f'fail_on = "error"\n{line}\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=what) as caught:
        load(tmp_path)
    assert (Path(caught.value.file).name, caught.value.line) == ("stackproof.toml", 2)


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

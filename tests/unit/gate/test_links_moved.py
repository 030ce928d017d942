"""Where a link leads is part of what a verdict hangs on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PART = Path("templates/included/part.yaml")


def _link(at: Path, to: Path) -> None:
    at.unlink()
    at.symlink_to(to)


def _to_other_content() -> None:
    Path("other.yaml").write_text(PART.read_text().replace("true", "false"))
    _link(PART, Path("other.yaml").absolute())


def _out_of_the_project() -> None:
    outside = Path("..", "outside.yaml").absolute()
    outside.write_text(PART.read_text())
    _link(PART, outside)


def _folder_out_of_the_project() -> None:
    folder = Path("..", "outside").absolute()
    folder.mkdir()
    (folder / "kept.yaml").write_text(PART.read_text())
    _link(Path("kept"), folder)


def _linked_file() -> None:
    PART.rename("kept.yaml")
    PART.symlink_to(Path("kept.yaml").absolute())


def _linked_folder() -> None:
    Path("first").mkdir()
    PART.rename("first/kept.yaml")
    Path("kept").symlink_to("first")
    PART.symlink_to(Path("kept/kept.yaml").absolute())


def _plain() -> None:
    pass


@pytest.mark.parametrize(
    ("before", "change"),
    [
        (_linked_file, _to_other_content),
        (_linked_file, _out_of_the_project),
        (_plain, _out_of_the_project),
        (_linked_folder, _folder_out_of_the_project),
    ],
    ids=lambda function: function.__name__.strip("_"),
)
def test_a_link_that_leads_elsewhere_is_judged_anew(
    project: Path, check: Callable[..., Any], before: Callable[[], None], change: Callable[[], None]
) -> None:
    before()
    first = check()
    assert check().found == first.found
    change()
    changed = check()
    assert changed.found == check("--no-cache").found
    assert changed.found != first.found

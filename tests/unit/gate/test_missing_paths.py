"""A path that is not there is a problem of its own: what the others hold is judged all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackproof.errors import UsageError


def test_the_other_paths_are_judged(project, check):
    Path("dangling.yaml").symlink_to("nowhere.yaml")
    alone = check("templates/app.yaml")
    report = check("templates/app.yaml", "nope.yaml", "dangling.yaml")
    assert alone.found
    assert report.found == alone.found
    assert report.exit_code == 2
    told = [problem["message"] for problem in report.report["problems"]]
    assert told == ["no such file or folder: nope.yaml", "a link to what is not there: dangling.yaml"]


def test_nothing_but_missing_paths_is_a_usage_error(project, check):
    with pytest.raises(UsageError, match=r"nope\.yaml; .*gone\.yaml"):
        check("nope.yaml", "gone.yaml")

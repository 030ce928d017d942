"""``stackproof baseline``: record what is there, so that only new findings count."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackproof.cli._console import complain, say, speaks_unicode, wants_color, width_of
from stackproof.cli._project import load_project, project_options

if TYPE_CHECKING:
    from stackproof.model import Report
    from stackproof.verdict.baseline import Baseline


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--prune", is_flag=True, help="Only take out what no longer occurs; record nothing new.")
@click.option("--force", is_flag=True, help="Write it anew even when the old one cannot be read.")
@project_options
def command(
    paths: tuple[Path, ...], prune: bool, force: bool, root_dir: Path | None, config_file: Path | None
) -> int:
    """Record the findings that are there, so that only new ones count.

    The gate runs over PATH (default: the configured template folders). Entries of templates that this
    run does not judge are kept. Findings about suppressions are never recorded.
    """
    from stackproof.gate.request import CheckRequest
    from stackproof.gate.run import check
    from stackproof.verdict import baseline

    project = load_project(root_dir, config_file, paths)
    file = project.root / project.config.baseline
    old = _old(file, force)
    report = check(CheckRequest(paths=paths, use_baseline=False), project.config, project.root)
    if report.problems:
        _show(report)
        complain(f"stackproof: {project.config.baseline} is left as it was: the run had problems")
        return max(problem.exit_code for problem in report.problems)
    new = _updated(old, report, project.root, prune)
    baseline.write(new, file)
    say(_told(old, new, report, project.config.baseline))
    return 0


def _old(file: Path, force: bool) -> Baseline:
    """What is recorded; with ``force`` nothing when that cannot be read. Raises ``ConfigError``."""
    from stackproof.errors import ConfigError
    from stackproof.verdict import baseline

    try:
        return baseline.load(file) or baseline.Baseline()
    except ConfigError as error:
        if not force:
            raise
        complain(f"stackproof: {file.name} is written anew: {error.message}")
        return baseline.Baseline()


def _updated(old: Baseline, report: Report, root: Path, prune: bool) -> Baseline:
    from stackproof.verdict.baseline import update

    judged = {one.file for one in report.judged}

    def decidable(file: str) -> bool:
        return report.complete or file in judged or not (root / file).exists()

    return update(old, report.findings, root, decidable=decidable, prune=prune)


def _told(old: Baseline, new: Baseline, report: Report, name: str) -> str:
    from collections import Counter

    from stackproof.model import Outcome, Status
    from stackproof.report.common import number
    from stackproof.verdict.baseline import can_be_recorded
    from stackproof.verdict.fingerprint import base_of

    before = Counter(base_of(one.fingerprint) for one in old.entries)
    after = Counter(base_of(one.fingerprint) for one in new.entries)
    added, removed = (after - before).total(), (before - after).total()
    lines = [f"{name} holds {number(len(new.entries), 'finding')} ({added} new, {removed} taken out)"]
    left = [
        one
        for one in report.findings
        if one.status is Status.ACTIVE and one.outcome is not Outcome.NOTE and not can_be_recorded(one)
    ]
    if left:
        lines.append(f"{number(len(left), 'finding')} about suppressions cannot be recorded")
    return "\n".join(lines)


def _show(report: Report) -> None:
    from stackproof.report import render

    text = render(
        report,
        "console",
        color=wants_color(sys.stderr),
        width=width_of(sys.stderr),
        unicode=speaks_unicode(sys.stderr),
    )
    complain(text.rstrip("\n"))

"""``stackproof check``: judge templates as they will be deployed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stackproof.cli._console import progress
from stackproof.cli._project import load_project, project_options
from stackproof.errors import UsageError

if TYPE_CHECKING:
    from stackproof.config import Config
    from stackproof.gate.request import CheckRequest

_LEVELS = click.Choice(["error", "warning", "info", "never"])
_WEIGHTS = click.Choice(["error", "warning", "info"])


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "formats",
    multiple=True,
    metavar="FORMAT[=FILE]",
    help="console, json, junit, sarif, github, gitlab or html; to a file after '='. Repeatable.",
)
@click.option(
    "--output", "outputs", multiple=True, metavar="FORMAT:FILE", help="The same as --format FORMAT=FILE."
)
@click.option("--as-written", is_flag=True, help="Judge the untransformed template as the native tools do.")
@click.option(
    "--changed-since",
    default="",
    metavar="REV",
    help="Only what changed since a git revision, and what depends on it.",
)
@click.option("--select", multiple=True, metavar="GLOB", help="Only these rules. Repeatable.")
@click.option("--ignore", multiple=True, metavar="GLOB", help="Not these rules. Repeatable.")
@click.option("--shard", default="", metavar="I/N", help="Only the I-th of N parts of the templates.")
@click.option("--fail-on", type=_LEVELS, help="The severity from which findings fail the run.")
@click.option("--undecided", type=_WEIGHTS, help="What an undecided rule weighs.")
@click.option(
    "--baseline",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Hold the findings against this baseline.",
)
@click.option("--no-baseline", is_flag=True, help="Judge without a baseline.")
@click.option("--no-cache", is_flag=True, help="Judge everything anew and keep nothing.")
@click.option("--workers", type=click.IntRange(min=0), help="Worker processes; 0 for one a processor.")
@click.option("--time-limit", type=click.FloatRange(min=0, min_open=True), help="Seconds for one template.")
@click.option(
    "--hook",
    is_flag=True,
    help="The paths come from a hook: files that are no template stand for what depends on them.",
)
@project_options
def command(
    paths: tuple[Path, ...],
    formats: tuple[str, ...],
    outputs: tuple[str, ...],
    root_dir: Path | None,
    config_file: Path | None,
    **given: Any,
) -> int:
    """Judge templates as they will be deployed.

    PATHS are files and folders; by default the template folders of the configuration. Exit code: 0 clean,
    1 findings at the threshold, 2 usage, broken rule or configuration, or nothing to judge, 3 internal error.
    """
    from stackproof.cli._output import Output, deliver, telling
    from stackproof.gate.run import check, with_overrides

    wanted = [Output(form, file) for form, file in _wanted(formats, outputs)]
    with telling("check", wanted):
        project = load_project(root_dir, config_file, paths)
        config = with_overrides(project.config, **{name: given[name] for name in _OVERRIDES})
        request = _request(project.config, config, config_file, paths=paths, **given)
        report = check(request, config, project.root, progress=progress)
    deliver(report, wanted)
    return report.exit_code


_OVERRIDES = ("fail_on", "undecided", "workers", "time_limit")
"""Options that stand for settings of the configuration."""
_ASKED = ("paths", "as_written", "changed_since", "select", "ignore", "baseline", "hook")
"""Options that the request has under the same name."""


def _request(written: Config, config: Config, config_file: Path | None, **given: Any) -> CheckRequest:
    """What is asked for; ``written`` is the configuration before its overrides."""
    from stackproof.gate.request import CheckRequest, Shard
    from stackproof.gate.scope import weaker

    return CheckRequest(
        **{name: given[name] for name in _ASKED},
        shard=Shard.parse(given["shard"]) if given["shard"] else None,
        use_cache=not given["no_cache"],
        use_baseline=not given["no_baseline"],
        weakened=weaker(written, config),
        given=(f"the configuration was given on the command line: {config_file}",) if config_file else (),
    )


def _wanted(formats: tuple[str, ...], outputs: tuple[str, ...]) -> list[tuple[str, Path | None]]:
    """The reports to write, each with its file (None: stdout). Raises ``UsageError``."""
    from stackproof.report import FORMATS

    wanted: list[tuple[str, Path | None]] = []
    for text, sign in (*((one, "=") for one in formats), *((one, ":") for one in outputs)):
        form, given, name = text.partition(sign)
        if form not in FORMATS:
            raise UsageError(f"there is no report format '{form}'", hint=f"use one of {', '.join(FORMATS)}")
        if (given and not name) or (sign == ":" and not given):
            raise UsageError(f"'{text}' names no file", hint=f"write {form}{sign}FILE")
        wanted.append((form, Path(name) if name else None))
    if sum(file is None for _, file in wanted) > 1:
        raise UsageError("only one report can go to stdout", hint="write the others as FORMAT=FILE")
    return wanted or [("console", None)]

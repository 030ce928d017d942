"""``stackproof inspect``: run the suites against the hosts of an inventory and join what they find."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackproof.cli._console import say
from stackproof.cli._project import load_project, project_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stackproof.hosts.model import HostEntry


@click.command()
@click.argument("suites", nargs=-1, metavar="[SUITE]…")
@click.option(
    "--inventory",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The hosts; default inventory/local.yml.",
)
@click.option("--format", "formats", multiple=True, metavar="FORMAT[=FILE]", help="As for check. Repeatable.")
@click.option("--pytest", "arguments", multiple=True, metavar="ARGUMENT", help="Given to pytest. Repeatable.")
@click.option("--needs", is_flag=True, help="Only say what this machine lacks for the inventory's hosts.")
@click.option("--install", is_flag=True, help="Install the distribution's packages that the hosts need.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Checks at the same time, those of one host or network in order; default: three for two cores.",
)
@click.option("--verbose", is_flag=True, help="Show each check while it runs.")
@project_options
def command(
    suites: tuple[str, ...],
    inventory: Path | None,
    formats: tuple[str, ...],
    arguments: tuple[str, ...],
    needs: bool,
    install: bool,
    jobs: int | None,
    verbose: bool,
    root_dir: Path | None,
    config_file: Path | None,
) -> int:
    """Run the suites of tests/infra against the hosts that the inventory names.

    SUITES are folders below tests/infra; by default all that the inventory promises. The result joins the
    verdict as pillar inspect: 'stackproof verdict --require check,inspect'. Exit code: 0 clean, 1 findings
    or fewer checks than promised, 2 usage or inventory.
    """
    from stackproof.cli._output import deliver, ensure_writable, parse_outputs, telling
    from stackproof.errors import UsageError
    from stackproof.hosts.inventory import load
    from stackproof.hosts.packages import chosen, missing_extra
    from stackproof.hosts.run import INTERRUPTED, InspectRequest, Interrupted, inspect, jobs_here
    from stackproof.verdict.judge import judge

    outputs = parse_outputs(formats)
    with telling("inspect", outputs):
        project = load_project(root_dir, config_file)
        path = inventory or project.root / "inventory" / "local.yml"
        hosts = chosen(load(path, project.root), suites)
        if install or needs:
            return _parts(project.root, hosts, install, needs)
        if missing := missing_extra(hosts):
            raise UsageError(f"no suite can be run: {missing}")
        ensure_writable(outputs)
        request = InspectRequest(path, suites, arguments, quiet=not verbose, jobs=jobs or jobs_here())
        try:
            outcome = inspect(request, project.root)
        except Interrupted as stopped:
            outcome = stopped.outcome
        report = judge(outcome, project.config, today=date.today(), root=project.root)
    deliver(report, outputs)
    if report.exit_code == INTERRUPTED:
        raise KeyboardInterrupt
    return report.exit_code


def _parts(root: Path, hosts: Sequence[HostEntry], install: bool, needs: bool) -> int:
    """Add what the hosts need of this machine, say what it lacks, or both; the exit code."""
    from stackproof.hosts.packages import installed, missing_needs

    code = installed(root, hosts, say) if install else 0
    if code or not needs:
        return code
    lacking = missing_needs(hosts)
    say("\n".join(lacking) or "this machine has all that the inventory's hosts need")
    return 1 if lacking else 0

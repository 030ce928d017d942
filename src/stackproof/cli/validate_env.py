"""``stackproof validate-env``: compare a deployed stack with its ``env-details.yml``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackproof.cli._project import Project, load_project, project_options

if TYPE_CHECKING:
    from stackproof.hosts.stacks import Clients, Stacks


@click.command()
@click.argument("stack")
@click.argument("details", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--region", default="", help="Region of the stack; default: as AWS clients find it.")
@click.option("--profile", default="", help="Profile of the credentials.")
@click.option("--endpoint", default="", metavar="URL", help="An emulator in place of AWS.")
@click.option(
    "--template",
    type=click.Path(path_type=Path),
    help="Deploy this template on the embedded backend and compare that: AWS is not asked.",
)
@click.option("--environment", default="", metavar="ENV", help="Deployment configuration of --template.")
@click.option(
    "--stored", multiple=True, metavar="NAME=VALUE", help="Parameter of the store that --template reads."
)
@click.option("--format", "formats", multiple=True, metavar="FORMAT[=FILE]", help="As for check. Repeatable.")
@project_options
def command(
    stack: str,
    details: Path,
    region: str,
    profile: str,
    endpoint: str,
    template: Path | None,
    environment: str,
    stored: tuple[str, ...],
    formats: tuple[str, ...],
    root_dir: Path | None,
    config_file: Path | None,
) -> int:
    """Compare the deployed STACK with its description DETAILS (env-details.yml), over the API.

    Read only. Each output, resource or property that is missing or other than described is a finding at the
    description's line. Exit code: 0 all as described, 1 something differs, 2 usage, description, or that
    nothing can be known: AWS does not answer, --template cannot be deployed.
    """
    from stackproof.cli._output import deliver, parse_outputs, telling
    from stackproof.hosts.environment import compare, outcome, read_details
    from stackproof.hosts.model import Connection
    from stackproof.hosts.stacks import ApiStacks, clients_of
    from stackproof.verdict.judge import judge

    outputs = parse_outputs(formats)
    _require("stackproof[inspect]", "stacks are asked", "boto3")
    with telling("inspect", outputs):
        project = load_project(root_dir, config_file)
        wanted = read_details(details, project.root)
        if template is not None:
            with _embedded(project, stack, template, environment, stored) as (stacks, clients):
                found = tuple(compare(wanted, stack, stacks, clients))
        else:
            clients = clients_of(Connection(region, profile, endpoint))
            found = tuple(compare(wanted, stack, ApiStacks(clients), clients))
        report = judge(outcome(wanted, stack, found), project.config, today=date.today(), root=project.root)
    deliver(report, outputs)
    return report.exit_code


@contextmanager
def _embedded(
    project: Project, name: str, template: Path, environment: str, stored: tuple[str, ...]
) -> Iterator[tuple[Stacks, Clients]]:
    from stackproof.cli._stored import pairs, store
    from stackproof.errors import BackendError, DeploymentFailed
    from stackproof.hosts.stacks import DeployedStacks

    values = pairs("--stored", stored)
    _require("stackproof[prove]", "--template deploys", "moto", "time_machine", "localstack_client")
    from stackproof.backends.embedded import EmbeddedBackend
    from stackproof.deploy.deployer import Deployer
    from stackproof.deploy.source import Library

    with EmbeddedBackend(journal="counts") as backend:
        store(backend, values)
        deployer = Deployer(backend, Library(project.root, project.config))
        try:
            deployer.deploy(template, config=environment or None, name=name)
        except DeploymentFailed as error:
            raise BackendError(
                f"nothing can be compared: {error.message}",
                file=error.file,
                line=error.line,
                column=error.column,
                hint="a parameter that the template reads is given with --stored NAME=VALUE",
            ) from error
        by_name = {**deployer.stacks, **{one.id: one for one in deployer.stacks.values()}}
        yield DeployedStacks(by_name), backend.client


def _require(extra: str, what: str, *modules: str) -> None:
    """Raises ``CapabilityMissing`` that names what is not installed and the extra that brings it."""
    from importlib.util import find_spec

    from stackproof.errors import CapabilityMissing

    lacking = [name for name in modules if find_spec(name) is None]
    if lacking:
        hint = f"pip install '{extra}' adds them"
        raise CapabilityMissing(f"{what} with {', '.join(lacking)}, not installed here", hint=hint)

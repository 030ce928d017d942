"""``stackproof deploy``: a stack on the embedded backend, with a verdict for each resource."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stackproof.cli._console import complain, say
from stackproof.cli._project import load_project
from stackproof.cli._stored import pairs, store
from stackproof.errors import DeploymentFailed

if TYPE_CHECKING:
    from stackproof.deploy.stack import Stack


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--config", "config", metavar="ENV", help="Deployment configuration; default: the only one, or test."
)
@click.option(
    "--parameter", "parameters", multiple=True, metavar="KEY=VALUE", help="Override; may be repeated."
)
@click.option(
    "--stored",
    "stored",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the parameter store that the template reads; may be repeated.",
)
@click.option("--name", default="", metavar="NAME", help="Name of the stack; default: the folder's.")
@click.option(
    "--require",
    type=click.Choice(["emulated", "partial"]),
    help="Fail (exit code 1) when a resource is emulated less than this.",
)
@click.option(
    "--format", "form", type=click.Choice(["console", "json"]), default="console", help="Output format."
)
@click.option(
    "--root",
    "root_dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Project root; found from here by default.",
)
def command(
    path: Path,
    config: str | None,
    parameters: tuple[str, ...],
    stored: tuple[str, ...],
    name: str,
    require: str | None,
    form: str,
    root_dir: Path | None,
) -> int:
    """Deploy the template at PATH (a folder or a file) on the embedded backend.

    Nothing leaves this machine. Prints each resource with its physical id and what of it is emulated, the
    outputs and a summary. Exit code 1 when the deployment fails.
    """
    from stackproof.backends.embedded import EmbeddedBackend
    from stackproof.deploy.deployer import Deployer
    from stackproof.deploy.model import Level
    from stackproof.deploy.source import Library

    given, kept = pairs("--parameter", parameters), pairs("--stored", stored)
    project = load_project(root_dir)
    with EmbeddedBackend(journal="counts") as backend:
        store(backend, kept)
        deployer = Deployer(backend, Library(project.root, project.config))
        try:
            stack = deployer.deploy(path, config=config, parameters=given, name=name)
        except DeploymentFailed as error:
            if form == "json":
                say(json.dumps(_failure(error), indent=2))
            raise
        say(json.dumps(_document(stack), indent=2, default=str) if form == "json" else _text(stack))
        short = [
            one for _, one in stack.missing() if require and one.verdict.level.rank > Level(require).rank
        ]
        for one in short:
            complain(f"{one.location}: {one.type} ({one.logical_id}) is {one.verdict.level}, not {require}")
        return 1 if short else 0


def _failure(error: DeploymentFailed) -> dict[str, Any]:
    place = {"file": error.file, "line": error.line, "column": error.column}
    return {
        "status": "FAILED",
        "message": error.message,
        "logical_id": error.logical_id,
        "reason": error.reason,
        **place,
    }


def _document(stack: Stack) -> dict[str, Any]:
    resources = [
        {
            "stack": owner.name,
            "logical_id": one.logical_id,
            "type": one.type,
            "physical_id": one.physical_id,
            "verdict": str(one.verdict.level),
            "left_out": [
                {"property": name, "reason": one.verdict.reasons.get(name, "")}
                for name in one.verdict.left_out
            ],
            "remarks": list(one.verdict.remarks),
            "file": one.location.file,
            "line": one.location.line,
        }
        for owner, one in stack.walk()
    ]
    return {
        "stack": stack.name,
        "stack_id": stack.id,
        "status": stack.status,
        "resources": resources,
        "outputs": dict(stack.outputs),
        "summary": _counts(stack),
    }


def _counts(stack: Stack) -> dict[str, int]:
    from stackproof.deploy.model import Level

    levels = [one.verdict.level for _, one in stack.walk()]
    return {str(level): levels.count(level) for level in Level}


def _text(stack: Stack) -> str:
    rows = [(owner, one) for owner, one in stack.walk()]
    names = [one.logical_id if owner is stack else f"{owner.name}/{one.logical_id}" for owner, one in rows]
    width = max((len(name) for name in names), default=0)
    kinds = max((len(one.type) for _, one in rows), default=0)
    lines = [f"stack {stack.name}: {stack.status}", ""]
    for name, (_, one) in zip(names, rows, strict=True):
        lines.append(f"  {name:{width}}  {one.type:{kinds}}  {one.verdict.level:12}  {one.physical_id}")
        lines += [f"  {'':{width}}    without {_left(one.verdict, path)}" for path in one.verdict.left_out]
    if stack.remarks():
        lines += ["", "remarks", *(f"  {remark}" for remark in stack.remarks())]
    if stack.outputs:
        lines += ["", "outputs", *(f"  {name} = {value}" for name, value in stack.outputs.items())]
    counts = ", ".join(f"{number} {level}" for level, number in _counts(stack).items() if number)
    noun = "resource" if len(rows) == 1 else "resources"
    return "\n".join([*lines, "", f"{len(rows)} {noun}: {counts or 'none'}"])


def _left(verdict: Any, path: str) -> str:
    reason = verdict.reasons.get(path, "")
    return f"{path}: {reason}" if reason else path

"""``stackproof assemble``: a folder of snippets into one template."""

from __future__ import annotations

from pathlib import Path

import click

from stackproof.cli.convert import write_text
from stackproof.template.assemble import assemble


@click.command("assemble")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
def command(folder: Path, output: Path | None) -> int:
    """Merge the YAML and JSON snippets below FOLDER into one template, with their comments."""
    result = assemble(folder, output)
    write_text(result.text, output)
    for path in result.rewritten:
        click.echo(f"{path}: rewritten in block style, its comments are left behind", err=True)
    return 0

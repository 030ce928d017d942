"""``stackproof convert``: a template from JSON to YAML or back."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from stackproof.errors import UsageError
from stackproof.template.convert import comments, is_json
from stackproof.template.convert import convert as convert_text


@click.command("convert")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--to", "to", type=click.Choice(["yaml", "json"]), help="The format to write; default: the other."
)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
def command(file: Path, to: str | None, output: Path | None) -> int:
    """Convert the template FILE (- for standard input) between JSON and YAML without losing anything."""
    text = read_text(file)
    target = to or ("yaml" if is_json(text) else "json")
    name = "<stdin>" if str(file) == "-" else str(file)
    result = convert_text(text, "json" if target == "json" else "yaml", file=name)
    write_text(result, output)
    left = comments(text) if target == "json" else 0
    if left:
        noun = "comment was" if left == 1 else "comments were"
        click.echo(f"{name}: {left} {noun} left behind, JSON cannot carry any", err=True)
    return 0


def read_text(file: Path) -> str:
    """The text of a file or of standard input. Raises ``UsageError`` when it cannot be read as UTF-8."""
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror or error}", file=str(file)) from error
    except UnicodeDecodeError as error:
        raise UsageError("is not UTF-8 text", file=str(file)) from error


def write_text(text: str, output: Path | None) -> None:
    """Write to ``output``, or to standard output when it is None."""
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror or error}", file=str(output)) from error

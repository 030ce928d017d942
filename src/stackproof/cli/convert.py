"""``stackproof convert``: a template from JSON to YAML or back."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import click

from stackproof.errors import UsageError
from stackproof.template.convert import aliases, comments, is_json, respelled
from stackproof.template.convert import convert as convert_text
from stackproof.verdict.files import write_file


@click.command("convert")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--to", "to", type=click.Choice(["yaml", "json"]), help="The format to write; default: the other."
)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
def command(file: Path, to: str | None, output: Path | None) -> int:
    """Convert the template FILE (- for standard input) between JSON and YAML without losing anything.

    Numbers keep their digits. What is text, a number or a boolean in YAML is what the gate takes it for
    (dates are text, 007, 0x1F, 1_000, 12:30 are numbers, yes and on are true). JSON holds neither comments
    nor aliases nor these spellings: each loss is told on stderr.
    """
    text = read_text(file)
    target = to or ("yaml" if is_json(text) else "json")
    name = "<stdin>" if str(file) == "-" else str(file)
    result = convert_text(text, "json" if target == "json" else "yaml", file=name)
    write_text(result, output)
    if target == "json":
        _tell_losses(text, name)
    return 0


def _tell_losses(text: str, name: str) -> None:
    """What JSON cannot carry, and what it spells otherwise, on stderr."""
    left = comments(text)
    if left:
        noun = "comment was" if left == 1 else "comments were"
        click.echo(f"warning: {name}: {left} {noun} left behind, JSON cannot carry any", err=True)
    resolved = aliases(text)
    if resolved:
        noun = "alias was" if resolved == 1 else "aliases were"
        click.echo(f"warning: {name}: {resolved} {noun} written out, JSON has none", err=True)
    for one in respelled(text):
        where = f"{name}:{one.line}:{one.column}"
        what = f"{one.written} is not text in YAML and is written as {one.becomes}; quote it if text is meant"
        click.echo(f"warning: {where}: {what}", err=True)


def read_text(file: Path) -> str:
    """The text of a file or of standard input. Raises ``UsageError`` when it cannot be read as UTF-8."""
    try:
        if str(file) == "-":
            return sys.stdin.buffer.read().decode("utf-8-sig")
        mode = file.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # to read a pipe is to wait for its writer
            raise UsageError(f"not a regular file: {file}", hint="give - for standard input")
        return file.read_bytes().decode("utf-8-sig")
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
        write_file(output, text.encode("utf-8"))
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror or error}", file=str(output)) from error

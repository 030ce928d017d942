"""``stackproof verdict``: join the pillars' results into one answer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackproof.cli._console import say, speaks_unicode, wants_color, width_of
from stackproof.errors import ConfigError, ResultError, UsageError

if TYPE_CHECKING:
    from stackproof.verdict.join import JoinedVerdict, Result

PILLARS = ("check", "prove", "inspect")


@click.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RESULT.json…")
@click.option(
    "--require", default="check", show_default=True, help="The pillars that must pass, with commas."
)
@click.option("--commit", default="", help="The commit that must be proven; by default HEAD of this folder.")
@click.option("--allow-dirty", is_flag=True, help="Accept results of a work tree with changes.")
@click.option(
    "--format", "form", type=click.Choice(["console", "json"]), default="console", show_default=True
)
@click.option(
    "--shell", is_flag=True, help="Print VERDICT=PASS or VERDICT=FAIL only, for 'eval' or 'export'."
)
@click.option(
    "--export-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Append VERDICT=… to this file.",
)
def command(
    results: tuple[Path, ...],
    require: str,
    commit: str,
    allow_dirty: bool,
    form: str,
    shell: bool,
    export_file: Path | None,
) -> int:
    """Join the results of check, prove and inspect into one answer.

    A required pillar whose result is missing, partial, unreadable, of another commit, of a changed work
    tree, or failed is FAIL, and the exit code is 1. The results of all shards of one pillar together
    are complete.
    """
    from stackproof.verdict.commit import commit_of
    from stackproof.verdict.join import join

    required = _required(require)
    wanted = _commit(commit) or commit_of(Path.cwd())[0]
    joined = join(required, [_read(path) for path in results], wanted, allow_dirty=allow_dirty)
    if export_file is not None:
        _export(export_file, joined)
    if shell:
        say(f"VERDICT={joined.verdict.value}")
    elif form == "json":
        say(_as_json(joined))
    else:
        say(_as_text(joined))
    return joined.exit_code


def _required(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in PILLARS]
    if unknown or not names:
        what = f"'{unknown[0]}' is no pillar" if unknown else "--require names no pillar"
        raise UsageError(what, hint=f"use some of {', '.join(PILLARS)}")
    return names


def _commit(text: str) -> str:
    commit = text.strip().lower()
    if commit and (len(commit) < 7 or set(commit) - set("0123456789abcdef")):
        hint = "give at least 7 hexadecimal digits, for example of 'git rev-parse HEAD'"
        raise UsageError(f"'{text}' is no commit id", hint=hint)
    return commit


def _read(path: Path) -> Result:
    from stackproof.verdict import document
    from stackproof.verdict.join import Result

    try:
        return Result(str(path), document.loads(path.read_bytes()))
    except OSError as error:
        return Result(str(path), None, f"cannot be read: {error.strerror}")
    except ResultError as error:
        return Result(str(path), None, str(error))


def _export(path: Path, joined: JoinedVerdict) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"VERDICT={joined.verdict.value}\n")
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", file=str(path)) from error


def _as_json(joined: JoinedVerdict) -> str:
    pillars = [
        {"pillar": one.pillar, "verdict": one.verdict.value, "reasons": list(one.reasons)}
        for one in joined.pillars
    ]
    answer = {
        "verdict": joined.verdict.value,
        "commit": joined.commit,
        "pillars": pillars,
        "reasons": list(joined.reasons),
    }
    return json.dumps(answer, indent=2)


def _as_text(joined: JoinedVerdict) -> str:
    from stackproof.report.text import Paper

    paper = Paper(width_of(sys.stdout), wants_color(sys.stdout), speaks_unicode(sys.stdout))
    lines = []
    for one in joined.pillars:
        for position, reason in enumerate(one.reasons):
            indent = " " * 16
            first, *rest = paper.wrap(reason, indent)
            word = paper.paint(one.verdict.value, "good" if one.verdict.value == "PASS" else "error")
            lines.append(f"{word}  {one.pillar:<10}{first[16:]}" if position == 0 else first)
            lines.extend(rest)
    for reason in joined.reasons:
        first, *rest = paper.wrap(reason, "      ")
        lines += [f"{paper.paint('FAIL', 'error')}  {first[6:]}", *rest]
    commit = f" for commit {joined.commit[:12]}" if joined.commit else ""
    lines.append(f"VERDICT={joined.verdict.value}{commit}")
    return "\n".join(lines)

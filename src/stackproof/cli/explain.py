"""``stackproof explain``: what a rule wants, why, and how to satisfy it."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackproof.cli._console import say
from stackproof.cli._project import Project, load_project, project_options

if TYPE_CHECKING:
    from stackproof.model import RuleInfo

_LINT_ID = re.compile(r"^[EWI]\d[\d*?]*$")
_WIDTH = 80
_ALL = "'stackproof explain \"*\"' shows all but those of cfn-lint"


@click.command()
@click.argument("rule")
@click.option(
    "--format", "shape", type=click.Choice(["console", "json"]), default="console", show_default=True
)
@project_options
def command(rule: str, shape: str, root_dir: Path | None, config_file: Path | None) -> int:
    """Tell what RULE wants, why, how to satisfy it and where it is defined.

    RULE is the id that a finding shows: a Guard rule's name, a cfn-lint id (E3012) or one of
    stackproof's own (SP-...). Globs are allowed: 'S3_*'.
    """
    from stackproof.errors import UsageError

    rule = rule.strip()
    if not rule:
        hint = f"give the id that a finding shows; {_ALL}"
        raise UsageError("no rule is named", hint=hint)
    project = load_project(root_dir, config_file)
    found = _matching(rule, project)
    if not found:
        near = _near(rule, project)
        hint = f"did you mean {', '.join(near)}?" if near else _ALL
        raise UsageError(f"no rule is called '{rule}'", hint=hint)
    say(_as_json(found) if shape == "json" else "\n\n".join(_as_text(info) for info in found))
    return 0


def _matching(rule: str, project: Project) -> list[RuleInfo]:
    """The rules that the name means; cfn-lint is imported only for what looks like one of its ids."""
    sources = [_linted(project)] if _LINT_ID.match(rule) else [_own(), _checks(), _guarded(project)]
    known = {(info.id, str(info.location)): info for source in sources for info in source}
    exact = [info for info in known.values() if info.id == rule]
    folded = [info for info in known.values() if fnmatch.fnmatchcase(info.id.lower(), rule.lower())]
    return exact or sorted(folded, key=lambda info: info.id)


def _near(rule: str, project: Project) -> list[str]:
    sources = [_linted(project)] if _LINT_ID.match(rule) else [_own(), _checks(), _guarded(project)]
    names = sorted({info.id for source in sources for info in source})
    folded = {name.lower(): name for name in names}
    close = difflib.get_close_matches(rule.lower(), folded, n=5, cutoff=0.5)
    parts = [name for name in names if rule.lower() in name.lower()]
    return list(dict.fromkeys([*(folded[name] for name in close), *parts]))[:5]


def _own() -> Iterator[RuleInfo]:
    from stackproof.gate.known import own_rules

    yield from own_rules()


def _checks() -> Iterator[RuleInfo]:
    from stackproof.checks.base import load_checks

    yield from load_checks().rules()


def _guarded(project: Project) -> Iterator[RuleInfo]:
    """The rules of the configured sets, then those of the policy folders that no set names."""
    from stackproof.checks.guard.rulesets import load_files, load_rulesets
    from stackproof.checks.guard.testing.run import rule_paths
    from stackproof.config import RuleSet

    loaded = load_rulesets(project.config, project.root)
    yield from loaded.rules()
    folders = [project.root / name for name in project.config.policies]
    for path in rule_paths(folder for folder in folders if folder.is_dir()):
        if path not in loaded.files:
            name = path.parent.name
            for file in load_files([path], project.root, RuleSet(path=str(path)), name, []):
                yield from (described.info for described in file.described.values())


def _linted(project: Project) -> Iterator[RuleInfo]:
    from stackproof.checks.lint.engine import LintEngine

    yield from LintEngine(project.config, project.root).rules()


def _as_json(found: list[RuleInfo]) -> str:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(found), indent=2).decode()


def _as_text(info: RuleInfo) -> str:
    import textwrap

    about = [info.severity.value, info.engine, f"rule set {info.ruleset}" if info.ruleset else ""]
    lines = [f"{info.id} ({', '.join(part for part in about if part)})"]
    fields = {
        "wants": info.title,
        "why": info.why,
        "fix": info.fix,
        "source": info.source,
        "defined": str(info.location) if info.location else "",
        "tags": ", ".join(info.tags),
    }
    for name, text in fields.items():
        if text:
            label = f"  {name:<8}"
            wrapped = textwrap.wrap(text, _WIDTH - len(label), break_long_words=False, break_on_hyphens=False)
            lines += [
                f"{label if number == 0 else ' ' * len(label)}{part}" for number, part in enumerate(wrapped)
            ]
    return "\n".join(lines)

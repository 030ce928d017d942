"""``stackproof test``: run the tests of Guard rules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackproof.cli._project import load_project, project_options

if TYPE_CHECKING:
    from stackproof.checks.guard.testing.run import TestRun
    from stackproof.config import Config
    from stackproof.verdict.outcome import RunOutcome


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--no-mutation", is_flag=True, help="Only expectations and coverage, no mutation.")
@click.option(
    "--format", "formats", multiple=True, metavar="FORMAT[=FILE]", help="Report format; may be repeated."
)
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "info", "never"]),
    help="The least severity that fails the run; default from the configuration.",
)
@project_options
def command(
    paths: tuple[Path, ...],
    no_mutation: bool,
    formats: tuple[str, ...],
    fail_on: str | None,
    root_dir: Path | None,
    config_file: Path | None,
) -> int:
    """Run the tests of Guard rules, with coverage and mutation.

    PATH is a folder, a rule file X.guard or a test file X_tests.yaml; default: the configured policy
    folders. A rule needs a case for PASS, FAIL and SKIP. Then each property that a rule compares is
    broken in the compliant cases, and a rule that does not notice is reported.
    """
    from datetime import UTC, datetime

    import msgspec

    from stackproof.checks.guard.testing.run import run_tests
    from stackproof.cli._output import deliver, parse_outputs, telling
    from stackproof.verdict.judge import judge

    outputs = parse_outputs(formats)
    with telling("test", outputs):
        project = load_project(root_dir, config_file, paths)
        config = msgspec.structs.replace(project.config, fail_on=fail_on) if fail_on else project.config
        chosen = list(paths) or _configured(config, project.root)
        run = run_tests(chosen, project.root, mutation=not no_mutation)
        report = judge(_outcome(run), config, today=datetime.now(UTC).date(), root=project.root)
    deliver(report, outputs)
    return report.exit_code


def _configured(config: Config, root: Path) -> list[Path]:
    """The policy folders; when there are none where they are expected, those of the rule sets."""
    from stackproof.config import Config

    folders = [root / folder for folder in config.policies]
    unset = config.policies == Config().policies and not any(folder.exists() for folder in folders)
    named = [root / one.path for one in config.rulesets if one.path and (root / one.path).exists()]
    return list(dict.fromkeys(named)) if unset and named else folders


def _outcome(run: TestRun) -> RunOutcome:
    from stackproof.checks.guard.testing.rules import RULES
    from stackproof.verdict.outcome import RunOutcome

    return RunOutcome(
        pillar="test",
        findings=tuple(run.findings),
        problems=tuple(run.problems),
        judged=tuple(run.judged),
        rules=tuple(RULES.values()),
        notes=(f"{run.rules} rules, {run.cases} cases, {run.mutations} mutations",),
        stats={"rules": run.rules, "cases": run.cases, "mutations": run.mutations},
    )

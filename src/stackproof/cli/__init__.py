"""The command line: a table of commands, imported only when used, and one mapping of errors to exit codes.

Exit codes: 0 clean, 1 findings at the threshold, 2 usage, broken rule or configuration, or nothing to
judge, 3 internal error, 130 interrupted. A command NAME is the click command called ``command`` in
``cli/NAME.py``; it returns its exit code (None is 0) or raises a ``StackproofError``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from stackproof import __version__
from stackproof.cli._failure import run_guarded
from stackproof.cli._lazy import LazyGroup
from stackproof.cli._stale import clear_reports

COMMANDS: dict[str, str] = {
    "check": "Judge templates as they will be deployed.",
    "test": "Run the tests of Guard rules, with coverage and mutation.",
    "explain": "Tell what a rule wants, why, and how to satisfy it.",
    "baseline": "Record the findings that are there: only new ones count.",
    "inspect": "Inspect images, hosts and rigs by the suites of tests/infra.",
    "validate-env": "Compare a deployed stack with its env-details.yml.",
    "verdict": "Join the results of check, prove and inspect into one answer.",
    "convert": "Convert a template between JSON and YAML.",
    "rig": "Size a hardware-in-the-loop rig; replay a recorded drive.",
    "deploy": "Deploy a template on this machine; tell what is emulated.",
    "assemble": "Assemble a folder of snippets into one template.",
}
"""Each command with its one-line help; ``--help`` shows this table without importing a command."""


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    package="stackproof.cli",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--debug", is_flag=True, envvar="STACKPROOF_DEBUG", help="Show the traceback of an error.")
@click.version_option(__version__, prog_name="stackproof", message="%(prog)s %(version)s")
def root(debug: bool) -> None:
    """Test and policy validation for AWS estates: check, prove, inspect, one verdict."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; every error ends here."""
    given = list(sys.argv[1:] if arguments is None else arguments)

    def run() -> Any:
        clear_reports(given)
        return root.main(given, prog_name="stackproof", standalone_mode=False)

    return run_guarded(run, given)

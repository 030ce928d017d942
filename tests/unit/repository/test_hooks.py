"""The hooks that others install call commands that exist."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from stackproof.cli import root as cli


@pytest.mark.parametrize("file", [".pre-commit-hooks.yaml", ".pre-commit-config.yaml"])
def test_every_entry_is_a_command_with_known_options(root: Path, file: str) -> None:
    document = yaml.safe_load((root / file).read_text(encoding="utf-8"))
    hooks = (
        document
        if isinstance(document, list)
        else [hook for repo in document["repos"] for hook in repo["hooks"]]
    )
    ours = [hook["entry"].split() for hook in hooks if hook["entry"].startswith("stackproof")]
    assert ours
    for _, command, *options in ours:
        text = CliRunner().invoke(cli, [command, "--help"])
        assert text.exit_code == 0, text.output
        for option in options:
            assert option in text.output


def test_both_hooks_are_shipped_with_the_contract_of_pre_commit(root: Path) -> None:
    hooks = {
        hook["id"]: hook
        for hook in yaml.safe_load((root / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    }
    assert hooks["stackproof"]["types_or"] == ["yaml", "json"]
    assert hooks["stackproof"]["require_serial"] is True
    assert hooks["stackproof-all"]["pass_filenames"] is False

"""Resolves template texts as the gate does, for the rules across resources."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stackproof.checks.resources import ResourceChecks
from stackproof.config import Config, Environment
from stackproof.model import Finding
from stackproof.template.environments import configurations
from stackproof.template.load import load
from stackproof.template.model import Resolved
from stackproof.template.resolve import resolve
from stackproof.template.transform import expand


@pytest.fixture
def resolved(tmp_path: Path) -> Callable[..., Resolved]:
    def make(text: str, *, region: str = "", account: str = "") -> Resolved:
        path = tmp_path / "template.yaml"
        path.write_text(text, encoding="utf-8")
        document = load("template.yaml", path, max_size=10_000_000).document
        assert document is not None
        environments = {}
        if region:
            (tmp_path / "config").mkdir(exist_ok=True)
            (tmp_path / "config" / "test.json").write_text('{"Parameters": {}}', encoding="utf-8")
            environments["test"] = Environment(region=region, account=account)
        config = Config(root=str(tmp_path), environments=environments)
        (configuration,) = configurations(document, config, tmp_path).configurations
        return resolve(expand(document, configuration, root=tmp_path), configuration)

    return make


@pytest.fixture
def judge(resolved: Callable[..., Resolved]) -> Callable[..., list[Finding]]:
    """The findings of one rule (``VISIBILITY``), or of all, in a template text."""

    def run(text: str, rule: str = "", **where: str) -> list[Finding]:
        found = ResourceChecks().run(resolved(text, **where))
        return [item for item in found if not rule or item.rule == f"SP-RES-{rule}"]

    return run

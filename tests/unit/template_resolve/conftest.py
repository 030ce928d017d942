"""Templates as text, resolved the way the gate does it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from stackproof.config import Config
from stackproof.model import Location
from stackproof.template.discover import discover
from stackproof.template.estate import Estate
from stackproof.template.load import load_bytes
from stackproof.template.model import Configuration, Document, ParameterValue, Resolved
from stackproof.template.resolve import resolve
from stackproof.template.transform import expand

Resolve = Callable[..., Resolved]
MakeEstate = Callable[..., Estate]


@pytest.fixture
def parse(tmp_path: Path) -> Callable[..., Document]:
    """A document from its text, as if it stood in ``template.yaml``."""

    def make(text: str, file: str = "template.yaml") -> Document:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        loaded = load_bytes(file, path, path.read_bytes())
        assert loaded.document is not None, loaded.findings
        return loaded.document

    return make


@pytest.fixture
def resolved(parse: Callable[..., Document], tmp_path: Path) -> Resolve:
    """A resolved template from its text; keywords are the configuration's."""

    def make(
        text: str,
        parameters: Mapping[str, Any] | None = None,
        exports: Mapping[str, Any] | None = None,
        **known: Any,
    ) -> Resolved:
        values = {
            name: ParameterValue(value, Location("config/test.json", 3, 5))
            for name, value in (parameters or {}).items()
        }
        configuration = Configuration(known.pop("name", ""), parameters=values, **known)
        return resolve(expand(parse(text), configuration, root=tmp_path), configuration, exports=exports)

    return make


@pytest.fixture
def value(resolved: Resolve) -> Callable[..., Any]:
    """What one expression becomes: ``value("!Ref X", head=...)``; the head holds the other sections."""

    def make(expression: str, head: str = "", **known: Any) -> Any:
        text = textwrap.dedent(head) + "\nOutputs:\n  Out:\n    Value: " + expression + "\n"
        if "Resources:" not in head:
            text = "Resources:\n  R:\n    Type: AWS::SNS::Topic\n" + text
        return resolved(text, **known).outputs["Out"]

    return make


@pytest.fixture
def estate(tmp_path: Path) -> MakeEstate:
    """An estate from files; keywords are the project's configuration."""

    def make(files: Mapping[str, str], **config: Any) -> Estate:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        settings = Config(root=str(tmp_path), templates=(".",), **config)
        return Estate(tmp_path, settings, discover(tmp_path, [], settings).templates)

    return make

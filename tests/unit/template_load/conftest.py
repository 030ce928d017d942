"""Write a template, load it, expand it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from stackproof.model import Location
from stackproof.template.load import Loaded, load
from stackproof.template.model import Configuration, Expanded, ParameterValue
from stackproof.template.transform import expand

MAX_SIZE = 1_000_000


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, text: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
        return path

    return write


@pytest.fixture
def load_text(write: Callable[..., Path]) -> Callable[..., Loaded]:
    def load_text(text: str | bytes, name: str = "template.yaml") -> Loaded:
        return load(name, write(name, text), max_size=MAX_SIZE)

    return load_text


@pytest.fixture
def expand_text(load_text: Callable[..., Loaded], tmp_path: Path) -> Callable[..., Expanded]:
    def expand_text(text: str, /, urls: dict[str, str] | None = None, **given: Any) -> Expanded:
        document = load_text(text).document
        assert document is not None
        region = given.pop("region", "")
        here = Location("config/dev.json")
        parameters = {name: ParameterValue(value, here) for name, value in given.items()}
        configuration = Configuration("dev", parameters=parameters, region=region)
        return expand(document, configuration, root=tmp_path, template_urls=urls)

    return expand_text


@pytest.fixture
def line_of() -> Callable[..., int]:
    """The number of the one line of a text that holds a mark."""

    def line_of(text: str, mark: str) -> int:
        found = [number for number, line in enumerate(dedent(text).split("\n"), start=1) if mark in line]
        assert len(found) == 1, (mark, found)
        return found[0]

    return line_of

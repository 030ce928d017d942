"""The pytest plugin (entry point ``pytest11``). It imports nothing heavy when pytest starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_report_header(config: pytest.Config) -> str:
    """Name the version that judges, so that a log tells which stackproof ran."""
    from stackproof import __version__

    return f"stackproof: {__version__}"

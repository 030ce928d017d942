"""What the checks of an image share."""

from __future__ import annotations

from pathlib import Path

import pytest
from testinfra.host import Host

from stackproof.hosts.benchmark.view import View
from stackproof.hosts.model import Running


@pytest.fixture(scope="session")
def views() -> dict[str, View]:
    """A view of each host: what many rules ask is asked once."""
    return {}


@pytest.fixture
def view(inspected: Running, inspected_host: Host, views: dict[str, View]) -> View:
    """The host as the rules see it."""
    return views.setdefault(inspected.name, View(inspected_host))


@pytest.fixture(scope="session")
def suite() -> Path:
    """This folder, with the suite's data."""
    return Path(__file__).parent

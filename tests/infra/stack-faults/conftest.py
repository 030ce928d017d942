"""What the checks of test stacks share."""

from __future__ import annotations

import pytest

from stackproof.hosts.model import Running
from stackproof.hosts.session import Session
from stackproof.hosts.stands import Stand, stand_of


@pytest.fixture(scope="session")
def stands() -> dict[str, Stand]:
    """The surroundings of each host, found once."""
    return {}


@pytest.fixture
def stand(inspected: Running, inspection: Session, stands: dict[str, Stand]) -> Stand:
    """The inspected host with its surroundings."""
    if inspected.name not in stands:
        stands[inspected.name] = stand_of(inspected, inspection)
    return stands[inspected.name]

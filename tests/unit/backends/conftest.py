"""An embedded backend of its own."""

from collections.abc import Iterator

import pytest

from stackproof.backends.embedded import EmbeddedBackend


@pytest.fixture
def lone_backend() -> Iterator[EmbeddedBackend]:
    with EmbeddedBackend() as backend:
        yield backend

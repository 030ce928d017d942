"""What every backend is to the rooms above: clients, a place, and what it can do."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol


class Backend(Protocol):
    """The other side of boto3. ``kind`` is ``embedded``, ``localstack``, ``ministack`` or ``moto-server``.

    ``capabilities`` are names that tests may require: ``advance`` (virtual time), ``snapshot``, ``step``,
    ``journal``, ``functions`` (Lambda functions run) …
    """

    @property
    def kind(self) -> str:
        """The backend's name."""
        ...

    @property
    def account(self) -> str:
        """The account that stacks are deployed to, twelve digits."""
        ...

    @property
    def region(self) -> str:
        """The region that stacks are deployed to."""
        ...

    @property
    def capabilities(self) -> frozenset[str]:
        """What it can do besides answering API calls."""
        ...

    def client(self, service: str, *, region: str = "") -> Any:
        """A boto3 client. It is shared: register no event handlers on it."""
        ...

    def code(self, kind: str, name: str, folder: Path | None) -> dict[str, Any]:
        """The ``Code`` (or ``Content``) parameter for a local folder of code.

        ``kind`` is ``function``, ``layer`` or ``built layer`` (all of the folder lies in the layer's
        ``python/``, with what its requirements ask for), ``name`` its name. A backend that loads
        code straight from the folder remembers it; None forgets it (the code comes from somewhere else now).
        """
        ...

    def acting(self, actor: str) -> AbstractContextManager[None]:
        """Calls made inside stand in the journal as made by ``actor``."""
        ...

    def now(self) -> str:
        """The backend's time, ISO 8601."""
        ...

"""What a provider is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from stackproof.hosts.model import HostEntry, Need, Running
    from stackproof.hosts.session import Session


class Provider(Protocol):
    """Makes (or finds) a host. It holds no state of its own: the session does.

    Everything that is made is written into ``session.journal`` before it is made (``session.made("mount",
    path)``, ``session.start(command)``): the journal is the only road to its end, and is walked backwards
    also when the run is killed. Files that may stay go below ``session.cache``, all others below
    ``session.folder``.
    """

    def check(self, entry: HostEntry) -> None:
        """Refuse settings that make no sense: ``ConfigError`` with file, line and column. Makes nothing."""
        ...

    def needs(self, entry: HostEntry) -> Sequence[Need]:
        """What the machine must have, each with whether it has it. Fast; makes nothing."""
        ...

    def start(self, entry: HostEntry, session: Session) -> Running:
        """Make the host and wait until it can be inspected. Another host is had by ``session.host(name)``.

        Raises ``BackendError`` when it does not come up.
        """
        ...

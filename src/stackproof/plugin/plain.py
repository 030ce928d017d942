"""Suites that are plain testinfra (``def test_port(host)``): their ``host`` is each one of the inventory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testinfra.host import Host

from stackproof.hosts.reach import host_of
from stackproof.plugin.inspected import started

if TYPE_CHECKING:
    from stackproof.hosts.model import Running
    from stackproof.hosts.session import Session


class InventoryHost(Host):
    """A testinfra host that is known by its name first and gets its backend when a check asks for it."""

    def __init__(self, inspects: str) -> None:
        self.inspects = inspects
        self._running: Running | None = None

    def begin(self, session: Session) -> None:
        """Be the host of that name, which is made now; skips or fails as the fixture ``inspected`` does."""
        running = started(session, self.inspects)
        if running is not self._running:
            # Modules that testinfra keeps in the object are of the host that was.
            self.__dict__ = {"inspects": self.inspects, "_running": running}
            super().__init__(host_of(running, session).backend)

    def __repr__(self) -> str:
        return f"<host {self.inspects}>"

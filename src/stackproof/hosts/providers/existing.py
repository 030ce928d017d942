"""``existing``: a host that is there already, reached by the URL that the inventory gives."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING

from stackproof.hosts.model import HostEntry, Need, Running

if TYPE_CHECKING:
    from stackproof.hosts.session import Session


class ExistingProvider:
    """It has no settings. What the inventory states is asked of it where it can tell: its system, ``can``
    and ``privileged`` (``reach.first_asked``); the other capabilities are believed.
    """

    def check(self, entry: HostEntry) -> None:
        """Settings are refused: nothing would read them."""
        if entry.settings is not None:
            entry.settings.done()

    def needs(self, entry: HostEntry) -> Sequence[Need]:
        """ssh, for hosts that are reached by it."""
        if not entry.url.startswith("ssh://"):
            return ()
        return (Need("ssh", shutil.which("ssh") is not None, "openssh-client", "reaches the host"),)

    def start(self, entry: HostEntry, session: Session) -> Running:
        """Nothing is made: the host is there."""
        return Running(entry, entry.url, entry.capabilities)

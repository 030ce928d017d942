"""A host that cannot be asked: an error of the host, named once, never the answer of a command."""

from __future__ import annotations

from stackproof.errors import BackendError


class HostUnreachable(BackendError, RuntimeError):
    """The way to a host is broken: its program is missing, a login is refused, the host is gone.

    ``host`` is its name in the inventory. The message is the same from run to run, so that a baseline holds
    it. A ``RuntimeError`` too: that is what plain testinfra raises when ssh fails.
    """

    def __init__(self, host: str, said: str, check: str) -> None:
        super().__init__(f"{host} cannot be reached: {said}; check {check}")
        self.host = host

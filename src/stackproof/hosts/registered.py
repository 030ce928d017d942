"""testinfra backends of this project. Importing this module is cheap: every start of pytest does."""

from __future__ import annotations

BACKENDS = {
    "aws-ssm": "stackproof.hosts.ssm.SsmBackend",
    "netns": "stackproof.hosts.entered.NetnsBackend",
    "nsenter": "stackproof.hosts.entered.NsenterBackend",
}
"""Connection type to class."""


def register() -> None:
    """Make our backends known to testinfra; the pytest plugin does so for everybody who has both."""
    from testinfra import backend

    backend.BACKENDS.update(BACKENDS)

"""Hosts of a test stack, each beside what the stack's templates say of it.

``stand_of(running, session)`` gives the ``Stand`` of an inspected host: from where it can be asked, at which
address, and what the templates expect. ``CHECKS`` are what must hold; each yields what differs, naming both.
"""

from stackproof.hosts.stands.checks import CHECKS, nothing_to_check
from stackproof.hosts.stands.stand import Stand, stand_of

__all__ = ["CHECKS", "Stand", "nothing_to_check", "stand_of"]

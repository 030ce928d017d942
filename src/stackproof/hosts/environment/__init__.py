"""A deployed stack beside its description ``env-details.yml``, by what the services' APIs answer.

``read_details(path)`` reads a description, ``compare(details, name, stacks, clients)`` says what differs.
"""

from stackproof.hosts.environment.compare import RULES, compare, outcome
from stackproof.hosts.environment.details import Details, read_details

__all__ = ["RULES", "Details", "compare", "outcome", "read_details"]

"""Reachability as templates say it: security groups, network ACLs, routes, and who stands where.

``read(parts)`` makes a ``Network`` of one or several templates (or deployed stacks), ``Reach(network)``
answers for a source, a target, a protocol and a port, ``matrix`` for all of them. What cannot be decided
says so.
"""

from stackproof.netmodel.flow import Flow
from stackproof.netmodel.matrix import Matrix, matrix
from stackproof.netmodel.model import Answer, Network, Node, Outside, Place, Reason, State
from stackproof.netmodel.parts import Part, part_of, part_of_deployed
from stackproof.netmodel.reach import Reach
from stackproof.netmodel.read import read

__all__ = [
    "Answer",
    "Flow",
    "Matrix",
    "Network",
    "Node",
    "Outside",
    "Part",
    "Place",
    "Reach",
    "Reason",
    "State",
    "matrix",
    "part_of",
    "part_of_deployed",
    "read",
]

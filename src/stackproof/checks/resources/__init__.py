"""Rules across resources: what no look at a single resource can tell.

One file a rule, each with a ``RULE``. A rule judges relations inside one template; what lies outside it
(a queue whose ARN is a parameter) is out of its sight, but a compared value that is unknown is undecided.
"""

from stackproof.checks.resources.engine import ResourceChecks

__all__ = ["ResourceChecks"]

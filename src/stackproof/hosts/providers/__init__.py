"""What makes the hosts that an inventory names.

A new provider is one file with a class that has the methods of ``Provider``, and its line in
``providers/registry.py``; third parties use the entry point group ``stackproof.hosts``.
"""

from stackproof.hosts.providers.base import Provider
from stackproof.hosts.providers.registry import lacking_for, names, needed, provider_of

__all__ = ["Provider", "lacking_for", "names", "needed", "provider_of"]

"""Which providers there are. A new one: a new file, and its line here or an entry point."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stackproof.hosts.model import HostEntry, Need
    from stackproof.hosts.providers.base import Provider

PROVIDERS: dict[str, str] = {
    "existing": "stackproof.hosts.providers.existing:ExistingProvider",
    "image": "stackproof.hosts.providers.image:ImageProvider",
    "netns": "stackproof.hosts.providers.netns:NetnsProvider",
    "nspawn": "stackproof.hosts.providers.nspawn:NspawnProvider",
    "qemu": "stackproof.hosts.providers.qemu:QemuProvider",
    "uml": "stackproof.hosts.providers.uml:UmlProvider",
}
"""The name in an inventory to ``module:class``."""


@cache
def _foreign() -> dict[str, Any]:
    return {point.name: point for point in entry_points(group="stackproof.hosts")}


def names() -> tuple[str, ...]:
    """Every provider that an inventory may name."""
    return tuple(sorted({*PROVIDERS, *_foreign()}))


def provider_of(entry: HostEntry) -> Provider:
    """The provider of a host; KeyError for a name that no provider has."""
    if entry.provider in PROVIDERS:
        module, _, attribute = PROVIDERS[entry.provider].partition(":")
        found: Provider = getattr(import_module(module), attribute)()
        return found
    loaded: Provider = _foreign()[entry.provider].load()()
    return loaded


def lacking_for(provider: Provider, entry: HostEntry) -> list[Need]:
    """What the machine lacks for a host."""
    return [one for one in provider.needs(entry) if not one.found]


def needed(provider: Provider, entry: HostEntry) -> str:
    """What the machine lacks for a host, with the command that adds it; empty when nothing."""
    lacking = lacking_for(provider, entry)
    if not lacking:
        return ""
    what = ", ".join(f"{one.name} ({one.why})" if one.why else one.name for one in lacking)
    packages = " ".join(dict.fromkeys(one.package for one in lacking if one.package))
    add = f"; 'stackproof inspect --install' adds {packages}" if packages else ""
    return f"{what} is missing{add}"

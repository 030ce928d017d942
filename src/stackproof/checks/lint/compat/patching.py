"""Which versions of cfn-lint's modules are known, and replacing a part of one so that it can be undone."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import ModuleType
from typing import Any

KNOWN: dict[str, frozenset[str]] = {
    "cfnlint.context.context": frozenset(
        {"785e6ca7d57cde01cc8aed6d398a192debdfa611831f2a801e7f27de2be31aff"}  # 1.58.0
    ),
    "cfnlint.jsonschema._filter": frozenset(
        {"e4af1d28ef36a100111b13bc2af7eef0d8e49fc96c015e0344206d3bffc03971"}  # 1.58.0
    ),
    "cfnlint.jsonschema.validators": frozenset(
        {"6494508f68508e392b0caff55d51ce061d2621dd2edaf9ed2621456ebdad3605"}  # 1.58.0
    ),
    "cfnlint.rules.jsonschema.Base": frozenset(
        {"ef503696ce8103624da987dc82032be38f643111f020069a90a2ae6cdc3a10bc"}  # 1.58.0
    ),
    "cfnlint.schema.resolver._resolver": frozenset(
        {"b0a4bf119e37225d730e4258967d8800ea06812c5b941e24ce7145dd828eac45"}  # 1.58.0
    ),
    "cfnlint.template.transforms.transform": frozenset(
        {"294e2323450246e985012c55fa9ad05e92e9eb64dc8e6b9b2854ab8472158c0b"}  # 1.58.0
    ),
    "cfnlint.rules._rules": frozenset(
        {"11f11c4d5a2fac69f5872e3666c230666450cffc1f13fcc4b41124c7eb2305a5"}  # 1.58.0
    ),
    "cfnlint.rules.jsonschema.CfnLint": frozenset(
        {"8e926d507ae4a7712a48f10246521c75fe13f4f45f6d6e90d1bb60d1c914ea9a"}  # 1.58.0
    ),
}
"""SHA-256 of the modules' source files that the shortcuts were compared with."""

_installed: list[tuple[Any, str, Any]] = []


def digest(module: ModuleType) -> str:
    """The SHA-256 of a module's source file, as ``KNOWN`` holds it."""
    return hashlib.sha256(Path(str(module.__file__)).read_bytes()).hexdigest()


def is_known(module: ModuleType) -> bool:
    """Whether the shortcuts were compared with this version of the module."""
    return digest(module) in KNOWN.get(module.__name__, frozenset())


def installed() -> bool:
    """Whether anything is replaced now."""
    return bool(_installed)


def replace(owner: Any, name: str, new: Any) -> None:
    """Put ``new`` in the place of an attribute until ``restore``."""
    _installed.append((owner, name, getattr(owner, name)))
    setattr(owner, name, new)


def restore() -> None:
    """Take every replacement back."""
    while _installed:
        owner, name, original = _installed.pop()
        setattr(owner, name, original)

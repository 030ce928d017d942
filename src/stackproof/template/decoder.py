"""cfn-lint's decoder without the rest of cfn-lint: its import costs 0.03 s in place of 0.4 s.

To import ``cfnlint.decode`` runs ``cfnlint/__init__.py``, which brings in every rule, sympy and networkx.
The decoder itself needs of all that one class, and only to say that a text does not parse. So its
modules are imported below packages that have nothing but a path; then every trace is taken out of
``sys.modules``, and who imports cfn-lint later gets it whole, with a decoder of its own.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

_PACKAGE = "cfnlint"
_RULES, _ERRORS = f"{_PACKAGE}.rules", f"{_PACKAGE}.rules.errors"


@dataclass(frozen=True, slots=True)
class Decoder:
    """The modules of cfn-lint's decoder."""

    cfn_json: Any
    cfn_yaml: Any
    node: Any


def decoder() -> Decoder:
    """The decoder of the cfn-lint that is there already, else one that brings nothing else with it."""
    if _PACKAGE in sys.modules:
        return _modules()
    try:
        with _alone():
            return _modules()
    except (ImportError, AttributeError):
        # Another version of cfn-lint, whose decoder needs more: then all of it.
        return _modules()


def _modules() -> Decoder:
    names = ("cfn_json", "cfn_yaml", "node")
    return Decoder(*(importlib.import_module(f"{_PACKAGE}.decode.{name}") for name in names))


@contextmanager
def _alone() -> Iterator[None]:
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise ImportError(f"there is no package {_PACKAGE}", name=_PACKAGE)
    package, rules, errors = ModuleType(_PACKAGE), ModuleType(_RULES), ModuleType(_ERRORS)
    package.__path__ = list(found.submodule_search_locations)
    sys.modules[_PACKAGE] = package
    try:
        setattr(rules, "Match", importlib.import_module(f"{_PACKAGE}.match").Match)  # noqa: B010
        setattr(errors, "ParseError", _parse_error)  # noqa: B010
        sys.modules |= {_RULES: rules, _ERRORS: errors}
        yield
    finally:
        for name in [one for one in sys.modules if one == _PACKAGE or one.startswith(f"{_PACKAGE}.")]:
            del sys.modules[name]


def _parse_error() -> Any:
    """What the decoder makes when a text does not parse: an instance of cfn-lint's own rule."""
    return importlib.import_module(_ERRORS).ParseError()

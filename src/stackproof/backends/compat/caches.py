"""``functools.lru_cache`` of handlers: the version in Python, whose entries can be captured.

The one in C keeps its entries where nobody can put them back. The other stands in the same file of the
standard library, for interpreters without it: a second copy of the module is loaded as for one of those.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

_NAME = "_lru_cache_wrapper"


@cache
def _wrapper() -> Callable[..., Any]:
    spec = importlib.util.find_spec("functools")
    assert spec is not None  # it is imported above
    assert spec.loader is not None  # from a file of the standard library
    module = importlib.util.module_from_spec(spec)
    hidden: Any = sys.modules.pop("_functools", None)
    refusing: dict[str, Any] = {"_functools": None}
    sys.modules.update(refusing)
    try:
        spec.loader.exec_module(module)
    finally:
        if hidden is None:
            del sys.modules["_functools"]
        else:
            sys.modules["_functools"] = hidden
    found: Callable[..., Any] = getattr(module, _NAME)
    return found


def enter() -> Callable[[], None]:
    """Caches that are made from now on are those in Python; call the answer to end it."""
    before = getattr(functools, _NAME)
    setattr(functools, _NAME, _wrapper())
    return lambda: setattr(functools, _NAME, before)

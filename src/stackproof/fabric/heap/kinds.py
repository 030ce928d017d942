"""What is known of types: which never change, which can be copied, which cannot be captured and why."""

from __future__ import annotations

import _thread
import abc
import collections
import contextvars
import datetime
import decimal
import functools
import io
import itertools
import operator
import re
import struct
import sys
import types
import warnings
import weakref
from collections.abc import Callable
from typing import Any

_Named = collections.namedtuple("_Named", "a")

ATOMIC: frozenset[type] = frozenset((
    type(None), bool, int, float, complex, str, bytes, range, type(Ellipsis), type(NotImplemented), object,
    types.CodeType, types.TracebackType, types.WrapperDescriptorType, types.MethodDescriptorType,
    types.MethodWrapperType, types.ClassMethodDescriptorType, types.GetSetDescriptorType,
    types.MemberDescriptorType, types.GenericAlias, types.UnionType,
    re.Pattern, re.Match, datetime.date, datetime.datetime, datetime.time, datetime.timedelta,
    datetime.timezone, decimal.Decimal, weakref.ref, weakref.KeyedRef, struct.Struct,
    operator.itemgetter, operator.attrgetter, operator.methodcaller, contextvars.ContextVar,
    contextvars.Token, type(_thread.allocate_lock()), _thread.RLock, type(functools.cmp_to_key(max)),
    type(vars(abc.ABC)["_abc_impl"]), type(vars(_Named)["a"]),
))  # fmt: skip
"""Their instances never change, or hold nothing that the world could show: a lock is free between two
invocations, a weak reference is the same as long as what it names lives."""

_RUST = "cryptography.hazmat.bindings._rust"
CONSTANT = (
    "_csv.Dialect", "_frozen_importlib", "_frozen_importlib_external", "_json", "_regex.Pattern",
    "_ssl._SSLContext", "annotated_types", "boto3.resources.action", "boto3.resources.collection",
    "boto3.resources.model", "boto3.resources.response", "boto3.session", "botocore", "cryptography.fernet",
    f"{_RUST}.openssl.ec", f"{_RUST}.openssl.ed25519", f"{_RUST}.openssl.rsa", f"{_RUST}.x509", "dataclasses",
    "enum", "importlib", "inspect", "ipaddress", "jmespath", "msgspec", "numbers", "pathlib", "pydantic",
    "pydantic_core", "rpds", "ssl.SSLContext", "stackproof", "string", "typing", "typing_extensions", "uuid",
    "zoneinfo",
)  # fmt: skip
"""Modules and classes whose instances are shared by all environments (clients of boto3) or do not change once
they are made."""

WRAPPERS = frozenset(("_wrappers", "wrapt", "wrapt._wrappers"))
"""Modules whose objects of C hold nothing that changes but what they are put around."""

STATEFUL = frozenset(("CooperativeLock", "_LogHandler"))
"""Classes of this package whose instances belong to an environment."""


def is_constant(kind: type) -> bool:
    """Whether instances of a class are left as they are."""
    module = getattr(kind, "__module__", None)
    if not isinstance(module, str):
        return False
    if module.partition(".")[0] == "stackproof":
        return kind.__name__ not in STATEFUL
    if issubclass(kind, io.IOBase):  # a body that botocore reads
        return False
    name = f"{module}.{kind.__qualname__}."
    return any(name.startswith(f"{one}.") for one in CONSTANT)


# Copied and replaced: objects of C whose state can be read by copying, but not written back.


def reduced(held: Any) -> tuple[Any, ...]:
    """What an iterator is made of (itertools warns that Python 3.14 will not tell any more)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        parts: tuple[Any, ...] = held.__reduce__()
    return parts


def _iterator(held: Any) -> Any:
    make, given, *state = reduced(held)
    made = make(*given)
    if state:
        made.__setstate__(state[0])
    return made


def _cycle(held: Any) -> Any:
    make, (inner,), (saved, first) = reduced(held)
    if type(inner) not in TWINS:
        raise TypeError(f"over a {type(inner).__name__}")
    made = make(twin(inner))
    made.__setstate__((list(saved), first))
    return made


TWINS: dict[type, Callable[[Any], Any]] = {
    itertools.count: _iterator,
    itertools.cycle: _cycle,
    type(iter([])): _iterator,
    type(iter(())): _iterator,
    type(iter(range(0))): _iterator,
    type(iter("")): _iterator,
}


def twin(held: Any) -> Any:
    """An independent copy; TypeError when there can be none."""
    return TWINS[type(held)](held)


# What the layout of a class is.

_DEFINED = (types.WrapperDescriptorType, types.MethodDescriptorType, types.GetSetDescriptorType)
_PLAIN = frozenset(("__dict__", "__weakref__"))


def is_native(kind: type) -> bool:
    """Whether a class is written in C: it defines something that only C can define."""
    for name, value in type.__dict__["__dict__"].__get__(kind).items():
        if isinstance(value, _DEFINED) and value.__objclass__ is kind and name not in _PLAIN:
            return True
        if name == "__new__" and isinstance(value, types.BuiltinFunctionType):
            return True
    return False


REASONS: tuple[tuple[type, str], ...] = (
    (types.GeneratorType, "an open generator"),
    (types.CoroutineType, "an open coroutine"),
    (types.AsyncGeneratorType, "an open generator"),
    (types.FrameType, "a frame of running code"),
    (_thread._local, "its values belong to threads"),
    (collections.abc.Iterator, "an iterator that cannot be set back"),
)


def is_wrapper(kind: type) -> bool:
    """Whether objects of the class stand for another one, as those of ``wrapt`` do.

    What module the C code of wrapt says it is of differs between versions (1.17: ``builtins``).
    """
    proxy = getattr(sys.modules.get("wrapt"), "ObjectProxy", None)
    return kind.__module__ in WRAPPERS or (isinstance(proxy, type) and issubclass(kind, proxy))


def reason(held: Any) -> str:
    """Why an object that is none of the known kinds cannot be captured."""
    for kind, why in REASONS:
        if isinstance(held, kind):
            return why
    return "an object of C code with hidden state"


def name_of(kind: type) -> str:
    """A class as a reader knows it."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"

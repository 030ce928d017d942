"""Capturing: everything that can be reached from some roots, each mutable object with its shallow content.

Objects of the environment alone are captured: its modules, and what its code made. Modules, functions and
classes that the process shares between environments are left alone, as are their module-level objects.
What cannot be captured raises ``Uncapturable``: there is no half of a capture.
"""

from __future__ import annotations

import array
import collections
import decimal
import functools
import io
import random
import sys
import threading
import types
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from stackproof.fabric.heap import kinds, puts
from stackproof.fabric.heap.plans import Contents, Plan, gathered, plan_of, referents
from stackproof.fabric.heap.puts import Cell


class Uncapturable(Exception):
    """``what`` names the object by the global that leads to it, ``why`` says what stands in the way."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}")
        self.what = what
        self.why = why


@dataclass(frozen=True, slots=True)
class Capture:
    """``restore`` as often as you like. ``mixed`` are the cells that hold an object that is replaced."""

    cells: tuple[Cell, ...]
    mixed: tuple[Cell, ...]
    twins: Mapping[int, tuple[Any, Any]]

    def restore(self) -> None:
        """Every captured object has the content again that it had."""
        for put, held, extra, content in self.cells:
            put(held, extra, content)
        if not self.twins:
            return
        fresh = {identity: kinds.twin(kept) for identity, (_, kept) in self.twins.items()}
        for put, held, extra, content in self.mixed:
            put(held, extra, _replaced(content, fresh))


_SPACE: Any = vars(types.ModuleType)["__dict__"]
"""Reads the globals of a module, whatever a subclass makes of that name."""


def _replaced(content: Any, fresh: Mapping[int, Any]) -> Any:
    if isinstance(content, tuple):
        return tuple(fresh.get(id(value), value) for value in content)
    return {key: fresh.get(id(value), value) for key, value in content.items()}


def captured(
    roots: Iterable[tuple[str, Any]], modules: Mapping[str, types.ModuleType], places: tuple[str, ...]
) -> Capture:
    """Capture what ``roots`` (each with a name for messages) reach. ``modules`` are the environment's own;
    what lies below ``places`` is its own code too. Raises ``Uncapturable``."""
    walk = _Walk(modules, places)
    for name, module in modules.items():
        for key, value in list(vars(module).items()):
            walk.push(value, f"{name}.{key}", True)
            walk.run()
    for name, module in modules.items():
        walk.space(vars(module), name)
    for origin, root in roots:
        walk.push(root, origin)
        walk.run()
    return walk.capture()


class _Walk:
    def __init__(self, modules: Mapping[str, types.ModuleType], places: tuple[str, ...]) -> None:
        self._modules = modules
        self._places = places
        self._cells: list[Cell] = []
        self._twins: dict[int, tuple[Any, Any]] = {}
        self._todo: list[tuple[Any, str]] = []
        self._plans: dict[type, Plan] = {}
        self._shared: dict[str, dict[int, Any]] = {}
        spaces = (sys.modules, sys.path, sys.meta_path, sys.path_hooks, sys.path_importer_cache)
        fixed: list[Any] = [*spaces, vars(sys.modules["builtins"])]
        self._seen: dict[int, Any] = {id(value): value for value in fixed}

    # Walking.

    def push(self, value: Any, origin: str, replaceable: bool = False) -> None:
        """Something to walk; ``replaceable``: what holds it is captured, and can hold another one."""
        kind = type(value)
        if kind in kinds.ATOMIC or id(value) in self._seen:
            return
        if kind in kinds.TWINS:
            self._twin(value, origin, replaceable)
            return
        self._seen[id(value)] = value
        self._todo.append((value, origin))

    def _push_all(self, values: Iterable[Any], origin: str, replaceable: bool = False) -> None:
        for value in values:
            if type(value) not in kinds.ATOMIC:
                self.push(value, origin, replaceable)

    def run(self) -> None:
        """Until everything is walked."""
        todo = self._todo
        while todo:
            value, origin = todo.pop()
            self._visit(value, origin)

    def capture(self) -> Capture:
        """What was found."""
        mixed: tuple[Cell, ...] = ()
        if self._twins:
            mixed = tuple(cell for cell in self._cells if self._holds_twin(cell.content))
        return Capture(tuple(self._cells), mixed, self._twins)

    def _holds_twin(self, content: Any) -> bool:
        values = content if isinstance(content, tuple) else content.values()
        return any(id(value) in self._twins for value in values)

    def _twin(self, value: Any, origin: str, replaceable: bool) -> None:
        if not replaceable:
            raise self._refused(value, origin, "an iterator held by what cannot change")
        if id(value) not in self._twins:
            try:
                self._twins[id(value)] = (value, kinds.twin(value))
            except TypeError as error:
                raise self._refused(value, origin, f"an iterator that cannot be set back, {error}") from error
            self._push_all(kinds.reduced(value)[1], origin, True)

    def add(self, cell: Cell) -> None:
        """Something that was captured."""
        self._cells.append(cell)

    def refuse(self, value: Any, origin: str) -> NoReturn:
        """Raise ``Uncapturable``."""
        raise self._refused(value, origin, kinds.reason(value))

    def _refused(self, value: Any, origin: str, why: str) -> Uncapturable:
        return Uncapturable(f"{origin} ({kinds.name_of(type(value))})", why)

    def _visit(self, value: Any, origin: str) -> None:
        kind = type(value)
        plan = self._plans.get(kind)
        if plan is None:
            plan = self._plans[kind] = plan_of(kind, _CONTENTS, own=kind.__module__ in self._modules)
            self.push(kind, origin)
        if plan.skip or (plan.foreign and self._is_shared(value, plan.foreign)):
            return
        if plan.refused:
            self.refuse(value, origin)
        if plan.content is not None:
            plan.content(self, value, origin)
        if plan.attributes is not None:
            held = plan.attributes.__get__(value)
            content = dict(held)
            extra = (kind, plan.attributes, held)
            self._cells.append(Cell(puts.put_instance, value, extra, content))
            self._push_all(content.values(), origin, True)
        if plan.slots:
            values = tuple(puts.slot_value(value, slot) for slot in plan.slots)
            self._cells.append(Cell(puts.put_slots, value, plan.slots, values))
            self._push_all(values, origin, True)

    # What the process shares.

    def _is_shared(self, value: Any, package: str) -> bool:
        """Whether an instance is a module-level object of the package that its class comes from."""
        if package == "builtins":
            return False
        shared = self._shared.get(package)
        if shared is None:
            shared = self._shared[package] = gathered(package)
        return id(value) in shared

    def _is_resolved(self, value: Any) -> bool:
        """Whether the process finds a function or class under its own name."""
        found: Any = sys.modules.get(getattr(value, "__module__", None) or "")
        for part in value.__qualname__.split("."):
            found = getattr(found, "__dict__", {}).get(part)
        return found is value

    def _of(self, space: Mapping[str, Any]) -> str:
        """Whose globals these are: ``own`` (of a module of the environment), ``shared``, or ``loose``: made
        by its code without being the globals of a known module."""
        name = space.get("__name__")
        if not isinstance(name, str):
            return "loose"
        for whose, modules in (("own", self._modules), ("shared", sys.modules)):
            module = modules.get(name)
            if module is not None and getattr(module, "__dict__", None) is space:
                return whose
        file = space.get("__file__")
        return "shared" if isinstance(file, str) and not file.startswith(self._places) else "loose"

    # Containers.

    def _dict(self, held: Any, origin: str) -> None:
        content = dict.copy(held)
        self._cells.append(Cell(puts.put_mapping, held, None, content))
        self._push_all(content, origin)
        self._push_all(content.values(), origin, True)
        if isinstance(held, collections.defaultdict):
            self.push(held.default_factory, origin)

    def _ordered(self, held: Any, origin: str) -> None:
        content = dict(list(OrderedDict.items(held)))
        self._cells.append(Cell(puts.put_ordered, held, None, content))
        self._push_all(content, origin)
        self._push_all(content.values(), origin, True)

    def _list(self, held: Any, origin: str) -> None:
        self._row(puts.put_list, held, tuple(list.__iter__(held)), origin)

    def _deque(self, held: Any, origin: str) -> None:
        self._row(puts.put_deque, held, tuple(deque.__iter__(held)), origin)

    def _row(self, put: puts.Put, held: Any, content: tuple[Any, ...], origin: str) -> None:
        self._cells.append(Cell(put, held, None, content))
        self._push_all(content, origin, True)

    def _set(self, held: Any, origin: str) -> None:
        content = tuple(set.__iter__(held))
        # Its order is the same now as after every restore.
        puts.put_set(held, None, content)
        self._cells.append(Cell(puts.put_set, held, None, content))
        self._push_all(content, origin)

    def _tuple(self, held: Any, origin: str) -> None:
        self._push_all(tuple.__iter__(held), origin)

    def _frozenset(self, held: Any, origin: str) -> None:
        self._push_all(frozenset.__iter__(held), origin)

    def _buffer(self, held: Any, origin: str) -> None:
        self._cells.append(Cell(puts.put_buffer, held, None, (held[:],)))

    # Objects of C with a state that can be read and written.

    def _random(self, held: Any, origin: str) -> None:
        if not isinstance(held, random.SystemRandom):
            self._cells.append(Cell(puts.put_state, held, "setstate", (held.getstate(),)))

    def _memory(self, held: Any, origin: str) -> None:
        if not held.closed:
            self._cells.append(Cell(puts.put_state, held, "__setstate__", (held.__getstate__(),)))

    def _stream(self, held: Any, origin: str) -> None:
        if not held.closed:
            raise self._refused(held, origin, "an open file")

    def _decimal(self, held: Any, origin: str) -> None:
        self._cells.append(Cell(puts.put_decimal, held, None, (held.copy(),)))

    # Code.

    def _module(self, held: types.ModuleType, origin: str) -> None:
        space = _SPACE.__get__(held)
        if self._of(space) == "loose":
            self.push(space, origin)

    def space(self, space: dict[str, Any], origin: str) -> None:
        """The globals of a module."""
        if id(space) not in self._seen:
            self._seen[id(space)] = space
            self._dict(space, origin)
            self.run()

    def _function(self, held: types.FunctionType, origin: str) -> None:
        space = held.__globals__
        whose = self._of(space)
        if whose == "shared" and held.__closure__ and self._is_resolved(held):
            return
        if whose == "loose":
            self.push(space, origin)
        content = (held.__defaults__, held.__kwdefaults__, held.__code__)
        self._cells.append(Cell(puts.put_function, held, None, content))
        self._push_all(content[:2], origin)
        self._push_all(held.__closure__ or (), origin)

    def _method(self, held: types.MethodType, origin: str) -> None:
        self._push_all((held.__self__, held.__func__), origin)

    def _builtin(self, held: types.BuiltinFunctionType, origin: str) -> None:
        self.push(held.__self__, origin)

    def _cell(self, held: types.CellType, origin: str) -> None:
        content = puts.cell_value(held)
        self._cells.append(Cell(puts.put_cell, held, None, (content,)))
        self.push(content, origin, True)

    def _class(self, held: type, origin: str) -> None:
        if held.__module__ not in self._modules:
            return
        content = puts.namespace(held)
        self._cells.append(Cell(puts.put_class, held, None, content))
        self._push_all(content.values(), origin, True)
        self._push_all(held.__mro__[1:], origin)
        self.push(type(held), origin)

    def _partial(self, held: Any, origin: str) -> None:
        self._push_all((held.func, held.args, held.keywords), origin)

    def _property(self, held: Any, origin: str) -> None:
        self._push_all((held.fget, held.fset, held.fdel), origin)

    def _wrapped(self, held: Any, origin: str) -> None:
        self.push(held.__func__, origin)

    def _error(self, held: BaseException, origin: str) -> None:
        self._push_all((held.args, held.__cause__, held.__context__), origin)

    def _cached(self, held: Any, origin: str) -> None:
        """A cache of C: what the environment's code makes is written in Python (``compat.caches``)."""
        inner = held.__wrapped__
        if isinstance(inner, types.FunctionType) and self._of(inner.__globals__) != "shared":
            raise self._refused(held, origin, kinds.reason(held))

    # What is open.

    def _generator(self, held: Any, origin: str) -> None:
        if held.gi_frame is not None:
            raise self._refused(held, origin, kinds.reason(held))

    def _coroutine(self, held: Any, origin: str) -> None:
        if held.cr_frame is not None:
            raise self._refused(held, origin, kinds.reason(held))

    def _thread(self, held: threading.Thread, origin: str) -> None:
        task = vars(held).get("_stackproof_task")
        if held.is_alive() if task is None else not task.done:
            raise self._refused(held, origin, "a thread that goes on")


def _nothing(walk: _Walk, held: Any, origin: str) -> None:
    """All that it holds are attributes."""


_CONTENTS: Contents = (
    (OrderedDict, _Walk._ordered), (dict, _Walk._dict), (list, _Walk._list), (set, _Walk._set),
    (tuple, _Walk._tuple), (frozenset, _Walk._frozenset), (deque, _Walk._deque),
    (bytearray, _Walk._buffer), (array.array, _Walk._buffer), (random.Random, _Walk._random),
    (io.BytesIO, _Walk._memory), (io.StringIO, _Walk._memory), (io.IOBase, _Walk._stream),
    (decimal.Context, _Walk._decimal),
    (functools.partial, _Walk._partial),
    (BaseException, _Walk._error), (property, _Walk._property), (staticmethod, _Walk._wrapped),
    (classmethod, _Walk._wrapped), (types.MappingProxyType, referents),
    (types.SimpleNamespace, _nothing), (slice, referents), (super, referents),
    (types.ModuleType, _Walk._module), (types.FunctionType, _Walk._function),
    (types.MethodType, _Walk._method), (types.BuiltinFunctionType, _Walk._builtin),
    (types.CellType, _Walk._cell), (type, _Walk._class), (types.GeneratorType, _Walk._generator),
    (types.CoroutineType, _Walk._coroutine), (threading.Thread, _Walk._thread),
    (type(functools.cache(max)), _Walk._cached),
    (type({}.keys()), referents), (type({}.values()), referents),
    (type({}.items()), referents),
)  # fmt: skip
"""The first that a class comes from says how to take what its instances hold beside attributes."""

"""Puts the view of an execution environment in place while its task holds the baton.

Exactly one task runs at a time, so the process itself can change: the modules that belong to the
environment, ``sys.path``, ``os.environ``, the working directory, ``sys.stdout``, the tree of loggers.
What the process loaded from its own source folders (the tests) is out of sight, as nothing of it would
be packaged; ``site-packages`` stays visible.
"""

from __future__ import annotations

import importlib.machinery
import logging
import os
import sys
import sysconfig
from collections.abc import Callable
from functools import cache, partial
from itertools import takewhile
from types import CodeType, ModuleType
from typing import Any

from stackproof.backends.compat import caches, clocks, debugger, files, tmp
from stackproof.fabric.functions.view import View
from stackproof.fabric.tasks import Task

_chdir, _getcwd = os.chdir, os.getcwd
"""The system's own: what stands for them later translates paths of environments."""

_SWAPPED: tuple[tuple[str, str, Callable[[], Any]], ...] = (
    ("aws_lambda_powertools.logging.logger", "is_cold_start", lambda: True),
    ("aws_lambda_powertools.metrics.provider.cold_start", "is_cold_start", lambda: True),
    ("aws_lambda_powertools.tracing.tracer", "is_cold_start", lambda: True),
    ("tempfile", "tempdir", lambda: tmp.TMP),
    ("tempfile", "_name_sequence", lambda: None),
)
"""Module, attribute and first value of what shared packages keep for each execution environment."""

_POWERTOOLS = "aws_lambda_powertools"
_EMPTIED = (
    ("aws_lambda_powertools.utilities.parameters.constants", "DEFAULT_PROVIDERS"),
    ("aws_lambda_powertools.metrics.metrics", "Metrics._metrics"),
    ("aws_lambda_powertools.metrics.metrics", "Metrics._dimensions"),
    ("aws_lambda_powertools.metrics.metrics", "Metrics._metadata"),
    ("aws_lambda_powertools.metrics.metrics", "Metrics._default_dimensions"),
)
"""Mappings of shared packages whose content is kept for each execution environment."""


def enter(task: Task) -> None:
    """The scheduler gives a task the baton. What fails on the way is undone wholly."""
    clocks.enter(task)
    debugger.enter()
    view = task.facts.get("view")
    if view is None:
        return
    try:
        _put_in(view)
    except BaseException:
        leave(task)
        raise


def leave(task: Task) -> None:
    """The scheduler has the baton back."""
    try:
        view = task.facts.get("view")
        if view is not None:
            _take_out(view.hooks.get("undo", []))
    finally:
        debugger.leave()
        clocks.leave(task)


def _put_in(view: View) -> None:
    hooks = view.hooks
    view.touch()
    if not hooks:
        _prepare(view)
    undo: list[Callable[[], None]] = []
    hooks["undo"] = undo
    shown = _show_modules(view)
    undo.append(partial(_hide_modules, view, shown))
    variables: Any = os.environ
    streams = (sys.path, sys.stdout, sys.stderr, logging.root, logging.Logger.manager)
    undo.append(partial(_put_back, streams, variables._data, _getcwd()))
    sys.path = hooks["path"]
    sys.stdout = sys.stderr = view.output
    logging.root, logging.Logger.manager = hooks["logging"]
    variables._data = hooks["variables"]
    _chdir(view.cwd)
    _swap_globals(hooks)
    undo.append(partial(_swap_globals, hooks))
    _show_road(hooks)
    undo.append(partial(_hide_road, hooks))
    tmp.enter(view)
    undo.append(partial(tmp.leave, view))
    undo.append(caches.enter())


def _take_out(undo: list[Callable[[], None]]) -> None:
    while undo:
        undo.pop()()


def _put_back(streams: tuple[Any, ...], environ: Any, folder: str) -> None:
    variables: Any = os.environ
    variables._data = environ
    sys.path, sys.stdout, sys.stderr, logging.root, logging.Logger.manager = streams
    _chdir(folder)


# Preparing.


def _prepare(view: View) -> None:
    _install_finder()
    tmp.install()
    files.install()
    _ROOTS.update(dict.fromkeys(view.roots))
    root = logging.RootLogger(logging.WARNING)
    manager = logging.Manager(root)
    view.hooks.update(
        path=[*view.roots, *_libraries()],
        logging=(root, manager),
        variables={os.fsencode(name): os.fsencode(value) for name, value in view.environ.items()},
        globals=[make() for _, _, make in _SWAPPED],
        contents=[{} for _ in _EMPTIED],
        hidden=((), 0),
    )


@cache
def _prefixes() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    kept = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    kept.update(entry for entry in sys.path if entry.endswith(("site-packages", "dist-packages")))
    return tuple(sorted(kept))


@cache
def _libraries() -> tuple[str, ...]:
    """What stays of ``sys.path``: the standard library and installed packages, no source folder."""
    return tuple(entry for entry in sys.path if entry.startswith(_prefixes()) or entry.endswith(".zip"))


# Modules.


_LAST = ModuleType("_stackproof_last", "Stands behind the modules that were there when a view was put in.")


def _show_modules(view: View) -> dict[str, ModuleType]:
    """Swap the environment's modules in; what they displaced."""
    modules = sys.modules
    displaced: dict[str, ModuleType] = {}
    hidden, known = view.hooks["hidden"]
    if known != len(modules):
        hidden = [name for name, module in modules.items() if _is_hidden(name, module, view)]
        view.hooks["hidden"] = (hidden, len(modules))
    for name in hidden:
        module = modules.pop(name, None)
        if module is not None:
            displaced[name] = module
    modules.update(view.modules)
    modules[_LAST.__name__] = _LAST
    return displaced


def _is_hidden(name: str, module: Any, view: View) -> bool:
    top = name.partition(".")[0]
    if top in ("stackproof", "__main__") or top in sys.stdlib_module_names:
        return False
    if top in view.names:
        return True
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and not file.startswith(_prefixes()) and top not in _TOOLS


_TOOLS = frozenset(("sitecustomize", "usercustomize", "_distutils_hack"))


def _hide_modules(view: View, displaced: dict[str, ModuleType]) -> None:
    modules, last = sys.modules, _LAST.__name__
    own = view.modules
    if next(reversed(modules)) != last:
        for name in list(takewhile(lambda name: name != last, reversed(modules))):
            if _belongs(modules[name], view.roots):
                own[name] = modules[name]
    modules.pop(last, None)
    for name in own:
        modules.pop(name, None)
    modules.update(displaced)


def _belongs(module: Any, roots: tuple[str, ...]) -> bool:
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        return file.startswith(roots)
    paths = getattr(module, "__path__", ())
    return any(str(path).startswith(roots) for path in paths)


def _swap_globals(hooks: dict[str, Any]) -> None:
    """What a few shared packages keep for each environment; calling twice puts everything back."""
    modules = sys.modules
    values = hooks["globals"]
    for index, (name, attribute, _) in enumerate(_SWAPPED):
        module = modules.get(name)
        if module is not None:
            mine = values[index]
            values[index] = getattr(module, attribute)
            setattr(module, attribute, mine)
    if _POWERTOOLS not in modules:
        return
    for content, (name, attribute) in zip(hooks["contents"], _EMPTIED, strict=True):
        module = modules.get(name)
        if module is not None:
            held: Any = module
            for part in attribute.split("."):
                held = getattr(held, part, None)
            if held or content:
                kept = dict(held)
                held.clear()
                held.update(content)
                content.clear()
                content.update(kept)


_CALL = "_make_api_call"


def _show_road(hooks: dict[str, Any]) -> None:
    """What an environment put around every API call (as the X-Ray SDK does) is around its own only."""
    module: Any = sys.modules.get("botocore.client")
    hooks["outer"] = vars(module.BaseClient)[_CALL] if module is not None else None
    if "road" in hooks and module is not None:
        setattr(module.BaseClient, _CALL, hooks["road"])


def _hide_road(hooks: dict[str, Any]) -> None:
    module: Any = sys.modules.get("botocore.client")
    outer = hooks["outer"]
    if outer is None or vars(module.BaseClient)[_CALL] is outer:
        return
    hooks["road"] = vars(module.BaseClient)[_CALL]
    setattr(module.BaseClient, _CALL, outer)
    patcher = sys.modules.get("aws_xray_sdk.core.patcher")
    if patcher is not None:  # the next environment puts its own around
        getattr(patcher, "_PATCHED_MODULES").discard("botocore")  # noqa: B009 - private
        vars(module).pop("_xray_enabled", None)


# Loading: source is compiled once for each state of a file, and nothing is written beside it.

_ROOTS: dict[str, None] = {}
_CODE: dict[str, tuple[int, int, CodeType]] = {}


class _Loader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        stat = os.stat(path)
        known = _CODE.get(path)
        if known is not None and known[:2] == (stat.st_mtime_ns, stat.st_size):
            return known[2]
        code: CodeType = self.source_to_code(self.get_data(path), path)
        _CODE[path] = (stat.st_mtime_ns, stat.st_size, code)
        return code


def _finder(path: str) -> Any:
    if not path.startswith(tuple(_ROOTS)):
        raise ImportError
    machinery = importlib.machinery
    return machinery.FileFinder(
        path,
        (machinery.ExtensionFileLoader, machinery.EXTENSION_SUFFIXES),
        (_Loader, machinery.SOURCE_SUFFIXES),
        (machinery.SourcelessFileLoader, machinery.BYTECODE_SUFFIXES),
    )


def _install_finder() -> None:
    if _finder not in sys.path_hooks:
        sys.path_hooks.insert(0, _finder)

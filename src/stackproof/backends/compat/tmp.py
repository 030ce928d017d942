"""``/tmp`` of an execution environment: a folder of its own stands for it while its task holds the baton.

Paths are translated where Python code hands them to the system: ``open``, the functions of ``os`` (and with
them ``os.path``, ``pathlib``, ``tempfile``, ``shutil``, ``glob``, ``zipfile``), ``tarfile``, ``bz2`` and
``sqlite3``. Libraries that open files in C, and child processes, see the machine's own ``/tmp``.
"""

from __future__ import annotations

import builtins
import bz2
import io
import os
import sys
import tarfile
import tempfile
from collections.abc import Callable
from typing import Any

from stackproof.backends.compat import devices
from stackproof.fabric.functions.code import cache_folder
from stackproof.fabric.functions.view import View
from stackproof.fabric.tasks import Task, current

TMP = "/tmp"
_ONE = (
    "access", "chdir", "chmod", "chown", "getxattr", "lchown", "listdir", "listxattr", "lstat", "mkdir",
    "mkfifo", "open", "readlink", "remove", "removexattr", "rmdir", "scandir", "setxattr", "stat", "statvfs",
    "truncate", "unlink", "utime",
)  # fmt: skip
_TWO = ("link", "rename", "replace", "symlink")
_ALIASES = (("s3transfer.compat", "rename_file", "rename"), ("s3transfer.utils", "rename_file", "rename"))
"""Names under which libraries keep a function of ``os`` from the time of their import."""
_SETS = ("supports_dir_fd", "supports_effective_ids", "supports_fd", "supports_follow_symlinks")
_real_getcwd = os.getcwd
_real_temporary: list[str] = []
_view: list[View] = []
_outside: list[Task | None] = []


def enter(view: View) -> None:
    """The environment's ``/tmp`` counts from now on."""
    _view.append(view)


def leave(view: View) -> None:
    """It does not any more; the environment keeps its working directory."""
    _view.remove(view)
    try:
        view.cwd = _real_getcwd()
    except FileNotFoundError:
        view.cwd = view.roots[0]


def within() -> bool:
    """Whether some environment's ``/tmp`` counts now."""
    return bool(_view)


class outside:  # noqa: N801 - a context manager on the road of every API call
    """What the running task does here is the fabric's work, on the machine's own files."""

    __slots__ = ("_task",)

    def __enter__(self) -> None:
        self._task = current()
        _outside.append(self._task)

    def __exit__(self, *exc: object) -> None:
        _outside.remove(self._task)


def translated(path: Any) -> Any:
    """Where a path of a handler is on this machine."""
    if not _view or path is None or type(path) is int:
        return path
    try:
        given = os.fspath(path)
    except TypeError:
        return path
    text = os.fsdecode(given)
    if not text.startswith(TMP) or text[4:5] not in ("", "/") or (_outside and current() in _outside):
        return path
    if "/.." in text:
        text = os.path.normpath(text)
    view = _view[-1]
    if _is_kept(view, text):
        return path
    moved = view.private + text[len(TMP) :]
    return os.fsencode(moved) if isinstance(given, bytes) else moved


def _is_kept(view: View, text: str) -> bool:
    """Code, libraries and caches that happen to lie below the machine's ``/tmp`` stay where they are."""
    kept = view.hooks.get("kept")
    if kept is None:
        _view.remove(view)
        try:
            private = view.temporary(_real_temporary[0])
            places = (private, *view.roots, *sys.path, sys.prefix, str(cache_folder()))
        finally:
            _view.append(view)
        kept = tuple(f"{place}/" for place in places if place.startswith(f"{TMP}/") and place != f"{TMP}/")
        view.hooks["kept"] = kept
    return f"{text}/".startswith(kept)


class _Translating:
    """Stands for a C function: kept as a class attribute it must not become a method."""

    def __init__(self, real: Callable[..., Any], paths: int) -> None:
        self.real = real
        self._paths = paths
        self.__name__ = getattr(real, "__name__", "")
        self.__doc__ = real.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not _view:
            return self.real(*args, **kwargs)
        if self.__name__ == "open" and args and devices.is_random(args[0]):
            return devices.opened(self.real, args, kwargs)
        paths = self._paths
        moved = (*map(translated, args[:paths]), *args[paths:])
        for name in ("path", "file", "src", "dst", "database"):
            if name in kwargs:
                kwargs[name] = translated(kwargs[name])
        try:
            return self.real(*moved, **kwargs)
        except OSError as error:
            raise _as_seen(error) from None


def _as_seen(error: OSError) -> OSError:
    """An error with the path that the handler knows."""
    for name in ("filename", "filename2"):
        text = getattr(error, name)
        if isinstance(text, str) and _view and _view[-1].private:
            setattr(error, name, text.replace(_view[-1].private, TMP, 1))
    return error


def _getcwd() -> str:
    here = _real_getcwd()
    if _view and _view[-1].private and f"{here}/".startswith(f"{_view[-1].private}/"):
        return TMP + here[len(_view[-1].private) :]
    return here


def install() -> None:
    """Put the translations in place (idempotent). Call it outside of tasks."""
    if _real_temporary:
        return
    import sqlite3

    _real_temporary.append(tempfile.gettempdir())
    for names, paths in ((_ONE, 1), (_TWO, 2)):
        for name in names:
            real = getattr(os, name, None)
            if real is not None:
                _replace(os, name, _Translating(real, paths))
    holders = (
        (builtins, "open"), (io, "open"), (tarfile, "bltn_open"), (bz2, "_builtin_open"),
        (sqlite3, "connect"),
    )  # fmt: skip
    for holder, name in holders:
        _replace(holder, name, _Translating(getattr(holder, name), 1))
    for where, name, function in _ALIASES:
        module = sys.modules.get(where)
        if module is not None:
            setattr(module, name, getattr(os, function))
    setattr(os, "getcwd", _getcwd)  # noqa: B010 - assigning to a function of a module


def _replace(module: Any, name: str, shim: _Translating) -> None:
    setattr(module, name, shim)
    if module is not os:
        return
    for known in (getattr(os, which) for which in _SETS):
        if shim.real in known:
            known.add(shim)
    closer: Any = getattr(tempfile, "_TemporaryFileCloser")  # noqa: B009 - private
    for method in vars(closer).values():
        defaults = getattr(method, "__defaults__", None)
        if defaults and shim.real in defaults:
            method.__defaults__ = tuple(shim if value is shim.real else value for value in defaults)

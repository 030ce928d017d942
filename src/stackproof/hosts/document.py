"""YAML that knows where each of its values stands: every complaint names file, line and column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from stackproof.errors import ConfigError
from stackproof.hosts.nodes import plain, tree
from stackproof.model import Location

_KINDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


class Settings:
    """A mapping of a YAML file. Values are taken by key and type; what nobody took is an error.

    ``path`` is how the mapping is called in messages (``hosts.web.settings``).
    """

    def __init__(self, file: str, node: Any, path: str = "") -> None:
        self.file = file
        self.path = path
        self._node = node
        self._taken: set[str] = set()
        self._items: dict[str, tuple[Any, Any]] = {}
        if not _is(node, "mapping"):
            raise self._wrong(node, "is not a mapping")
        for key, value in node.value:
            name = str(key.value)
            if name in self._items:
                raise self._error(key, f"key '{name}' stands twice")
            self._items[name] = (key, value)

    @property
    def location(self) -> Location:
        """Where the mapping starts."""
        return self._place(self._node)

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __contains__(self, key: str) -> bool:
        return key in self._items

    def place(self, key: str) -> Location:
        """Where a value stands; where the mapping starts when the key is absent."""
        return self._place(self._items[key][1]) if key in self._items else self.location

    def places(self, key: str) -> tuple[Location, ...]:
        """Where each item of a list stands; none when the key is absent."""
        return tuple(self._place(one) for one in self._items[key][1].value) if key in self._items else ()

    def text(self, key: str, default: str | None = None) -> str:
        """A text. ``None`` as default makes the key required."""
        return str(self._value(key, str, default))

    def choice(self, key: str, among: Sequence[str], default: str | None = None) -> str:
        """One of several texts."""
        value = self.text(key, default)
        if value not in among and key in self._items:
            raise self._error(self._items[key][1], f"'{key}' is '{value}'", _among(value, among))
        return value

    def integer(self, key: str, default: int | None = None, *, least: int = 0) -> int:
        """A whole number, ``least`` or more."""
        value = int(self._value(key, int, default))
        if value < least and key in self._items:
            raise self._error(self._items[key][1], f"'{key}' is {value}, expected {least} or more")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A number."""
        return float(self._value(key, float, default))

    def flag(self, key: str, default: bool | None = None) -> bool:
        """True or false."""
        return bool(self._value(key, bool, default))

    def texts(self, key: str, among: Sequence[str] = ()) -> tuple[str, ...]:
        """A list of texts; none when the key is absent."""
        self._taken.add(key)
        if key not in self._items:
            return ()
        node = self._items[key][1]
        if not _is(node, "sequence"):
            raise self._wrong(node, "is not a list")
        found = []
        for item in node.value:
            value = plain(item)
            if not isinstance(value, str):
                raise self._error(item, f"an item of '{key}' is not text")
            if among and value not in among:
                raise self._error(item, f"'{value}' in '{key}' is not known", _among(value, among))
            if value in found:
                raise self._error(item, f"'{value}' stands twice in '{key}'")
            found.append(value)
        return tuple(found)

    def inside(self, key: str) -> Settings | None:
        """A mapping inside; None when the key is absent."""
        self._taken.add(key)
        if key not in self._items:
            return None
        return Settings(self.file, self._items[key][1], f"{self.path}.{key}" if self.path else key)

    def each(self) -> Iterator[tuple[str, Settings]]:
        """All values as mappings, by key."""
        for key in self._items:
            found = self.inside(key)
            if found is not None:
                yield key, found

    def listed(self, key: str) -> Iterator[Settings]:
        """The mappings of a list."""
        self._taken.add(key)
        if key not in self._items:
            return
        node = self._items[key][1]
        if not _is(node, "sequence"):
            raise self._wrong(node, "is not a list")
        for position, item in enumerate(node.value):
            yield Settings(self.file, item, f"{self.path}.{key}[{position}]".lstrip("."))

    def plain(self, key: str) -> Any:
        """Whatever stands there, as plain Python values; None when the key is absent."""
        self._taken.add(key)
        return plain(self._items[key][1]) if key in self._items else None

    def done(self) -> None:
        """Refuse what nobody took."""
        for name, (key, _) in self._items.items():
            if name not in self._taken:
                raise self._error(key, f"unknown key '{name}'", _among(name, sorted(self._taken)))

    def refuse(self, key: str, message: str, hint: str = "") -> ConfigError:
        """The error for a value that is of the right type and still wrong."""
        where = self._items[key][1] if key in self._items else self._node
        return self._error(where, message, hint)

    def _value(self, key: str, kind: type, default: Any) -> Any:
        self._taken.add(key)
        if key not in self._items:
            if default is None:
                raise self._error(self._node, f"'{key}' is missing")
            return default
        node = self._items[key][1]
        value = plain(node)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self._error(node, f"'{key}' is not {_KINDS[kind]}")
        return value

    def _place(self, node: Any) -> Location:
        return Location(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _wrong(self, node: Any, what: str) -> ConfigError:
        return self._error(node, f"'{self.path}' {what}" if self.path else f"the document {what}")

    def _error(self, node: Any, message: str, hint: str = "") -> ConfigError:
        at = self._place(node)
        where = f" in '{self.path}'" if self.path and f"'{self.path}'" not in message else ""
        return ConfigError(message + where, file=at.file, line=at.line, column=at.column, hint=hint)


def read(path: Path, file: str = "") -> Settings:
    """The document of a YAML file. ``file`` is its name in messages. Raises ``ConfigError``."""
    name = file or str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=name) from error
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        raise ConfigError("is not UTF-8 text", file=name, line=line, column=column) from error
    return parse(text, name)


def parse(text: str, file: str) -> Settings:
    """The document of a YAML text. Raises ``ConfigError``."""
    node = tree(text, file)
    if node is None:
        raise ConfigError("is empty", file=file, line=1, column=1)
    return Settings(file, node)


def _is(node: Any, kind: str) -> bool:
    return getattr(node, "id", "") == kind


def _among(value: str, known: Sequence[str]) -> str:
    if not known:
        return "there is none to choose from"
    close = get_close_matches(value, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"use one of {', '.join(known)}"

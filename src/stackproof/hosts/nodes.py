"""YAML as a tree of nodes that has been looked at: what is in it has plain values, no tags, no circles."""

from __future__ import annotations

from typing import Any, NoReturn

from stackproof.errors import ConfigError

_DEEPEST = 64
_MOST = 100_000
_PREFIX = "tag:yaml.org,2002:"
_PLAIN = frozenset(
    _PREFIX + kind for kind in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq")
)
_MERGE = _PREFIX + "merge"


def tree(text: str, file: str) -> Any:
    """The root node of a document, None for an empty one. Raises ``ConfigError`` with line and column."""
    import yaml

    try:
        _shallow(text, file)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        message = f"is not valid YAML: {error.problem or error.context}"
        _refuse(error.problem_mark or error.context_mark, message, file)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = f"is not valid YAML: {error.reason}"
        raise ConfigError(message, file=file, line=line, column=column) from error
    if node is not None:
        _Look(file).at(node)
    return node


def plain(node: Any) -> Any:
    """The Python values of a node of a ``tree``."""
    import yaml

    return yaml.SafeLoader("").construct_object(node, deep=True)


def _shallow(text: str, file: str) -> None:
    """Refuse what is nested deeper than the composer, which recurs, can follow."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            _refuse(event.start_mark, f"is nested deeper than {_DEEPEST} levels", file)


def _refuse(mark: Any, message: str, file: str, hint: str = "") -> NoReturn:
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    raise ConfigError(message, file=file, line=line, column=column, hint=hint)


class _Look:
    """Looks at each node once, however many aliases stand for it."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._sizes: dict[int, int] = {}
        self._inside: set[int] = set()

    def at(self, node: Any) -> int:
        """How many values the node is, its aliases written out."""
        own = id(node)
        if own in self._inside:
            self._wrong(node, "an alias stands inside of what it stands for")
        if own in self._sizes:
            return self._sizes[own]
        if node.tag not in _PLAIN:
            said = node.tag.replace(_PREFIX, "!!")
            self._wrong(node, f"the tag {said} has no meaning here", "write the value without a tag")
        self._inside.add(own)
        size = 1 + self._members(node)
        self._inside.remove(own)
        if size > _MOST:
            self._wrong(node, f"its aliases, written out, are more than {_MOST:,} values")
        self._sizes[own] = size
        return size

    def _members(self, node: Any) -> int:
        if node.id == "sequence":
            self._kind(node, "seq")
            return sum(self.at(one) for one in node.value)
        if node.id == "mapping":
            self._kind(node, "map")
            return self._mapping(node)
        try:
            plain(node)
        except Exception as error:  # noqa: BLE001  # PyYAML takes on trust what its patterns let through
            kind = node.tag.removeprefix(_PREFIX)
            self._wrong(node, f"'{node.value}' is no {kind}: {error}", "put it in quotes if it is a text")
        return 0

    def _kind(self, node: Any, kind: str) -> None:
        if node.tag != _PREFIX + kind:
            self._wrong(node, f"the tag !!{node.tag.removeprefix(_PREFIX)} does not fit what it stands at")

    def _mapping(self, node: Any) -> int:
        size, keys = 0, set()
        for key, value in node.value:
            if key.id != "scalar":
                self._wrong(key, "a key is no single value")
            if key.tag == _MERGE:
                merged = value.value if value.id == "sequence" else [value]
                if any(one.id != "mapping" for one in merged):
                    self._wrong(value, "what '<<' merges is no mapping")
            else:
                self.at(key)
                said = plain(key)
                if said in keys:
                    self._wrong(key, f"key '{key.value}' stands twice")
                keys.add(said)
            size += self.at(value)
        return size

    def _wrong(self, node: Any, message: str, hint: str = "") -> NoReturn:
        _refuse(node.start_mark, message, self._file, hint)

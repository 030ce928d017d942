"""``AWS::Include`` from local files, and the naming of macros that nobody can run here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stackproof.model import DocPath, Finding, Location, Outcome
from stackproof.template.discover import display_name
from stackproof.template.load import decode_text
from stackproof.template.load_rules import finding
from stackproof.template.marks import Marks, plain
from stackproof.template.model import Document
from stackproof.template.paths import IncludeMap, Snippet
from stackproof.template.places import real
from stackproof.template.values import NotKnown, Values, references

INCLUDE = "AWS::Include"
TRANSFORM = "Fn::Transform"
_MAX_NESTING = 5
_MAX_SNIPPET = 5_242_880


@dataclass(slots=True)
class IncludeResult:
    """The tree as plain JSON with the snippets in place. ``reads`` are the local files it hangs on."""

    tree: dict[str, Any]
    paths: IncludeMap
    findings: list[Finding] = field(default_factory=list)
    reads: list[Path] = field(default_factory=list)
    partial: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """``new`` is the path in the result, ``old`` in the file ``marks`` stands for, ``at`` in the document."""

    marks: Marks
    folder: Path
    new: DocPath = ()
    old: DocPath = ()
    at: DocPath | None = None
    files: tuple[Path, ...] = ()

    def down(self, step: str | int) -> _Place:
        return replace(self, new=(*self.new, step), old=(*self.old, step))


def has_includes(node: Any) -> bool:
    """Whether ``Fn::Transform`` stands anywhere below ``node``."""
    if isinstance(node, dict):
        return TRANSFORM in node or any(map(has_includes, node.values()))
    return isinstance(node, list) and any(map(has_includes, node))


def references_in_calls(node: Any) -> Iterator[str]:
    """The names that the arguments of ``Fn::Transform`` and the ``Transform`` section mention."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from references(value) if key in (TRANSFORM, "Transform") else references_in_calls(value)
    elif isinstance(node, list):
        for item in node:
            yield from references_in_calls(item)


def local_file(location: str, folder: Path, root: Path, urls: Mapping[str, str]) -> Path | None:
    """The local file behind a location: mapped by ``urls`` (exact, or by the longest beginning), or relative.

    Paths of the mapping stand below ``root``, others below ``folder``. None for what is not local.
    """
    prefix = _mapping(location, urls)
    if prefix is not None:
        rest = location[len(prefix) :].lstrip("/")
        return root / urls[prefix] / rest if rest else root / urls[prefix]
    if "://" in location:
        return Path(location.removeprefix("file://")) if location.startswith("file://") else None
    return folder / location


def _mapping(location: str, urls: Mapping[str, str]) -> str | None:
    """The longest beginning of a location that ``urls`` maps."""
    for prefix in sorted(urls, key=len, reverse=True):
        whole = location == prefix or prefix.endswith("/") or location[len(prefix) :].startswith("/")
        if location.startswith(prefix) and whole:
            return prefix
    return None


def outside(path: Path, template: Path, root: Path) -> bool:
    """Whether a file that a template names lies neither in the project nor beside a template outside of it.

    What a template may read must not be for the template to say: a report shows lines of what was read.
    """
    template, path = real(template), real(path)
    home = root.resolve() if template.is_relative_to(root.resolve()) else template.parent
    return not (path.is_relative_to(home) or path.is_relative_to(root.resolve()))


def expand_includes(
    document: Document, values: Values, *, root: Path, urls: Mapping[str, str]
) -> IncludeResult:
    """Put every local snippet in its place. What is not local, or another macro, is undecided."""
    result = IncludeResult({}, IncludeMap(document))
    walker = _Walker(values, root, urls, result)
    place = _Place(Marks(document.file, document.tree), document.path.parent, files=(document.path,))
    result.tree = walker.node(document.tree, place)
    walker.top_level(document, place)
    return result


@dataclass(slots=True)
class _Walker:
    values: Values
    root: Path
    urls: Mapping[str, str]
    result: IncludeResult

    def node(self, node: Any, place: _Place) -> Any:
        if isinstance(node, dict):
            return self._mapping(node, place)
        if isinstance(node, list):
            return [self.node(item, place.down(index)) for index, item in enumerate(node)]
        return plain(node)

    def top_level(self, document: Document, place: _Place) -> None:
        """``Transform: {Name: AWS::Include, Parameters: {Location: …}}`` merges into the whole template."""
        declared = document.tree.get("Transform")
        entries = declared if isinstance(declared, list) else [declared]
        for index, entry in enumerate(entries):
            if isinstance(entry, dict) and entry.get("Name") == INCLUDE:
                path: DocPath = ("Transform", index) if isinstance(declared, list) else ("Transform",)
                snippet = self._include(entry, replace(place, old=path))
                if isinstance(snippet, dict):
                    for section, content in snippet.items():
                        known = self.result.tree.get(section)
                        if isinstance(known, dict) and isinstance(content, dict):
                            self.result.tree[section] = {**content, **known}
                        else:
                            self.result.tree.setdefault(section, content)

    def _mapping(self, node: dict[str, Any], place: _Place) -> Any:
        call = node.get(TRANSFORM)
        if call is None:
            return {str(key): self.node(value, place.down(str(key))) for key, value in node.items()}
        own = [str(key) for key in node if key != TRANSFORM]
        content = self._transform(call, place, own)
        if not own and not (isinstance(content, dict) and len(place.new) == 1):
            return content
        result: dict[str, Any] = {}
        for key, value in node.items():
            if key != TRANSFORM:
                result[str(key)] = self.node(value, place.down(str(key)))
            elif isinstance(content, dict) and TRANSFORM not in content:
                result.update({name: item for name, item in content.items() if name not in own})
            elif len(place.new) > 1:
                result[TRANSFORM] = plain(call)
        return result

    def _transform(self, call: Any, place: _Place, own: list[str]) -> Any:
        here = place.down(TRANSFORM)
        calls = call if isinstance(call, list) else [call]
        merged: dict[str, Any] = {}
        for one in calls:
            name = one.get("Name") if isinstance(one, dict) else None
            if name != INCLUDE:
                self._macro(str(name or "without a name"), here)
                return {} if len(place.new) == 1 else {TRANSFORM: plain(call)}
            content = self._include(one, replace(here, new=place.new), own)
            if content is None:
                return {} if len(place.new) == 1 else {TRANSFORM: plain(call)}
            if not isinstance(content, dict):
                return content
            merged.update(content)
        return merged

    def _include(self, call: dict[str, Any], place: _Place, own: list[str] | None = None) -> Any:
        parameters = call.get("Parameters")
        written = parameters.get("Location") if isinstance(parameters, dict) else None
        if written is not None:
            place = replace(place, old=(*place.old, "Parameters", "Location"))
        try:
            location = self.values.evaluate(written)
        except NotKnown as error:
            self._not_included(f"its Location hangs on {error.name}, whose value is not known", place)
            return None
        if not isinstance(location, str) or not location:
            self._broken("an include needs a Location", place)
            return None
        path = local_file(location, place.folder, self.root, self.urls)
        if path is None:
            self._not_included(location, place)
            return None
        path = real(path)
        if _mapping(location, self.urls) is None and outside(path, place.files[0], self.root):
            self._broken(f"the include of {location} leads out of the project, it is not read", place)
            return None
        return self._read(location, path, place, own or [])

    def _read(self, location: str, path: Path, place: _Place, own: list[str]) -> Any:
        if path in place.files or len(place.files) > _MAX_NESTING:
            self._broken(f"the include of {location} includes itself or nests too deeply", place)
            return None
        self.result.reads.append(path)
        file = display_name(self.root, path)
        try:
            if path.stat().st_size > _MAX_SNIPPET:
                self._broken(f"the included file {location} is too large", place)
                return None
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            odd = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
            reason = getattr(error, "strerror", None) or odd
            self._broken(f"the included file {location} cannot be read: {reason}", place)
            return None
        tree, findings = decode_text(file, text)
        self.result.findings.extend(findings)
        if tree is None:
            self._broken(f"the included file {location} cannot be used", place)
            return None
        at = place.at if place.at is not None else place.old
        marks = Marks(file, tree)
        inner = _Place(marks, path.parent, place.new, (), at, (*place.files, path))
        if isinstance(tree, dict):
            self._record_keys(tree, marks, place, at, own)
        else:
            self.result.paths.snippets[place.new] = Snippet(marks, (), at)
        return self.node(tree, inner)

    def _record_keys(
        self, tree: dict[str, Any], marks: Marks, place: _Place, at: DocPath, own: list[str]
    ) -> None:
        for key in tree:
            if key == TRANSFORM or key in own:
                continue
            new = (*place.new, str(key))
            if not place.new and isinstance(tree[key], dict):  # a section: merged entry by entry
                known = self.result.tree.get(str(key))
                for entry in tree[key].keys() - (known.keys() if isinstance(known, dict) else set()):
                    self.result.paths.snippets[(*new, str(entry))] = Snippet(marks, (key, entry), at)
            else:
                self.result.paths.snippets[new] = Snippet(marks, (str(key),), at)

    def _macro(self, name: str, place: _Place) -> None:
        message = f"macro {name} cannot be expanded here: what it makes was not judged"
        self._add("SP-TRANSFORM-MACRO", message, place, Outcome.UNDECIDED)

    def _not_included(self, what: str, place: _Place) -> None:
        message = f"not included: {what}; what it holds was not judged"
        self._add("SP-TRANSFORM-NOT-INCLUDED", message, place, Outcome.UNDECIDED)

    def _broken(self, message: str, place: _Place) -> None:
        self._add("SP-TRANSFORM-INCLUDE", message, place, Outcome.FAIL)

    def _add(self, rule: str, message: str, place: _Place, outcome: Outcome) -> None:
        location: Location = place.marks(place.old)
        path = place.at if place.at is not None else place.old
        self.result.findings.append(finding(rule, message, location, path=path, outcome=outcome))
        self.result.partial = True

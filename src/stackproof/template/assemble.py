"""Merge a folder of snippets into one template: text is moved, not rewritten, so comments stay.

A snippet is a YAML or JSON file. It holds top-level sections (``Resources:`` …), or the entries of the
section that its folder or its own name says (``resources/queue.yaml``, ``outputs.yml``). Sections come out in
the order of the template anatomy, entries in the order of the snippets' relative names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from stackproof.errors import InternalError, TemplateError, UsageError
from stackproof.model import Location
from stackproof.template.convert import dump_yaml
from stackproof.template.load import decode_text
from stackproof.template.marks import Marks, plain
from stackproof.template.shape import KEYS

ORDER = (
    "AWSTemplateFormatVersion", "Description", "Transform", "Metadata", "Parameters", "Rules", "Mappings",
    "Conditions", "Globals", "Resources", "Hooks", "Outputs",
)  # fmt: skip
SUFFIXES = frozenset({".yaml", ".yml", ".json", ".template"})
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?[eE][-+]?\d+")
_SCALARS = ("AWSTemplateFormatVersion", "Description", "Transform")
# Names that share one space: a parameter and a resource cannot have the same.
_LOGICAL = ("Parameters", "Resources")


@dataclass(frozen=True, slots=True)
class Assembled:
    """``text`` is the template, ``files`` the snippets in the order they were merged.

    ``rewritten`` are snippets whose comments could not be kept (JSON-like style around a section).
    """

    text: str
    files: tuple[Path, ...]
    rewritten: tuple[Path, ...] = ()


@dataclass(slots=True)
class _Template:
    blocks: dict[str, list[str]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[tuple[str, str], Location] = field(default_factory=dict)
    rewritten: list[Path] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Part:
    """A section of a snippet: its text where that can be moved, its values with numbers as written."""

    body: str | None
    exact: Any


def assemble(folder: Path, output: Path | None = None) -> Assembled:
    """The template that the snippets below ``folder`` make; the file ``output`` is none of them.

    Raises ``UsageError`` when there are none, ``TemplateError`` (file, line, column) for a snippet that
    cannot be decoded or placed and for a name that two snippets give, naming both places.
    """
    if not folder.is_dir():
        raise UsageError(f"not a folder: {folder}")
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and path.suffix.lower() in SUFFIXES
        and not path.name.startswith(".")
        and not (output is not None and path.resolve() == output.resolve())
    )
    if not files:
        raise UsageError(
            f"no snippets in {folder}", hint="a snippet is a .yaml, .yml, .json or .template file"
        )
    template = _Template()
    for path in files:
        _add(template, folder, path)
    text = _render(template)
    tree, findings = decode_text(str(folder), text)
    if findings or _comparable(plain(tree)) != _comparable(template.values):
        raise InternalError("the assembled template is not the sum of its snippets", file=str(folder))
    return Assembled(text, tuple(files), tuple(template.rewritten))


def _comparable(node: Any) -> Any:
    """A number beyond a double is kept as its text by the decoder: YAML and JSON write it differently."""
    if isinstance(node, dict):
        return {key: _comparable(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_comparable(item) for item in node]
    if isinstance(node, str) and _NUMBER.fullmatch(node) and math.isinf(float(node)):
        return Decimal(node)
    return node


def _add(template: _Template, folder: Path, path: Path) -> None:
    from stackproof.template.lexical import read

    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise TemplateError(f"cannot be read: {reason}", file=str(path)) from error
    tree, findings = decode_text(str(path), text)
    if findings:
        first = findings[0]
        where = first.location
        raise TemplateError(
            first.message, file=where.file, line=where.line, column=where.column, hint=first.fix
        )
    if not isinstance(tree, dict):
        raise TemplateError("a snippet is a mapping", file=str(path), line=1, column=1)
    marks = Marks(str(path), tree)
    named = _section_of(folder, path)
    if named and not (KEYS & tree.keys()):
        _merge(template, named, tree, marks, ())
        body = _indent(_clean(text)) if _is_block(text) else None
        _block(template, path, named, _Part(body, read(text).tree), tree)
        return
    parts, exact = dict(_split(text)) if _is_block(text) else {}, read(text).tree
    for section, value in tree.items():
        if section not in KEYS:
            where = marks((section,))
            raise TemplateError(
                f"'{section}' is not a template section",
                file=where.file,
                line=where.line,
                column=where.column,
                hint="put the file into a folder named after its section, such as resources/",
            )
        _section(template, path, str(section), value, marks, _Part(parts.get(section), exact[section]))


def _section(template: _Template, path: Path, section: str, value: Any, marks: Marks, part: _Part) -> None:
    if section not in _SCALARS:
        if not isinstance(value, dict):
            where = marks((section,))
            raise TemplateError(
                f"{section} is not a mapping", file=where.file, line=where.line, column=where.column
            )
        _merge(template, section, value, marks, (section,))
        _block(template, path, section, part, value)
        return
    known = template.values.get(section)
    if section == "Transform":
        template.values[section] = _union(known, plain(value))
    elif known is not None and known != plain(value):
        _twice(section, template.places[section, ""], marks((section,)))
    else:
        template.values[section] = plain(value)
    template.places.setdefault((section, ""), marks((section,)))


def _union(known: Any, more: Any) -> Any:
    have = known if isinstance(known, list) else [] if known is None else [known]
    new = [item for item in (more if isinstance(more, list) else [more]) if item not in have]
    merged = have + new
    return merged[0] if len(merged) == 1 else merged


def _merge(
    template: _Template, section: str, entries: dict[str, Any], marks: Marks, base: tuple[str, ...]
) -> None:
    values = template.values.setdefault(section, {})
    spaces = _LOGICAL if section in _LOGICAL else (section,)
    for name, value in entries.items():
        location = marks((*base, name))
        for space in spaces:
            if (space, name) in template.places:
                _twice(str(name), template.places[space, name], location)
        template.places[section, str(name)] = location
        values[str(name)] = plain(value)


def _twice(name: str, first: Location, second: Location) -> None:
    raise TemplateError(
        f"'{name}' is given twice, first at {first}",
        file=second.file,
        line=second.line,
        column=second.column,
        hint="rename one of them",
    )


def _section_of(folder: Path, path: Path) -> str:
    """The section that a snippet's folder or name says, "" when neither is one."""
    sections = {section.lower(): section for section in ORDER if section not in _SCALARS}
    for name in (path.stem, *reversed(path.relative_to(folder).parts[:-1])):
        section = sections.get(name.lower()) or sections.get(f"{name.lower()}s")
        if section:
            return section
    return ""


def _is_block(text: str) -> bool:
    """Whether the top level is in block style and starts at the left margin."""
    lines = (line for line in text.splitlines() if line.strip() and not line.lstrip().startswith(("#", "%")))
    first = next((line for line in lines if line.rstrip() != "---"), "")
    return bool(first) and not first[0].isspace() and first[0] not in "{[!&-?|>" and "\t" not in first


def _clean(text: str) -> str:
    lines = text.replace("\r\n", "\n").split("\n")
    kept = [line for line in lines if line.rstrip() not in ("---", "...") and not line.startswith("%")]
    return "\n".join(kept).strip("\n")


def _split(text: str) -> Iterator[tuple[str, str]]:
    """The top-level sections with their bodies; a comment above a section's key belongs to its body."""
    name, body, above = "", list[str](), list[str]()
    for line in _clean(text).split("\n"):
        key = re.match(r"""(["']?)([A-Za-z]+)\1\s*:(?=\s|$)(.*)""", line)
        if key and key[2] in KEYS:
            if name:
                yield name, "\n".join(body)
            rest = key[3].strip()
            name, body = key[2], [f"  {comment}" for comment in above]
            above = []
            if rest.startswith("#"):
                body.append(f"  {rest}")
            elif rest:
                body.append(_UNMOVABLE)
        elif line.startswith("#"):
            above.append(line)
        else:
            body.extend([f"  {comment}" for comment in above] + [line])
            above = []
    if name:
        yield name, "\n".join([*body, *(f"  {comment}" for comment in above)])


_UNMOVABLE = "\0"


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" if line.strip() else line for line in text.split("\n"))


def _block(template: _Template, path: Path, section: str, part: _Part, value: Any) -> None:
    """Take the snippet's own text where it is block style; it must still mean the same where it is put."""
    if part.body is not None and _UNMOVABLE not in part.body:
        body = _normal(part.body)
        tree, findings = decode_text(str(path), f"{section}:\n{body}\n")
        if not findings and isinstance(tree, dict) and plain(tree.get(section)) == plain(value):
            template.blocks.setdefault(section, []).append(body)
            return
    if path.suffix.lower() != ".json" and path not in template.rewritten:
        template.rewritten.append(path)
    template.blocks.setdefault(section, []).append(_indent(dump_yaml(part.exact).rstrip("\n")))


def _normal(body: str) -> str:
    """The body with its entries two columns in, so that bodies of several snippets stand side by side."""
    lines = body.strip("\n").split("\n")
    columns = [
        len(line) - len(line.lstrip()) for line in lines if line.strip() and not line.lstrip().startswith("#")
    ]
    shift = 2 - min(columns, default=2)
    if shift >= 0:
        return "\n".join(" " * shift + line if line.strip() else line for line in lines)
    return "\n".join(line[-shift:] if not line[:-shift].strip() else line.lstrip() for line in lines)


def _render(template: _Template) -> str:
    parts = []
    for section in ORDER:
        if section in _SCALARS:
            if section in template.values:
                parts.append(dump_yaml({section: template.values[section]}).rstrip("\n"))
        elif template.blocks.get(section):
            separator = "\n\n" if section in ("Resources", "Globals") else "\n"
            parts.append(f"{section}:\n" + separator.join(template.blocks[section]))
    return "\n\n".join(parts) + "\n"

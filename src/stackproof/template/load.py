"""Read one template file: a document with marks, or findings that say why not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackproof.model import Finding, Location, Related
from stackproof.template.load_rules import finding
from stackproof.template.marks import Marks
from stackproof.template.model import Document
from stackproof.template.shape import check_shape

if TYPE_CHECKING:
    from stackproof.template.decode import Mistake

_TEXT_CONTROLS = frozenset(b"\t\n\r\f")


@dataclass(frozen=True, slots=True)
class Loaded:
    """``document`` is None when the file cannot be judged; ``findings`` says why."""

    document: Document | None
    findings: tuple[Finding, ...] = ()


def load(file: str, path: Path, *, max_size: int) -> Loaded:
    """Read and decode a template. ``max_size`` is in bytes. Never raises for what a file holds."""
    try:
        size = path.stat().st_size
        if size > max_size:
            message = f"{size} bytes, more than max_file_size ({max_size})"
            return _refused(file, "SP-LOAD-SIZE", message)
        data = path.read_bytes()
    except OSError as error:
        return _refused(file, "SP-LOAD-READ", f"cannot be read: {error.strerror or error}")
    return load_bytes(file, path, data)


def load_bytes(file: str, path: Path, data: bytes) -> Loaded:
    """As ``load``, for content that is at hand."""
    text = _text(file, data)
    if isinstance(text, Loaded):
        return text
    tree, findings = decode_text(file, text)
    if tree is None:
        return Loaded(None, tuple(findings))
    locate = Marks(file, tree)
    shaped, wrong = check_shape(tree, locate)
    findings += wrong
    if shaped is None:
        return Loaded(None, tuple(findings))
    return Loaded(Document(file, path, text, shaped, locate), tuple(findings))


def decode_text(file: str, text: str) -> tuple[Any, list[Finding]]:
    """The marked tree of any YAML or JSON text (None when it cannot be read), and the findings."""
    if not text.strip("\ufeff \t\r\n"):
        return None, [finding("SP-LOAD-EMPTY", "the file is empty", Location(file))]
    from stackproof.template.decode import Undecodable, decode

    try:
        tree, mistakes = decode(text)
    except Undecodable as error:
        return None, [_finding(file, mistake) for mistake in error.mistakes]
    findings = [_finding(file, mistake) for mistake in mistakes]
    if tree is None:
        message = "the file holds no value, only comments or null"
        findings.append(finding("SP-LOAD-EMPTY", message, Location(file)))
    return tree, findings


def _text(file: str, data: bytes) -> str | Loaded:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _refused(file, "SP-LOAD-ENCODING", "the file is UTF-16 text; CloudFormation reads UTF-8")
    if any(byte < 32 and byte not in _TEXT_CONTROLS for byte in data[:4096]) and b"\0" in data:
        return _refused(file, "SP-LOAD-BINARY", "the file is binary, a template is text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = len(data[data.rfind(b"\n", 0, error.start) + 1 : error.start].decode("utf-8")) + 1
        message = f"byte 0x{data[error.start]:02x} is not valid UTF-8"
        return _refused(file, "SP-LOAD-ENCODING", message, line, column)


def _refused(file: str, rule: str, message: str, line: int = 1, column: int = 1) -> Loaded:
    return Loaded(None, (finding(rule, message, Location(file, line, column)),))


def _finding(file: str, mistake: Mistake) -> Finding:
    from dataclasses import replace

    found = finding(mistake.rule, mistake.message, Location(file, mistake.line, mistake.column))
    related = tuple(Related(Location(file, line, column), text) for line, column, text in mistake.related)
    return replace(found, related=related) if related else found

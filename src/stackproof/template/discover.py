"""Find the templates among the files of a project: by content, not by name."""

from __future__ import annotations

import fnmatch
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from stackproof.config import Config
from stackproof.errors import UsageError
from stackproof.model import Finding, Location, Problem
from stackproof.template import cloud_assembly
from stackproof.template.load_rules import finding
from stackproof.template.sniff import looks_like_template

SKIPPED_FOLDERS = frozenset(
    {".git", ".hg", ".svn", "node_modules", ".venv", ".tox", ".stackproof", "__pycache__", ".aws-sam"}
)
TEMPLATE_SUFFIXES = frozenset({".yaml", ".yml", ".json", ".template"})
# A document or a program may quote a template at the start of a line; a template is none of these.
_OTHER_SUFFIXES = frozenset(
    [
        ".md",
        ".rst",
        ".adoc",
        ".html",
        ".htm",
        ".css",
        ".scss",
        ".py",
        ".pyi",
        ".pyc",
        ".pyx",
        ".js",
        ".mjs",
        ".cjs",
        ".ts",
        ".tsx",
        ".jsx",
        ".map",
        ".java",
        ".kt",
        ".class",
        ".jar",
        ".go",
        ".rs",
        ".rb",
        ".php",
        ".c",
        ".h",
        ".cc",
        ".cpp",
        ".hpp",
        ".cs",
        ".swift",
        ".scala",
        ".sh",
        ".bash",
        ".zsh",
        ".ps1",
        ".bat",
        ".sql",
        ".toml",
        ".ini",
        ".cfg",
        ".lock",
        ".guard",
        ".ruleset",
        ".png",
        ".jpg",
        ".jpeg",
        ".gif",
        ".ico",
        ".svg",
        ".webp",
        ".pdf",
        ".zip",
        ".gz",
        ".tgz",
        ".bz2",
        ".xz",
        ".tar",
        ".7z",
        ".whl",
        ".so",
        ".o",
        ".a",
        ".dll",
        ".exe",
        ".bin",
        ".woff",
        ".woff2",
        ".ttf",
        ".eot",
        ".mp4",
        ".mp3",
        ".wav",
        ".parquet",
        ".db",
        ".sqlite",
        ".csv",
        ".tsv",
        ".log",
        ".pem",
        ".key",
        ".crt",
        ".diff",
        ".patch",
        ".ipynb",
        ".drawio",
        ".tf",
        ".xml",
        ".j2",
        ".snap",
    ]
)
_SNIFF_WHOLE = 8_388_608
_SNIFF_HEAD = 262_144
_NAMED = 5
_GUARD_TESTS = ("_tests.yaml", "_tests.yml", "_tests.json")


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """A file to judge. ``file`` is its name in findings, ``assembly`` that of its cloud assembly or ""."""

    file: str
    path: Path
    named: bool = False
    assembly: str = ""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a search found. ``considered`` counts the files whose bytes were looked at.

    ``notes`` name the files that are named like templates and hold no text, ``problems`` the paths that
    were asked for and cannot be judged.
    """

    templates: tuple[TemplateFile, ...]
    findings: tuple[Finding, ...] = ()
    assemblies: tuple[Path, ...] = ()
    considered: int = 0
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Search:
    root: Path
    exclude: tuple[re.Pattern[str], ...]
    templates: dict[Path, TemplateFile] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    assemblies: list[Path] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    linked: list[Path] = field(default_factory=list)
    visited: set[tuple[int, int]] = field(default_factory=set)
    considered: int = 0
    problems: list[Problem] = field(default_factory=list)


def discover(root: Path, paths: Sequence[Path], config: Config) -> Discovery:
    """The templates below ``paths`` (default: the configured folders), sorted by name.

    A relative path stands below the current folder, a configured one below ``root``. Files named in
    ``paths`` are always taken. A path that does not exist is a problem beside what the others hold.
    Raises ``UsageError`` when none of the paths can be judged.
    """
    root = Path(os.path.abspath(root))
    search = _Search(root, tuple(_glob(pattern) for pattern in config.exclude))
    for path in paths or _configured(root, config):
        absolute = Path(os.path.abspath(path))
        try:
            mode = absolute.stat().st_mode
        except FileNotFoundError:
            what = "a link to what is not there" if absolute.is_symlink() else "no such file or folder"
            search.problems.append(Problem(f"{what}: {path}", exit_code=2))
            continue
        except OSError as error:
            _unreadable(search, absolute, error)
            continue
        if stat.S_ISDIR(mode):
            _walk(search, absolute)
        elif stat.S_ISREG(mode):
            _take(search, absolute, named=True)
        else:
            search.problems.append(Problem(f"neither a file nor a folder: {path}", exit_code=2))
    if search.problems and not search.templates and not search.findings:
        raise UsageError("; ".join(problem.message for problem in search.problems))
    _drop_links(search)
    ordered = sorted(search.templates.values(), key=lambda template: template.file)
    return Discovery(
        tuple(ordered),
        tuple(search.findings),
        tuple(search.assemblies),
        search.considered,
        _notes(search),
        tuple(search.problems),
    )


def _notes(search: _Search) -> tuple[str, ...]:
    if not search.empty:
        return ()
    shown = ", ".join(sorted(search.empty)[:_NAMED])
    more = f" and {len(search.empty) - _NAMED} more" if len(search.empty) > _NAMED else ""
    return (f"not judged, for a template is text and these are empty or binary: {shown}{more}",)


_LINE_ENDS = {ord(end): f"\\x{ord(end):02x}" for end in "\n\r\v\f"}


def display_name(root: Path, path: Path) -> str:
    """The name that findings carry: POSIX, relative below ``root``, else absolute, in one readable line."""
    try:
        name = path.relative_to(root).as_posix()
    except ValueError:
        name = path.as_posix()
    return readable(name).translate(_LINE_ENDS)


def readable(text: str) -> str:
    r"""The text with what UTF-8 cannot express escaped: a file name's byte as ``\xff``, else ``\ud800``."""
    try:
        text.encode()
    except UnicodeEncodeError:
        try:
            return os.fsencode(text).decode("utf-8", "backslashreplace")
        except UnicodeEncodeError:
            return text.encode("utf-8", "backslashreplace").decode()
    return text


def _configured(root: Path, config: Config) -> list[Path]:
    found: list[Path] = []
    for entry in config.templates:
        if any(character in entry for character in "*?["):
            matches = sorted(root.glob(entry))
        else:
            matches = [root / entry] if (root / entry).exists() else []
        if not matches and entry != "templates":
            raise UsageError(
                f"the configured template folder '{entry}' does not exist",
                file=config.file,
                hint="correct 'templates' in the configuration",
            )
        found.extend(matches)
    # A repository that never configured anything is searched as a whole.
    return found or [root]


def _walk(search: _Search, folder: Path) -> None:
    pending = [folder]
    while pending:
        current = pending.pop()
        try:
            status = current.stat()
            entries = sorted(os.scandir(current), key=lambda entry: entry.name)
        except OSError as error:
            _unreadable(search, current, error)
            continue
        if (status.st_dev, status.st_ino) in search.visited:
            continue
        search.visited.add((status.st_dev, status.st_ino))
        names = {entry.name for entry in entries}
        if cloud_assembly.is_assembly(names, current):
            search.assemblies.append(current)
            members = cloud_assembly.template_files(current, search.root)
            if members is not None:
                _take_assembly(search, current, members)
                continue
        pending.extend(_look(search, entries))


def _take_assembly(search: _Search, folder: Path, members: Sequence[Path]) -> None:
    name = display_name(search.root, folder)
    for path in members:
        search.considered += 1
        if not _excluded(search, path):
            _take(search, path, assembly=name)


def _take(search: _Search, path: Path, *, named: bool = False, assembly: str = "") -> None:
    file = display_name(search.root, path)
    if "\\x" in file and readable(str(path)) != str(path):
        message = "the file's name is not UTF-8 text: reports cannot name it, so it was not judged"
        search.findings.append(finding("SP-LOAD-NAME", message, Location(file)))
    elif named:
        search.templates[path] = TemplateFile(file, path, named=True)
    else:
        search.templates.setdefault(path, TemplateFile(file, path, assembly=assembly))


def _look(search: _Search, entries: Sequence[os.DirEntry[str]]) -> Iterator[Path]:
    """Take the templates among ``entries``; the folders to go on with, last one first."""
    for entry in reversed(entries):
        path = Path(entry.path)
        try:
            if entry.is_dir():
                if entry.name not in SKIPPED_FOLDERS and not _excluded(search, path):
                    yield path
            elif entry.is_file() and not _excluded(search, path):
                _consider(search, entry, path)
            elif entry.is_symlink() and not os.path.exists(path) and path.suffix in TEMPLATE_SUFFIXES:
                _unreadable(search, path, FileNotFoundError(2, "the link leads nowhere"))
        except OSError as error:
            _unreadable(search, path, error)


def _consider(search: _Search, entry: os.DirEntry[str], path: Path) -> None:
    suffix = os.path.splitext(entry.name)[1].lower()
    if suffix in _OTHER_SUFFIXES or entry.name.endswith(_GUARD_TESTS):
        return
    search.considered += 1
    try:
        data = _head(entry)
    except OSError as error:
        if suffix in TEMPLATE_SUFFIXES:
            _unreadable(search, path, error)
        return
    if not looks_like_template(data, typed=suffix not in TEMPLATE_SUFFIXES):
        if suffix in TEMPLATE_SUFFIXES and (not data.strip() or b"\0" in data):
            search.empty.append(display_name(search.root, path))
        return
    _take(search, path)
    if entry.is_symlink():
        search.linked.append(path)


def _head(entry: os.DirEntry[str]) -> bytes:
    size = entry.stat().st_size
    descriptor = os.open(entry.path, os.O_RDONLY)
    try:
        return os.read(descriptor, size if size <= _SNIFF_WHOLE else _SNIFF_HEAD)
    finally:
        os.close(descriptor)


def _drop_links(search: _Search) -> None:
    """A link to a template that is judged under its own name is not judged twice."""
    for path in search.linked:
        target = path.resolve()
        taken = search.templates.get(path)
        if target != path and target in search.templates and taken is not None and not taken.named:
            del search.templates[path]


def _unreadable(search: _Search, path: Path, error: OSError) -> None:
    message = f"cannot be read: {error.strerror or error}"
    location = Location(display_name(search.root, path))
    search.findings.append(finding("SP-LOAD-READ", message, location))


def _excluded(search: _Search, path: Path) -> bool:
    if not search.exclude:
        return False
    name = display_name(search.root, path)
    return any(pattern.fullmatch(name) for pattern in search.exclude)


@lru_cache(maxsize=256)
def _glob(pattern: str) -> re.Pattern[str]:
    """A glob over relative names. Without a slash it matches any part of the name; ``**`` spans folders."""
    pattern = pattern.removeprefix("./").rstrip("/")
    if "/" not in pattern:
        part = fnmatch.translate(pattern).removeprefix("(?s:").removesuffix(r")\Z").replace(".*", "[^/]*")
        return re.compile(rf"(?:.*/)?{part}(?:/.*)?", re.DOTALL)
    pieces = re.split(r"(\*\*/|/\*\*$|\*\*|\*|\?|\[[^\]]+\])", pattern.lstrip("/"))
    special = {"**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    body = "".join(
        special.get(piece) or (piece.replace("[!", "[^") if piece.startswith("[") else re.escape(piece))
        for piece in pieces
    )
    return re.compile(f"{body}(?:/.*)?", re.DOTALL)

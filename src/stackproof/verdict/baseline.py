"""The baseline: findings that were there before, recorded so that only new ones count.

The file is JSON that reads well in a diff: one entry a finding with ``rule``, ``file``, ``fingerprint``
and ``message``, sorted, without positions, dates or absolute paths.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stackproof.errors import ConfigError
from stackproof.model import Finding, Outcome, Status
from stackproof.verdict.files import write_file
from stackproof.verdict.fingerprint import base_of

VERSION = 1
_NEVER = "SP-SUPPRESS-"
"""Findings about suppressions are never recorded: a baseline must not outlive an expiry date."""


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One recorded finding. Only ``fingerprint`` and ``file`` are compared; the rest is for readers."""

    file: str
    rule: str
    fingerprint: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The recorded findings. ``file`` is where they stand, "" when they were not read from a file."""

    entries: tuple[Entry, ...] = ()
    file: str = ""

    def match(self, findings: Sequence[Finding], gone: Callable[[str], bool]) -> tuple[set[int], list[Entry]]:
        """The positions of the findings that are recorded, and the entries that matched none.

        An entry first takes a finding of its own file. What is left goes to equal findings of other
        files, which are then taken for renamed: only when ``gone(entry.file)`` says that the entry's
        file was judged or does not exist any more.
        """
        left: dict[str, list[Entry]] = {}
        for entry in self.entries:
            left.setdefault(base_of(entry.fingerprint), []).append(entry)
        known: set[int] = set()
        waiting: list[int] = []
        for position, finding in enumerate(findings):
            if not can_be_recorded(finding):
                continue
            entries = left.get(base_of(finding.fingerprint), [])
            own = next((entry for entry in entries if entry.file == finding.location.file), None)
            if own is None:
                waiting.append(position)
            else:
                entries.remove(own)
                known.add(position)
        for position in waiting:
            entries = left.get(base_of(findings[position].fingerprint), [])
            moved = next((entry for entry in entries if gone(entry.file)), None)
            if moved is not None:
                entries.remove(moved)
                known.add(position)
        return known, sorted(entry for entries in left.values() for entry in entries)


def can_be_recorded(finding: Finding) -> bool:
    """Whether a baseline may hold the finding: it counts and is not about a suppression."""
    counts = finding.status is not Status.SUPPRESSED and finding.outcome is not Outcome.NOTE
    return counts and not finding.rule.startswith(_NEVER)


def record(findings: Iterable[Finding], root: Path) -> Baseline:
    """A baseline of the findings that count now."""
    entries = [
        Entry(_relative(one.location.file, root), one.rule, one.fingerprint, _message(one, root))
        for one in findings
        if can_be_recorded(one)
    ]
    return Baseline(tuple(sorted(entries)))


def update(
    old: Baseline, findings: Sequence[Finding], root: Path, *, decidable: Callable[[str], bool], prune: bool
) -> Baseline:
    """The baseline after a run.

    It holds the findings that count now (with ``prune`` only those that were recorded before) and the old
    entries of files about which the run says nothing (``decidable(file)`` is False).
    """
    known, left = old.match(findings, decidable)
    wanted = [one for position, one in enumerate(findings) if not prune or position in known]
    kept = [entry for entry in left if not decidable(entry.file)]
    return Baseline(tuple(_numbered([*record(wanted, root).entries, *kept])), old.file)


def _numbered(entries: Iterable[Entry]) -> Iterable[Entry]:
    """Equal findings counted over all files, as a run over all files would."""
    seen: Counter[str] = Counter()
    for entry in sorted(entries, key=lambda one: (one.file, one.rule, len(one.fingerprint), one.fingerprint)):
        base = base_of(entry.fingerprint)
        seen[base] += 1
        yield replace(entry, fingerprint=base if seen[base] == 1 else f"{base}-{seen[base]}")


def write(baseline: Baseline, path: Path) -> None:
    """Write the file, or leave it alone when nothing changes. Raises ``ConfigError``."""
    entries = [
        {"rule": one.rule, "file": one.file, "fingerprint": one.fingerprint, "message": one.message}
        for one in sorted(baseline.entries)
    ]
    document = {"version": VERSION, "findings": entries}
    text = json.dumps(document, indent=2, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    try:
        if path.is_file() and path.read_bytes() == text:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, text)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", file=str(path)) from error


_ANEW = "write it anew with 'stackproof baseline --force', or remove it"


def load(path: Path) -> Baseline | None:
    """Read a baseline; None when there is no such file. Raises ``ConfigError`` (file, line, column)."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=str(path)) from error
    except UnicodeDecodeError as error:
        raise ConfigError("is not UTF-8 text", file=str(path)) from error
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        message = f"is not valid JSON: {error.msg}"
        raise ConfigError(
            message, file=str(path), line=error.lineno, column=error.colno, hint=_ANEW
        ) from error
    except RecursionError as error:
        raise ConfigError("is nested too deeply for a baseline", file=str(path), hint=_ANEW) from error
    return Baseline(_entries(data, str(path)), str(path))


def _entries(data: Any, file: str) -> tuple[Entry, ...]:
    hint = _ANEW
    if not isinstance(data, dict) or set(data) != {"version", "findings"}:
        raise ConfigError("is no baseline: expected 'version' and 'findings'", file=file, hint=hint)
    if data["version"] != VERSION:
        message = f"has version {data['version']!r}, this stackproof reads {VERSION}"
        raise ConfigError(message, file=file, hint=hint)
    if not isinstance(data["findings"], list):
        raise ConfigError("'findings' is no list", file=file, hint=hint)
    entries = []
    for number, one in enumerate(data["findings"], start=1):
        keys = ("file", "rule", "fingerprint", "message")
        if (
            not isinstance(one, dict)
            or set(one) != set(keys)
            or not all(isinstance(one[key], str) for key in keys)
        ):
            raise ConfigError(f"finding {number} needs {', '.join(keys)} as text", file=file, hint=hint)
        entries.append(Entry(one["file"], one["rule"], one["fingerprint"], one["message"]))
    return tuple(entries)


def _relative(file: str, root: Path) -> str:
    return os.path.relpath(file, root).replace(os.sep, "/") if os.path.isabs(file) else file


def _message(finding: Finding, root: Path) -> str:
    return " ".join(finding.message.replace(f"{root}{os.sep}", "").split())

"""The lines of source files, for fingerprints and for the reports."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from stackproof.model import Finding, Location

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""The line breaks of YAML 1.1, by which the decoders count (https://yaml.org/spec/1.1/#b-break)."""

_RARE_BREAKS = ("\r", "\x85", "\u2028", "\u2029")

LONGEST_LINE = 500
_LARGEST = 32 * 1024 * 1024
_AROUND = 1


@dataclass(frozen=True, slots=True)
class Sources:
    """Reads files below ``root`` once; a file that cannot be read has no lines."""

    root: Path
    _lines: dict[str, list[str]] = field(default_factory=dict)

    def lines(self, file: str) -> list[str]:
        """All lines of a file, without their ends."""
        if file not in self._lines:
            self._lines[file] = self._read(file)
        return self._lines[file]

    def line_at(self, location: Location) -> str:
        """The line of a location, "" when there is none."""
        lines = self.lines(location.file)
        return lines[location.line - 1] if 0 < location.line <= len(lines) else ""

    def near(self, findings: Iterable[Finding]) -> dict[str, dict[int, str]]:
        """For each file the lines at and around the findings and what is related to them."""
        near: dict[str, dict[int, str]] = {}
        for finding in findings:
            for location in (finding.location, *(related.location for related in finding.related)):
                lines = self.lines(location.file)
                first = max(1, location.line - _AROUND)
                for number in range(first, min(len(lines), location.line + _AROUND) + 1):
                    near.setdefault(location.file, {})[number] = lines[number - 1][:LONGEST_LINE]
        return {file: dict(sorted(near[file].items())) for file in sorted(near)}

    def _read(self, file: str) -> list[str]:
        path = self.root / file
        try:
            if not file or not path.is_file() or path.stat().st_size > _LARGEST:
                return []
            text = path.read_bytes().decode("utf-8-sig", "replace")
            return _BREAK.split(text) if any(rare in text for rare in _RARE_BREAKS) else text.split("\n")
        except (OSError, ValueError):
            return []

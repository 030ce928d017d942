"""Fingerprints: the identity of a finding that survives moved lines and renamed files."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import PurePosixPath

from stackproof.model import Finding, Location

_POSITION = re.compile(
    r"\b(lines?|columns?|rows?|offset)(\s+|=|:)\d+|(?<=<file>):\d+(:\d+)?\b", re.IGNORECASE
)


def fingerprint(finding: Finding, line_text: str) -> str:
    """The identity of a finding without its occurrence: 20 hexadecimal digits.

    It holds the rule, the logical id, the path (list positions left out), the message and the offending
    line, both without positions, file names and differences in white space.
    """
    parts = (
        finding.rule,
        finding.outcome.value,
        finding.logical_id,
        "/".join("*" if isinstance(key, int) else key.replace("/", "~1") for key in finding.path),
        _normalise(finding.message, finding.location.file),
        " ".join(line_text.split()).rstrip(" ,"),
    )
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:20]


def with_fingerprints(findings: Iterable[Finding], line_at: Callable[[Location], str]) -> list[Finding]:
    """The findings with fingerprints; equal ones are told apart by a counter (``…-2``, ``…-3``).

    The counter runs over all files, so the set of fingerprints stays the same when files are renamed.
    """
    seen: Counter[str] = Counter()
    marked: dict[int, Finding] = {}
    listed = list(findings)
    for position in sorted(range(len(listed)), key=lambda index: (listed[index].location, index)):
        finding = listed[position]
        base = fingerprint(finding, line_at(finding.location))
        seen[base] += 1
        mark = base if seen[base] == 1 else f"{base}-{seen[base]}"
        marked[position] = replace(finding, fingerprint=mark)
    return [marked[position] for position in range(len(listed))]


def base_of(mark: str) -> str:
    """A fingerprint without its occurrence counter."""
    return mark.partition("-")[0]


def _normalise(message: str, file: str) -> str:
    text = " ".join(message.split())
    for name in (" ".join(file.split()), " ".join(PurePosixPath(file).name.split())):
        if name and name in text:
            text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", "<file>", text)
    return _POSITION.sub("#", text)

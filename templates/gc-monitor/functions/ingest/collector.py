"""Lines that the serial garbage collector of a JVM writes, as documents. Java 8 and Java 11 (and later)."""

from __future__ import annotations

import re

_STAMP = r"\d{4}-\d{2}-\d{2}T[\d:.]+[+-]\d{4}"
_SIZES = r"(?P<before>\d+)(?P<unit>[KMG])->(?P<after>\d+)[KMG]\((?P<size>\d+)[KMG]\)"
_JAVA_11 = re.compile(
    rf"\[(?P<at>{_STAMP})\](?:\[\w+\s*\])?\[gc\s*\]\s+GC\(\d+\) "
    rf"(?P<type>Pause \w+)(?: \([^)]*\))*? \((?P<cause>[^()]+(?:\(\))?[^()]*)\) {_SIZES} (?P<ms>[\d.]+)ms"
)
_JAVA_8 = re.compile(
    rf"(?P<at>{_STAMP}): \[(?P<full>Full )?GC \((?P<cause>[^()]+(?:\(\))?[^()]*)\)\s+"
    rf"(?:.*?\]\s*)??(?<!: ){_SIZES},?\s.*?(?P<seconds>\d+\.\d+) secs\]\s*\[Times:",
    re.DOTALL,
)
_MEGABYTES = {"K": 1 / 1024, "M": 1, "G": 1024}


def parse(line: str) -> dict[str, str] | None:
    """The document of one collection, None for a line that says nothing about the whole heap.

    Heap sizes are in megabytes, the duration in milliseconds, all as text.
    """
    newer = _JAVA_11.search(line)
    if newer is not None:
        return _document(newer, newer["type"], float(newer["ms"]))
    older = _JAVA_8.search(line)
    if older is None:
        return None
    return _document(older, "Pause Full" if older["full"] else "Pause Young", float(older["seconds"]) * 1000)


def _document(found: re.Match[str], kind: str, milliseconds: float) -> dict[str, str]:
    share = _MEGABYTES[found["unit"]]
    return {
        "@timestamp": found["at"],
        "@gc_type": kind,
        "@gc_cause": found["cause"],
        "@heap_before_gc": _text(int(found["before"]) * share),
        "@heap_after_gc": _text(int(found["after"]) * share),
        "@heap_size_gc": _text(int(found["size"]) * share),
        "@gc_duration": _text(milliseconds),
    }


def _text(value: float) -> str:
    """Three decimals at most, none that say nothing."""
    return f"{value:.3f}".rstrip("0").rstrip(".")

"""Strings that match a regular expression, or do not: samples, never a proof."""

from __future__ import annotations

import functools
import re

from stackproof.checks.guard.generate import Generator

BENIGN = "sample"
_VARIANTS = 4


def full_match(pattern: str, value: str) -> bool:
    """Whether a pattern matches a string from end to end; an unreadable pattern matches everything."""
    compiled = _compiled(pattern)
    return compiled is None or compiled.fullmatch(value) is not None


def found_in(pattern: str, value: str) -> bool | None:
    """Whether a pattern occurs in a string; None when Python cannot read it."""
    compiled = _compiled(pattern)
    return None if compiled is None else compiled.search(value) is not None


@functools.lru_cache(maxsize=4096)
def sample(pattern: str, filler: str = BENIGN) -> str | None:
    """A string that the whole pattern matches, ``filler`` in its open places; None if none is found."""
    compiled = _compiled(pattern)
    if compiled is None:
        return None
    for fillers in ((filler, BENIGN), (BENIGN, filler), (filler,), (BENIGN,), ()):
        for variant in range(_VARIANTS):
            value = Generator(fillers, variant).build(pattern)
            if value is not None and compiled.fullmatch(value):
                return value
    return filler if compiled.fullmatch(filler) else None


@functools.lru_cache(maxsize=4096)
def occurrence(pattern: str) -> str | None:
    """A string in which the pattern occurs, as short and plain as can be had; None if none is found."""
    for variant in range(_VARIANTS + 2):
        value = Generator((BENIGN,), variant).build(pattern)
        if value is not None and found_in(pattern, value) is not False:
            return value
    return None


@functools.lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return None

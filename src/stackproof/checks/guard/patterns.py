"""Strings that match a regular expression, or do not: samples, never a proof."""

from __future__ import annotations

import functools
import random
import re

import rstr

BENIGN = "sample"
_LOOKAROUND = re.compile(r"\(\?(?:<?[!=])(?:[^()]|\([^()]*\))*\)")
_HOLE = re.compile(
    r"(?P<escape>\\.)"
    r"|(?P<hole>(?:\.|\[\^?\]?(?:\\.|[^\]])*\]|\\[wS])(?:\+|\*|\{\d+,\d*\})\??)"
    r"|(?P<klass>\[\^?\]?(?:\\.|[^\]])*\])",
)


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
    for holes in (_filled(pattern, filler, first_only=True), _filled(pattern, filler), pattern):
        for seed in range(4):
            value = _generate(holes, seed)
            if value is not None and compiled.fullmatch(value):
                return value
    return filler if compiled.fullmatch(filler) else None


@functools.lru_cache(maxsize=4096)
def occurrence(pattern: str) -> str | None:
    """A string in which the pattern occurs, as short and plain as can be had; None if none is found."""
    plain = _LOOKAROUND.sub("", pattern)
    for seed in range(6):
        value = _generate(_filled(plain, BENIGN), seed)
        if value is not None and found_in(pattern, value) is not False:
            return value
    return None


def _filled(pattern: str, filler: str, *, first_only: bool = False) -> str:
    """The pattern with its open places (``.+``, ``[^/]*`` …) taken by a literal."""
    left = [1 if first_only else -1]

    def replace(found: re.Match[str]) -> str:
        if found.lastgroup != "hole" or left[0] == 0:
            return re.escape(BENIGN) if found.lastgroup == "hole" else found[0]
        left[0] -= 1
        return re.escape(filler)

    return _HOLE.sub(replace, pattern)


def _generate(pattern: str, seed: int) -> str | None:
    try:
        return str(rstr.Rstr(random.Random(seed)).xeger(pattern))
    except (re.error, ValueError, KeyError, TypeError, IndexError, NotImplementedError, RecursionError):
        return None


@functools.lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return None

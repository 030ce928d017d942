"""Notes for people: those that say the same of many things become one; every other report lists them all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_FORMS = {
    "measured": re.compile(r"measured: (?P<what>.+)", re.DOTALL),
    "skipped": re.compile(r"(?P<count>\d+) skipped: (?P<who>[^:]+): (?P<why>.+)", re.DOTALL),
}


@dataclass(frozen=True, slots=True)
class Gathered:
    """A note, and below it a line for each of the things that it stands for: how it begins, and the rest."""

    heading: str
    lines: tuple[tuple[str, str], ...] = ()


def gathered(notes: Sequence[str]) -> Iterator[Gathered]:
    """The notes in their order; those of a form of which there are several stand where the first one stood.

    Forms are the measured figures (``measured: …``) and what was skipped (``N skipped: who: why``), which is
    told once for each reason, the most frequent one first.
    """
    read = [_read(note) for note in notes]
    forms = [form for form, _ in read]
    for number, (note, form) in enumerate(zip(notes, forms, strict=True)):
        if not form or forms.count(form) == 1:
            yield Gathered(note)
        elif form not in forms[:number]:
            found = [match for name, match in read if match and name == form]
            yield _figures(found) if form == "measured" else _skips(found)


def _read(note: str) -> tuple[str, re.Match[str] | None]:
    matches = ((name, form.fullmatch(note)) for name, form in _FORMS.items())
    return next((one for one in matches if one[1]), ("", None))


def _figures(measured: Sequence[re.Match[str]]) -> Gathered:
    return Gathered("measured:", tuple(("", one["what"]) for one in measured))


def _skips(skipped: Sequence[re.Match[str]]) -> Gathered:
    reasons: dict[str, list[re.Match[str]]] = {}
    for one in skipped:
        reasons.setdefault(one["why"], []).append(one)
    counts = {why: sum(int(one["count"]) for one in ones) for why, ones in reasons.items()}
    wide = len(str(max(counts.values())))
    lines = []
    for why, count in sorted(counts.items(), key=lambda one: -one[1]):
        first, *others = (one["who"] for one in reasons[why])
        more = f" and {len(others)} more" if others else ""
        lines.append((f"{count:>{wide}}", f"{first}{more}: {why}"))
    what = "reason" if len(lines) == 1 else "reasons"
    heading = f"{sum(counts.values())} skipped for {len(lines)} {what} (json and html name each):"
    return Gathered(heading, tuple(lines))

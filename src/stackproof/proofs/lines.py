"""Hypothesis strategies for log lines: those that satisfy a filter pattern, and those that just miss it."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from stackproof.fabric.logs.columns import Column, Columns, Test
from stackproof.fabric.logs.comparing import Wanted, number
from stackproof.fabric.logs.documents import Check, Documents, Selector
from stackproof.fabric.logs.patterns import Pattern, compiled
from stackproof.fabric.logs.scanning import Joined
from stackproof.fabric.logs.terms import Term, Terms

Text = st.SearchStrategy[str]
_WORDS = st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=8)
_TOKENS = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=8)
_FILLED: Text = st.lists(_TOKENS, max_size=4).map(" ".join)
_ABSENT = object()


def satisfying(pattern: str) -> Text:
    """Lines that satisfy a pattern."""
    found = compiled(pattern)
    return _candidates(found).filter(found.matches)


def missing(pattern: str) -> Text:
    """Lines that do not: near misses first (another case, one value changed, a part gone), then any text."""
    found = compiled(pattern)
    near = _candidates(found).flatmap(_damaged)
    return (near | _contrary(found) | _FILLED | st.text(max_size=20)).filter(
        lambda line: not found.matches(line)
    )


def _candidates(pattern: Pattern) -> Text:
    if isinstance(pattern, Terms):
        return _of_terms(pattern)
    if isinstance(pattern, Columns):
        return _of_columns(pattern, holds=True)
    assert isinstance(pattern, Documents)  # there is no other kind
    return _of_documents(pattern, holds=True)


def _contrary(pattern: Pattern) -> Text:
    """Lines of the pattern's form with values that it does not want."""
    if isinstance(pattern, Columns):
        return _of_columns(pattern, holds=False)
    return _of_documents(pattern, holds=False) if isinstance(pattern, Documents) else _FILLED


def _damaged(line: str) -> Text:
    changed = [line.swapcase(), line[1:], line[:-1], f"{line} more", line.replace(" ", "", 1)]
    return st.sampled_from(changed)


# Terms.


def _of_terms(pattern: Terms) -> Text:
    plain = [_of_term(term) for term in pattern.terms if not term.sign]
    optional = [_of_term(term) for term in pattern.terms if term.sign == "?"]
    parts = plain or ([st.one_of(optional)] if optional else [])
    return st.tuples(_FILLED, *parts, _FILLED).flatmap(st.permutations).map(" ".join)


def _of_term(term: Term) -> Text:
    return st.from_regex(term.text) if term.regex else st.just(term.text)


# Values of comparisons.


def _value(operator: str, wanted: Wanted, holds: bool) -> Text:
    """Texts for which ``operator wanted`` holds (or not, as far as can be told)."""
    amount = number(wanted.text)
    if operator in ("<", ">", "<=", ">=") and amount is not None:
        return _ordered(operator, amount, holds)
    if (operator == "=") != holds:
        return _TOKENS
    if wanted.kind == "regex":
        return st.from_regex(wanted.text)
    head, tail = wanted.text.startswith("*"), wanted.text.endswith("*")
    core = wanted.text.strip("*") if head or tail else wanted.text
    return st.tuples(_WORDS if head else st.just(""), st.just(core), _WORDS if tail else st.just("")).map(
        "".join
    )


def _ordered(operator: str, limit: Decimal, holds: bool) -> Text:
    above = operator.startswith(">") == holds
    whole = int(limit)
    numbers = st.integers(whole, whole + 1000) if above else st.integers(whole - 1000, whole)
    return numbers.map(str)


def _chosen(node: Any, holds: bool) -> st.SearchStrategy[list[Any]]:
    """The leaves that decide: of ``||`` one, of ``&&`` all (the other way round for what shall not hold)."""
    if not isinstance(node, Joined):
        return st.just([node])
    if (node.operator == "&&") == holds:
        every = st.tuples(*[_chosen(part, holds) for part in node.parts])
        return every.map(lambda found: [leaf for leaves in found for leaf in leaves])
    return st.one_of([_chosen(part, holds) for part in node.parts])


# Columns.


def _of_columns(pattern: Columns, *, holds: bool) -> Text:
    named = [column for column in pattern.columns if column.condition is not None]
    decided = st.tuples(*[_chosen(column.condition, holds) for column in named])

    def filled(choices: tuple[list[Test], ...]) -> Text:
        values = {test.name: _value(test.operator, test.wanted, holds) for tests in choices for test in tests}
        return st.tuples(*[_column(column, values) for column in pattern.columns]).map(
            lambda parts: " ".join(part for part in parts if part)
        )

    return decided.flatmap(filled)


def _column(column: Column, values: dict[str, Text]) -> Text:
    if column.rest:
        return st.lists(_TOKENS, max_size=3).map(" ".join)
    return values.get(column.name, _TOKENS).map(_quoted)


def _quoted(value: str) -> str:
    return f'"{value}"' if not value or " " in value else value


# Documents.


def _of_documents(pattern: Documents, *, holds: bool) -> Text:
    def filled(checks: list[Check]) -> Text:
        fields = st.tuples(*[st.tuples(st.just(check.selector), _field(check, holds)) for check in checks])
        return st.tuples(st.dictionaries(_TOKENS, _WORDS, max_size=2), fields).map(_document)

    return _chosen(pattern.condition, holds).flatmap(filled)


def _field(check: Check, holds: bool) -> st.SearchStrategy[Any]:
    """The value at a selector; ``_ABSENT`` leaves it out."""
    fixed: dict[str, Any] = {"NOT EXISTS": _ABSENT, "IS NULL": None, "IS TRUE": True, "IS FALSE": False}
    if check.wanted is None:
        right = fixed[check.operator]
        return (
            st.just(right)
            if holds
            else st.sampled_from([one for one in (*fixed.values(), 0) if one is not right])
        )
    texts = _value(check.operator, check.wanted, holds)
    if check.operator in ("=", "!="):
        amount = number(check.wanted.text) if check.wanted.kind == "word" else None
        return texts if amount is None else texts | texts.map(_number)
    return texts.map(_number)


def _number(text: str) -> Any:
    amount = number(text)
    if amount is None:
        return text
    return int(amount) if amount == int(amount) else float(amount)


def _document(drawn: tuple[dict[str, Any], tuple[tuple[Selector, Any], ...]]) -> str:
    document: dict[str, Any] = dict(drawn[0])
    for selector, value in drawn[1]:
        if value is not _ABSENT:
            _put(document, selector, value)
    return json.dumps(document)


def _put(node: Any, selector: Selector, value: Any) -> None:
    for step, following in pairwise(selector):
        node = _child(node, step, [] if isinstance(following, int) else {})
    _child(node, selector[-1], value, replace=True)


def _child(node: Any, step: str | int, fresh: Any, *, replace: bool = False) -> Any:
    """What stands at a step, made if it is not there; a place of another form is taken over."""
    if isinstance(step, int) and isinstance(node, list):
        node += [None] * (step + 1 - len(node))
    elif not (isinstance(step, str) and isinstance(node, dict)):
        return fresh
    known = node[step] if isinstance(step, int) else node.get(step)
    if replace or not isinstance(known, type(fresh)):
        node[step] = fresh
    return node[step]

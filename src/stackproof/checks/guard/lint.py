"""What the engine only finds out while it evaluates: names that a rule uses and nobody defines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stackproof.checks.guard.lexer import Token
from stackproof.checks.guard.source import RuleFile, Statement
from stackproof.model import Location, Problem


def dangling(source: RuleFile, parameters: Sequence[str] = ()) -> list[Problem]:
    """Variables that no ``let``, parameter or capture defines.

    Parameterised rules are left to the engine: they may never be called.
    ``parameters`` are the names of the set's input parameters.
    """
    shared = {s.name for s in source.statements if s.kind == "let"}
    problems: list[Problem] = []
    for statement in source.statements:
        if statement.parameters:
            continue
        known = shared | set(statement.parameters) | set(_local(statement.body))
        for token in _used(statement, known):
            line, column = source.position(token.start)
            message = f"rule {statement.name} uses {token.text}, which nothing defines"
            if token.value in parameters:
                message += f"; an input parameter is a key of the document: write {token.value}"
            location = Location(source.file, line, column)
            problems.append(Problem(message, location=location, rule=statement.name))
    return problems


def _local(body: Sequence[Token]) -> Iterator[str]:
    """Names bound inside a rule: ``let name =``, ``[ name | … ]`` and ``[ name ]``."""
    for index, token in enumerate(body[:-1]):
        following = body[index + 1]
        if token.text == "let" and following.kind == "word":
            yield following.text
        elif token.kind == "word" and following.text in {"|", "]"}:
            yield token.text


def _used(statement: Statement, known: set[str]) -> Iterator[Token]:
    for token in statement.body:
        if token.kind == "variable" and token.value not in known:
            known.add(token.value)
            yield token

"""A Guard rule file cut into its rules, each with everything it needs to run alone."""

from __future__ import annotations

import bisect
import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from stackproof.checks.guard.lexer import Token, tokens

_OPEN = {"{", "[", "("}
_CLOSE = {"}", "]", ")"}


@dataclass(frozen=True, slots=True)
class Statement:
    """A ``rule`` or a ``let`` at the top of a file.

    ``start`` and ``end`` are offsets in the file's text; ``body`` the tokens without comments.
    """

    kind: str
    name: str
    start: int
    end: int
    body: tuple[Token, ...]
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class RuleFile:
    """The text of a rule file and its statements.

    ``rules`` holds every rule by name; a name that stands more than once has several statements, as
    Guard allows. ``loose`` is True when clauses stand outside any rule (Guard's ``default`` rule).
    """

    file: str
    text: str
    statements: tuple[Statement, ...]
    loose: bool = False
    types: frozenset[str] = frozenset()
    type_pattern: bool = False
    _lines: tuple[int, ...] = field(default=(), repr=False)

    @functools.cached_property
    def rules(self) -> dict[str, list[Statement]]:
        """Rules by name, parameterised ones too."""
        found: dict[str, list[Statement]] = {}
        for statement in self.statements:
            if statement.kind == "rule":
                found.setdefault(statement.name, []).append(statement)
        return found

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column (1-based) of an offset."""
        line = bisect.bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def closure(self, name: str) -> tuple[Statement, ...]:
        """The statements that the rule needs, itself among them, in the file's order."""
        wanted = [s for s in self.statements if s.kind == "rule" and s.name == name]
        by_rule, by_let = self.rules, self._lets
        seen: set[int] = set()
        while wanted:
            statement = wanted.pop()
            if statement.start in seen:
                continue
            seen.add(statement.start)
            for token in statement.body:
                if token.kind == "word" and token.value != statement.name:
                    wanted.extend(by_rule.get(token.value, ()))
                elif token.kind == "variable":
                    wanted.extend(by_let.get(token.value, ()))
        return tuple(s for s in self.statements if s.start in seen)

    def alone(self, name: str) -> str:
        """The text of one rule with what it needs; the whole file when that cannot be told."""
        return self.part(frozenset([name]))

    def part(self, names: frozenset[str]) -> str:
        """The text of some rules with what they need, in the file's order."""
        if self.loose:
            return self.text
        kept = {statement.start: statement for name in names for statement in self.closure(name)}
        return "\n".join(self.text[kept[start].start : kept[start].end] for start in sorted(kept))

    @functools.cached_property
    def _lets(self) -> dict[str, list[Statement]]:
        found: dict[str, list[Statement]] = {}
        for statement in self.statements:
            if statement.kind == "let":
                found.setdefault(statement.name, []).append(statement)
        return found


def parse(file: str, text: str) -> RuleFile:
    """Cut a rule file. Never fails: what the engine would refuse gives fewer statements."""
    stream = [token for token in tokens(text) if token.kind != "comment"]
    statements, loose = _cut(stream)
    lines = (0, *(found.end() for found in re.finditer("\n", text)))
    types, pattern = types_of(stream)
    return RuleFile(file, text, tuple(statements), loose, types, pattern, lines)


def _cut(stream: Sequence[Token]) -> tuple[list[Statement], bool]:
    statements: list[Statement] = []
    loose = False
    index = 0
    while index < len(stream):
        token = stream[index]
        end = _end_of(stream, index)
        if token.kind == "word" and token.text in {"rule", "let"} and index + 1 < len(stream):
            statements.append(_statement(stream[index:end]))
        else:
            loose = True
        index = end
    return statements, loose


def _end_of(stream: Sequence[Token], index: int) -> int:
    """The index after the statement at ``index``: a rule ends with its block, a let before the next one."""
    depth = 0
    is_rule = stream[index].text == "rule"
    for position in range(index, len(stream)):
        token = stream[position]
        if token.kind == "mark" and token.text in _OPEN:
            depth += 1
        elif token.kind == "mark" and token.text in _CLOSE:
            depth -= 1
            if depth <= 0 and is_rule and token.text == "}":
                return position + 1
        elif depth == 0 and position > index and _starts(stream, position):
            return position
    return len(stream)


def _starts(stream: Sequence[Token], position: int) -> bool:
    token = stream[position]
    if token.kind != "word" or token.text not in {"rule", "let"} or position + 1 >= len(stream):
        return False
    before = stream[position - 1].text
    return stream[position + 1].kind == "word" and before not in {".", "%", "=", ":="}


def _statement(part: Sequence[Token]) -> Statement:
    name = part[1].text
    parameters: list[str] = []
    if part[0].text == "rule" and len(part) > 2 and part[2].text == "(":
        for token in part[3:]:
            if token.text == ")":
                break
            if token.kind == "word":
                parameters.append(token.text)
    return Statement(part[0].text, name, part[0].start, part[-1].end, tuple(part), tuple(parameters))


_TYPE = re.compile(r"^[A-Za-z0-9]+(::[A-Za-z0-9]+){1,2}$")


def types_of(stream: Iterable[Token]) -> tuple[frozenset[str], bool]:
    """The resource types that the tokens name, and whether one is given by a pattern instead."""
    types: set[str] = set()
    pattern = False
    for token in stream:
        if token.kind == "type":
            types.add(token.text)
        elif token.kind == "string" and _TYPE.match(token.value):
            types.add(token.value)
        elif token.kind == "regex" and "::" in token.value:
            pattern = True
    return frozenset(types), pattern


def name_clashes(files: Iterable[RuleFile]) -> Mapping[str, list[RuleFile]]:
    """Rule names that stand in more than one file of a set (parameterised helpers are private to a file)."""
    owners: dict[str, list[RuleFile]] = {}
    for file in files:
        for name, statements in file.rules.items():
            if any(not statement.parameters for statement in statements):
                owners.setdefault(name, []).append(file)
    return {name: found for name, found in owners.items() if len(found) > 1}

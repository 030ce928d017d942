"""What a rule can reach in a template, read from its tokens; when in doubt, everything."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stackproof.checks.guard.lexer import Token
from stackproof.checks.guard.source import RuleFile, types_of
from stackproof.model import DocPath

_OR = {"or", "OR", "|OR|"}
_TYPED, _LOOKUP, _ANY = "typed", "lookup", "any"
_EXISTS = ("exists", "EXISTS")
_COMPARE = {"==", "!=", "<", ">", "<=", ">=", "in", "IN"}
_CONSTANTS = {"true", "false", "null"}
FUNCTIONS = {
    "count",
    "join",
    "json_parse",
    "now",
    "parse_boolean",
    "parse_char",
    "parse_epoch",
    "parse_float",
    "parse_int",
    "parse_string",
    "regex_replace",
    "substring",
    "to_lower",
    "to_upper",
    "url_decode",
}
_LOOKS_AT_ALL = {"==", "!=", "in", "IN", "keys", "KEYS", ")"}


@dataclass(frozen=True, slots=True)
class Reach:
    """``types``: the only resource types that the rule selects, None for any resource. ``named``: the same,
    but a rule that besides looks resources up by their name (``%doc.Resources[ … ]``) counts as well.

    ``words``: every name and string in the rule. ``wild``: a wildcard may stand for the first key of
    the properties, so that ``words`` do not bound what is reached; ``deep``: for a key below, or
    the rule compares whole structures.
    """

    types: frozenset[str] | None
    named: frozenset[str] | None
    words: frozenset[str]
    wild: bool
    deep: bool

    def resource(self, kind: str) -> bool:
        """Whether an unknown in a resource of this type can matter to the rule."""
        return self.named is None or kind in self.named

    def path(self, path: DocPath, kind: str = "") -> bool:
        """Whether the rule can look at a value at this path (``kind``: the type of its resource)."""
        if not path:
            return True
        if path[0] not in self.words and path[0] != "Resources":
            return self.wild and self.named is None
        if path[0] != "Resources" or len(path) < 3:
            return True
        if not self.resource(kind):
            return False
        if path[2] != "Properties":
            return self.wild or path[2] in self.words
        if self.wild:
            return True
        keys = [key for key in path[3:] if isinstance(key, str)]
        return all(key in self.words for key in (keys[:1] if self.deep else keys))


@functools.lru_cache(maxsize=4096)
def reach(file: RuleFile, rule: str) -> Reach:
    """What one rule of a file can reach."""
    body = [token for statement in file.closure(rule) for token in statement.body]
    types, pattern = types_of(body)
    words = frozenset(token.value for token in body if token.kind in {"word", "string", "type"})
    mentions = set(_mentions(body))
    bounded = bool(types) and not pattern and not file.loose
    return Reach(
        types=types if bounded and mentions <= {_TYPED} else None,
        named=types if bounded and mentions <= {_TYPED, _LOOKUP} else None,
        words=words,
        wild=file.loose or _wild(body),
        deep=_deep(body),
    )


@functools.lru_cache(maxsize=4096)
def independent(file: RuleFile, rule: str) -> bool:
    """Whether a rule surely looks at each resource for itself: none can change another's answer.

    It must not refer to other rules, compare two places, count, or ask for some among all resources.
    """
    if file.loose or reach(file, rule).types is None:
        return False
    body = [token for statement in file.closure(rule) for token in statement.body]
    helpers = {name for name, found in file.rules.items() if all(s.parameters for s in found)}
    for index, token in enumerate(body[:-1]):
        following = body[index + 1]
        if (
            token.kind == "word"
            and token.text in file.rules
            and token.text != rule
            and token.text not in helpers
        ):
            return False
        if token.kind == "word" and token.text in {"some", "SOME"} and _whole(following):
            return False
    return not relates(body)


def _whole(token: Token) -> bool:
    return token.kind == "variable" or token.text == "Resources"


def _mentions(body: Sequence[Token]) -> Iterator[str]:
    """For every mention of ``Resources`` what it selects: named types, one by its name, or anything."""
    for index, token in enumerate(body):
        if token.kind != "word" or token.text != "Resources":
            continue
        following = [t.text for t in body[index + 1 : index + 4]]
        if following[:3] == [".", "*", "["]:
            yield _TYPED if _filters_type(body, index + 4) else _ANY
        elif following and following[0] in _EXISTS:
            yield _TYPED
        else:
            yield _LOOKUP if _by_name(body[index + 1 : index + 5]) else _ANY


def _by_name(following: Sequence[Token]) -> bool:
    """Whether ``Resources`` is followed by one name: ``['A']``, ``.%name``, ``[ keys == %name ]``."""
    if len(following) < 2 or following[0].text not in {".", "["}:
        return False
    if following[1].text in {"keys", "KEYS"}:
        return (
            len(following) > 3 and following[2].text == "==" and following[3].kind in {"variable", "string"}
        )
    return following[1].kind in {"variable", "string"}


def _filters_type(body: Sequence[Token], start: int) -> bool:
    """Whether a filter demands a type: as one of its clauses, or as every alternative of an ``or``."""
    depth = 1
    alternatives, positive = 1, 0
    for index in range(start, len(body)):
        token = body[index]
        if token.kind == "mark" and token.text in {"[", "("}:
            depth += 1
        elif token.kind == "mark" and token.text in {"]", ")"}:
            depth -= 1
            if depth == 0:
                break
        elif depth == 1 and token.text in _OR:
            alternatives += 1
        elif depth == 1 and _demands(body, index):
            if body[index - 1].text not in _OR and body[_after_value(body, index + 2)].text not in _OR:
                return True
            positive += 1
    return positive >= alternatives


def _demands(body: Sequence[Token], index: int) -> bool:
    if body[index].text != "Type" or index + 2 >= len(body):
        return False
    return body[index - 1].text not in {".", "!", "not", "NOT"} and body[index + 1].text in {"==", "in", "IN"}


def _after_value(body: Sequence[Token], index: int) -> int:
    depth = 0
    for position in range(index, len(body)):
        depth += {"[": 1, "]": -1}.get(body[position].text, 0)
        if depth == 0:
            return min(position + 1, len(body) - 1)
    return len(body) - 1


def _wild(body: Sequence[Token]) -> bool:
    for index, token in enumerate(body):
        before = body[index - 1].text if index else ""
        after = body[index + 1].text if index + 1 < len(body) else ""
        if token.text == "*" and before == ".":
            owner = body[index - 2] if index > 1 else token
            if owner.text == "Properties" or owner.kind not in {"word", "string"}:
                return True
        elif (
            (token.kind == "variable" and before == ".")
            or (token.kind == "word" and token.text in {"keys", "KEYS"})
            or (token.text == "Properties" and (after in _LOOKS_AT_ALL or after == "["))
            or (token.text in {"this", "THIS"} and before != "." and after not in {".", "exists", "!", "not"})
        ):
            return True
    return False


def _deep(body: Sequence[Token]) -> bool:
    """Whether keys that are not named are reached: by a wildcard, or as part of a whole structure."""
    return relates(body) or any(_opens(body, index) for index in range(len(body)))


def _opens(body: Sequence[Token], index: int) -> bool:
    token, before = body[index], body[index - 1].text if index else ""
    if token.text == "*":
        return before == "." and body[index - 2].text != "Resources"
    if token.kind == "variable":
        return before == "."
    return token.text in {"keys", "KEYS"} or (token.text == "{" and before in {*_COMPARE, ",", "["})


def relates(body: Sequence[Token]) -> bool:
    """Whether a rule compares with, or computes from, other places of the document, not only literals."""
    known = literal_lets(body)
    return any(_elsewhere(body[index], body[index + 1], known) for index in range(len(body) - 1))


def literal_lets(body: Sequence[Token]) -> set[str]:
    """The variables that hold literals."""
    lets = (i for i in range(len(body) - 3) if body[i].text == "let" and _literal(body[i + 3]))
    return {body[i + 1].text for i in lets}


def _elsewhere(token: Token, following: Token, known: set[str]) -> bool:
    if token.text in _COMPARE and following.kind == "word":
        return following.text.lower() not in _CONSTANTS
    if token.text in _COMPARE and following.kind == "variable":
        return following.value not in known
    return token.kind == "word" and token.text in FUNCTIONS and following.text == "("


def _literal(token: Token) -> bool:
    return token.kind in {"string", "number", "regex", "range"} or token.text in {"[", "{", "true", "false"}

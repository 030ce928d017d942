"""The template language of API Gateway's mappings: Velocity, as far as mapping templates use it.

``#set``, ``#if``/``#elseif``/``#else``, ``#foreach``, comments, references with properties, methods and
indices, literals and operators. Source: Apache Velocity 1.7 user guide; developer guide of API Gateway,
"Mapping template transformations". A reference without a value prints nothing. Anything else (macros,
``#parse``, ``#include``) raises ``BadTemplate``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from stackproof.fabric.apigateway import nodes
from stackproof.fabric.apigateway.nodes import Part, Scope, Value, shown, true


class BadTemplate(Exception):
    """A template that cannot be read or evaluated; the text says where."""


_NAME = re.compile(r"[A-Za-z_][\w-]*")
_DIRECTIVE = re.compile(
    r"#\{?(set|if|elseif|else|end|foreach|stop|return|macro|parse|include|break)\}?(?![\w])"
)
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<op>\.\.|==|!=|<=|>=|&&|\|\||[-+*/%<>!()\[\]{},:=])"
    r"|(?P<quote>'[^']*'|\"(?:[^\"]|\"\")*\")|(?P<ref>\$)|(?P<word>[A-Za-z_]\w*))"
)
_WORDS = {
    "and": "&&",
    "or": "||",
    "not": "!",
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
}
_LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",), ("&&",), ("==", "!="), ("<", "<=", ">", ">="), ("+", "-"), ("*", "/", "%"),
)  # fmt: skip


def rendered(template: str, variables: Mapping[str, Any]) -> str:
    """A template's text with these variables. Raises ``BadTemplate``."""
    out: list[str] = []
    scope: Scope = dict(variables)
    try:
        for part in compiled(template):
            part(scope, out)
    except nodes.Stop:
        pass
    except (TypeError, ZeroDivisionError) as error:
        raise BadTemplate(str(error)) from error
    return "".join(out)


@lru_cache(maxsize=256)
def compiled(template: str) -> tuple[Part, ...]:
    """A template ready to run."""
    reader = _Reader(template)
    parts, ended = reader.block(())
    if ended:
        raise BadTemplate(f"#{ended} without a beginning")
    return tuple(parts)


@dataclass(slots=True)
class _Reader:
    text: str
    at: int = 0

    # Text and directives.

    def block(self, until: tuple[str, ...]) -> tuple[list[Part], str]:
        """The parts up to one of some directives, and which one it was."""
        parts: list[Part] = []
        while self.at < len(self.text):
            start = self.at
            sign = self.text[start]
            if sign == "$":
                value = self.reference()
                parts.append(nodes.printed(value) if value else nodes.text("$"))
            elif self.text.startswith("##", start):
                end = self.text.find("\n", start)
                self.at = len(self.text) if end < 0 else end + 1
            elif self.text.startswith("#*", start):
                end = self.text.find("*#", start)
                self.at = len(self.text) if end < 0 else end + 2
            elif sign == "#" and (found := _DIRECTIVE.match(self.text, start)):
                self.at = found.end()
                if found[1] in ("end", "else", "elseif"):
                    if found[1] not in until:
                        raise BadTemplate(f"#{found[1]} at character {start + 1} has no beginning")
                    if found[1] != "elseif":
                        self.line_end()
                    return parts, found[1]
                parts.append(self.directive(found[1], start))
            else:
                match = re.compile(r"[$#]").search(self.text, start + 1)
                self.at = match.start() if match else len(self.text)
                parts.append(nodes.text(self.text[start : self.at]))
        if until:
            raise BadTemplate(f"the template ends before {' or '.join('#' + one for one in until)}")
        return parts, ""

    def line_end(self) -> None:
        """A directive takes the rest of its line when that is blank."""
        found = re.compile(r"[ \t]*\r?\n").match(self.text, self.at)
        if found:
            self.at = found.end()

    def directive(self, name: str, start: int) -> Part:
        if name == "set":
            return self._set()
        if name == "if":
            return self._if()
        if name == "foreach":
            return self._foreach()
        if name in ("stop", "return", "break"):
            return nodes.raising(nodes.Break if name == "break" else nodes.Stop)
        raise BadTemplate(f"#{name} at character {start + 1} is not emulated")

    def _set(self) -> Part:
        self.expect("(")
        self.expect("$")
        braced = self.text.startswith("{", self.at)
        self.at += braced
        path = [self.name()]
        while self.text.startswith(".", self.at):
            self.at += 1
            path.append(self.name())
        if braced:
            self.expect("}")
        self.expect("=")
        value = self.expression()
        self.expect(")")
        self.line_end()
        return nodes.assigned(tuple(path), value)

    def _if(self) -> Part:
        branches: list[tuple[Value, list[Part]]] = []
        word = "elseif"
        while word == "elseif":
            self.expect("(")
            condition = self.expression()
            self.expect(")")
            self.line_end()
            parts, word = self.block(("elseif", "else", "end"))
            branches.append((condition, parts))
        rest: list[Part] = []
        if word == "else":
            rest, _ = self.block(("end",))

        def run(scope: Scope, out: list[str]) -> None:
            chosen = next((parts for condition, parts in branches if true(condition(scope))), rest)
            for part in chosen:
                part(scope, out)

        return run

    def _foreach(self) -> Part:
        self.expect("(")
        self.expect("$")
        name = self.name()
        if self.token() != ("word", "in"):
            raise BadTemplate("#foreach wants ($name in …)")
        source = self.expression()
        self.expect(")")
        self.line_end()
        parts, _ = self.block(("end",))

        def run(scope: Scope, out: list[str]) -> None:
            items = list(nodes.items(source(scope)))
            outer = {key: scope.get(key) for key in (name, "foreach", "velocityCount")}
            try:
                for index, item in enumerate(items):
                    facts = {"index": index, "count": index + 1, "hasNext": index + 1 < len(items),
                             "first": index == 0, "last": index + 1 == len(items)}  # fmt: skip
                    scope.update({name: item, "foreach": facts, "velocityCount": index + 1})
                    for part in parts:
                        part(scope, out)
            except nodes.Break:
                pass
            scope.update(outer)

        return run

    # Expressions.

    def token(self) -> tuple[str, str]:
        found = _TOKEN.match(self.text, self.at)
        if found is None or found.lastgroup is None:
            raise BadTemplate(f"unexpected {self.text[self.at : self.at + 10]!r} at character {self.at + 1}")
        self.at = found.end()
        return found.lastgroup, found[found.lastgroup]

    def peek(self) -> str:
        found = _TOKEN.match(self.text, self.at)
        if found is None or found.lastgroup is None:
            return ""
        word = found[found.lastgroup]
        return _WORDS.get(word, word)

    def expect(self, text: str) -> None:
        found = re.compile(r"\s*" + re.escape(text)).match(self.text, self.at)
        if found is None:
            raise BadTemplate(f"expected {text!r} at character {self.at + 1}")
        self.at = found.end()

    def name(self) -> str:
        found = _NAME.match(self.text, self.at)
        if found is None:
            raise BadTemplate(f"expected a name at character {self.at + 1}")
        self.at = found.end()
        return found[0]

    def expression(self, level: int = 0) -> Value:
        if level == len(_LEVELS):
            return self.unary()
        left = self.expression(level + 1)
        while self.peek() in _LEVELS[level]:
            _, word = self.token()
            left = nodes.binary(_WORDS.get(word, word), left, self.expression(level + 1))
        return left

    def unary(self) -> Value:
        if self.peek() == "!":
            self.token()
            inner = self.unary()
            return lambda scope: not true(inner(scope))
        if self.peek() == "-":
            self.token()
            negated = self.unary()
            return lambda scope: -negated(scope)
        return self.primary()

    def primary(self) -> Value:
        kind, text = self.token()
        if kind == "number":
            number = float(text) if "." in text else int(text)
            return lambda scope: number
        if kind == "quote":
            return _quoted(text)
        if kind == "ref":
            self.at -= 1
            value = self.reference()
            if value is None:
                raise BadTemplate(f"expected a reference at character {self.at + 1}")
            return value
        if kind == "word" and text in ("true", "false", "null"):
            known = {"true": True, "false": False, "null": None}[text]
            return lambda scope: known
        if text == "(":
            inner = self.expression()
            self.expect(")")
            return inner
        if text == "[":
            return self._list()
        if text == "{":
            return self._map()
        raise BadTemplate(f"unexpected {text!r} before character {self.at + 1}")

    def _list(self) -> Value:
        values = self.values("]")
        if len(values) == 1 and isinstance(values[0], nodes.Range):
            return values[0]
        return lambda scope: [value(scope) for value in values]

    def _map(self) -> Value:
        pairs: list[tuple[Value, Value]] = []
        while self.peek() != "}":
            key = self.expression()
            self.expect(":")
            pairs.append((key, self.expression()))
            if self.peek() == ",":
                self.token()
        self.expect("}")
        return lambda scope: {shown(key(scope)): value(scope) for key, value in pairs}

    def values(self, end: str) -> list[Value]:
        """Expressions up to a closing sign."""
        found: list[Value] = []
        while self.peek() != end:
            one = self.expression()
            if self.peek() == "..":
                self.token()
                one = nodes.Range(one, self.expression())
            found.append(one)
            if self.peek() == ",":
                self.token()
        self.expect(end)
        return found

    def reference(self) -> Value | None:
        """A reference from its ``$`` on; None when the sign is only a sign."""
        found = re.compile(r"\$!?(\{)?([A-Za-z_][\w-]*)").match(self.text, self.at)
        if found is None:
            self.at += 1
            return None
        self.at = found.end()
        value = nodes.variable(found[2])
        while True:
            after = re.compile(r"\.([A-Za-z_][\w-]*)(\()?|\[").match(self.text, self.at)
            if after is None:
                break
            self.at = after.end()
            if after[0] == "[":
                (index,) = self.values("]")
                value = nodes.indexed(value, index)
            elif after[2]:
                value = nodes.called(value, after[1], self.values(")"))
            else:
                value = nodes.member(value, after[1])
        if found[1]:
            self.expect("}")
        return value


def _quoted(text: str) -> Value:
    inner = text[1:-1]
    if text[0] == "'":
        return lambda scope: inner
    parts = compiled(inner.replace('""', '"'))

    def value(scope: Scope) -> str:
        out: list[str] = []
        for part in parts:
            part(scope, out)
        return "".join(out)

    return value

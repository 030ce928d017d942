"""Filter patterns of terms: ``ERROR "out of memory" -Exiting``, ``?ERROR ?WARN``, ``%40[13]%``.

All plain terms must be there, none of the excluded ones; of the optional ones at least one, and these say
nothing beside plain or excluded ones. Source: CloudWatch Logs user guide, "Using filter patterns to match
terms in unstructured log events".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stackproof.fabric.logs.comparing import InvalidPattern, regex
from stackproof.fabric.logs.scanning import Scanner

_TERM = re.compile(r"[^\s\"%]+")
_PLAIN = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Term:
    """``sign`` is "", ``-`` or ``?``."""

    sign: str
    text: str
    regex: bool = False

    def found(self, message: str) -> bool:
        """Whether the term is in a message."""
        return regex(self.text).search(message) is not None if self.regex else self.text in message


@dataclass(frozen=True, slots=True)
class Terms:
    """A parsed pattern of terms."""

    terms: tuple[Term, ...]

    def matches(self, message: str) -> bool:
        """Whether a message has what is wanted."""
        return self.extract(message) is not None

    def extract(self, message: str) -> dict[str, str] | None:
        """No values come out of terms; None when there is no match."""
        plain = [term for term in self.terms if not term.sign]
        barred = [term for term in self.terms if term.sign == "-"]
        optional = [term for term in self.terms if term.sign == "?"]
        if plain or barred:
            good = all(term.found(message) for term in plain) and not any(
                term.found(message) for term in barred
            )
        else:
            good = not optional or any(term.found(message) for term in optional)
        return {} if good else None

    def regexes(self) -> int:
        """How many regular expressions it has."""
        return sum(term.regex for term in self.terms)


def parse(text: str) -> Terms:
    """Terms from a text; raises ``InvalidPattern``."""
    scanner = Scanner(text)
    found: list[Term] = []
    while not scanner.done():
        sign = "-" if scanner.take("-") else "?" if scanner.take("?") else ""
        if scanner.peek('"'):
            found.append(Term(sign, scanner.quoted()))
        elif scanner.peek("%"):
            expression = scanner.quoted("%")
            regex(expression)
            found.append(Term(sign, expression, regex=True))
        else:
            word = scanner.match(_TERM)
            if _PLAIN.fullmatch(word) is None:
                raise InvalidPattern(f"Invalid character(s) in term '{word}'")
            found.append(Term(sign, word))
    return Terms(tuple(found))

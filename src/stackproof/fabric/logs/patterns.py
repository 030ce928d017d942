"""Filter patterns of CloudWatch Logs: terms, columns in brackets, JSON in braces; the empty one takes all.

Source: CloudWatch Logs user guide, "Filter pattern syntax for metric filters, subscription filters, filter
log events, and Live Tail".
"""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

from stackproof.fabric.logs import columns, documents, terms
from stackproof.fabric.logs.comparing import InvalidPattern

__all__ = ["InvalidPattern", "Pattern", "compiled"]
_MOST_REGEXES = 2


class Pattern(Protocol):
    """A parsed pattern."""

    def matches(self, message: str) -> bool:
        """Whether a log event's message satisfies it."""
        ...

    def extract(self, message: str) -> dict[str, str] | None:
        """The values that it takes out of a message that satisfies it, None when it does not."""
        ...

    def regexes(self) -> int:
        """How many regular expressions it has."""
        ...


@lru_cache(maxsize=1000)
def compiled(text: str) -> Pattern:
    """The pattern that a text writes; raises ``InvalidPattern``."""
    stripped = text.strip()
    if stripped.startswith("{"):
        found: Pattern = documents.parse(stripped)
    elif stripped.startswith("["):
        found = columns.parse(stripped)
    else:
        return terms.parse(stripped)
    if found.regexes() > _MOST_REGEXES:
        raise InvalidPattern(f"a pattern may have {_MOST_REGEXES} regular expressions at most")
    return found

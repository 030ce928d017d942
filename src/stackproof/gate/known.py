"""Which rules there are, so that a name that means none is refused instead of selecting nothing."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection, Iterable, Iterator

from stackproof.config import Config
from stackproof.errors import ConfigError, UsageError
from stackproof.gate.request import CheckRequest
from stackproof.model import RuleInfo

ROOMS = (
    "stackproof.verdict",
    "stackproof.template",
    "stackproof.checks.guard",
    "stackproof.checks.guard.testing",
    "stackproof.gate",
)

_LETTERS = "EWI"
_DIGITS = 4
_HINT = "'stackproof explain \"*\"' shows the rules; globs are case-sensitive"


def own_rules() -> Iterator[RuleInfo]:
    """The tables called ``RULES`` of every module in a room whose name says that it holds rules."""
    import importlib
    import pkgutil

    for room in ROOMS:
        package = importlib.import_module(room)
        for module in pkgutil.iter_modules(package.__path__):
            if module.name == "rules" or module.name.endswith("_rules"):
                table = getattr(importlib.import_module(f"{room}.{module.name}"), "RULES", {})
                yield from table.values()


def refuse_unknown(request: CheckRequest, config: Config, rules: Iterable[RuleInfo]) -> None:
    """Raise for a ``select`` that means no rule: ``UsageError`` (command line) or ``ConfigError``."""
    if not request.select and not config.select:
        return
    known = {rule.id for rule in rules}
    for glob in request.select:
        if not _means_a_rule(glob, known):
            raise UsageError(f"'--select {glob}' matches no rule", hint=_HINT)
    for glob in config.select:
        if not _means_a_rule(glob, known):
            raise ConfigError(f"'{glob}' in 'select' matches no rule", file=config.file, hint=_HINT)


def _means_a_rule(glob: str, known: Collection[str]) -> bool:
    if any(fnmatch.fnmatchcase(name, glob) for name in known) or _may_be_lint(glob):
        return True
    return any(fnmatch.fnmatchcase(rule.id, glob) for rule in own_rules())


def _may_be_lint(glob: str) -> bool:
    """Whether a cfn-lint id, a letter and four digits, can match; cfn-lint itself is not asked."""
    match = re.compile(fnmatch.translate(glob)).match
    numbers = range(10**_DIGITS)
    return any(match(f"{letter}{number:0{_DIGITS}}") for letter in _LETTERS for number in numbers)

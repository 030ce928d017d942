"""Reading the rules of a benchmark: which check each is, where it can be answered, and what is excluded.

profile: {id: cis, catalogue: al2023}
groups:
  - kind: sshd                  # one of kinds.KINDS
    where: [image, runtime]     # capabilities of which the host needs one; each host with one is checked
    now: sysctl-now             # kind for a booted host with a kernel of its own, where that is another one
    level: 1
    rules:
      sshd_disable_root_login: {option: permitrootlogin, is: "no"}
excluded:
  rsyslog_remote_loghost: {reason: …}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stackproof.errors import ConfigError
from stackproof.hosts.benchmark.kinds import KINDS
from stackproof.hosts.document import Settings, read
from stackproof.hosts.model import CAPABILITIES
from stackproof.model import Location


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: ``settings`` are its kind's; ``reason`` is why it is excluded ("" when it is not).

    ``where`` are capabilities: the rule is checked on every host that has one of them. ``number`` is the
    benchmark's own number of the rule, where the catalogue gives one. ``now`` is the kind that asks a booted
    host with a kernel of its own what it does, where ``kind`` reads what boot will do ("" when none does).
    """

    id: str
    kind: str
    level: int
    where: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    number: str = ""
    reason: str = ""
    now: str = ""
    location: Location = field(default_factory=lambda: Location(""))


@dataclass(frozen=True, slots=True)
class Benchmark:
    """All rules by id, those that are excluded among them."""

    file: str
    catalogue: str
    rules: Mapping[str, Rule]

    def checked(self, level: int = 2) -> tuple[Rule, ...]:
        """The rules up to a level that are not excluded."""
        return tuple(one for one in self.rules.values() if one.level <= level and not one.reason)


def load(path: Path, root: Path) -> Benchmark:
    """The benchmark of a file. Raises ``ConfigError`` with file, line and column."""
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    document = read(path, name)
    catalogue = document.text("catalogue")
    rules: dict[str, Rule] = {}
    for group in document.listed("groups"):
        for rule in _group(group):
            _once(rules, rule)
    excluded = document.inside("excluded")
    for key, own in excluded.each() if excluded else ():
        level, reason = own.integer("level", 1, least=1), own.text("reason")
        number = own.text("number", "")
        own.done()
        _once(rules, Rule(key, "", level, (), {}, number, reason, "", own.location))
    document.done()
    return Benchmark(name, catalogue, rules)


def _group(group: Settings) -> list[Rule]:
    kind = group.choice("kind", sorted(KINDS))
    where = group.texts("where", sorted(CAPABILITIES))
    now = group.choice("now", sorted(KINDS), "")
    level = group.integer("level", 1, least=1)
    defaults = group.plain("defaults") or {}
    rules = group.inside("rules")
    group.done()
    if rules is None:
        raise group.refuse("rules", "'rules' is missing")
    found = []
    for key, own in rules.each():
        given = {**defaults, **{name: own.plain(name) for name in own}}
        number = str(given.pop("number", ""))
        own_level = int(given.pop("level", level))
        found.append(Rule(key, kind, own_level, where, given, number, "", now, own.location))
    return found


def _once(rules: dict[str, Rule], rule: Rule) -> None:
    if rule.id in rules:
        at, first = rule.location, rules[rule.id].location
        message = f"rule '{rule.id}' stands here and at {first}"
        raise ConfigError(message, file=at.file, line=at.line, column=at.column)
    rules[rule.id] = rule

"""A host as the checks see it: what is asked often is asked once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stackproof.errors import BackendError

if TYPE_CHECKING:
    from testinfra.host import Host

Given = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stat:
    """One file: permission bits, owner, group."""

    path: str
    mode: int
    owner: str
    group: str


class View:
    """Wraps a testinfra host; every answer is kept, so a view is for a host that stays as it is."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._kept: dict[str, str] = {}

    def ask(self, command: str, *arguments: str) -> str:
        """What a command prints; raises ``BackendError`` when it fails: no failure reads as nothing."""
        quoted = self.host.backend.quote(command, *arguments)
        if quoted not in self._kept:
            done = self.host.run(command, *arguments)
            if done.rc != 0:
                raise BackendError(f"'{quoted[:200]}' ended with {done.rc}: {done.stderr.strip()[-300:]}")
            self._kept[quoted] = done.stdout
        return self._kept[quoted]

    @property
    def family(self) -> str:
        """``debian`` or ``redhat`` (Amazon Linux, too), from os-release."""
        text = self.ask(". /etc/os-release; echo $ID $ID_LIKE")
        return "debian" if "debian" in text.split() else "redhat"

    def of_family(self, value: Any) -> Any:
        """A value as it is, or the one for this family where it is given by family."""
        if isinstance(value, Mapping) and set(value) <= {"debian", "redhat"}:
            return value.get(self.family)
        return value

    def listed(self, given: Given, key: str) -> list[str]:
        """A list of texts, perhaps by family; a single text is a list of one."""
        found = self.of_family(given.get(key, []))
        return [str(found)] if isinstance(found, str) else [str(one) for one in found or []]

    def stats(self, patterns: list[str]) -> list[Stat]:
        """The files that match shell patterns; none where nothing does."""
        script = 'for f; do for g in $f; do [ -e "$g" ] && stat -L -c "%a|%U|%G|%n" "$g"; done; done; :'
        text = self.ask("sh -c %s sh" + " %s" * len(patterns), script, *patterns)
        rows = (line.split("|", 3) for line in text.splitlines())
        return [Stat(path, int(mode, 8), owner, group) for mode, owner, group, path in rows]

    def lines(self, patterns: list[str]) -> list[tuple[str, str]]:
        """``(file, line)`` of all files that match, without comments, blank lines and outer blanks."""
        script = 'for f in "$@"; do for g in $f; do [ -f "$g" ] && grep -H "" "$g"; done; done; :'
        text = self.ask("sh -c %s sh" + " %s" * len(patterns), script, *patterns)
        found = []
        for row in text.splitlines():
            file, _, line = row.partition(":")
            line = line.strip()
            if line and not line.startswith(("#", ";")):
                found.append((file, line))
        return found


def wrong(found: list[str], limit: int = 5) -> str:
    """Several complaints as one sentence."""
    more = f" and {len(found) - limit} more" if len(found) > limit else ""
    return "; ".join(found[:limit]) + more


def compare(shown: str, given: Given) -> str:
    """Hold a value against ``is``, ``among``, ``least``, ``most`` or ``matches``; empty when it fits."""
    if "is" in given and shown.lower() != str(given["is"]).lower():
        return f"{shown}, not {given['is']}"
    if "among" in given and shown.lower() not in [str(one).lower() for one in given["among"]]:
        return f"{shown}, none of {', '.join(map(str, given['among']))}"
    if "matches" in given and not re.search(str(given["matches"]), shown):
        return f"{shown}, which does not match {given['matches']}"
    for key, word in (("least", "at least"), ("most", "at most")):
        if key not in given:
            continue
        if not re.fullmatch(r"-?\d+", shown):
            return f"{shown}, which is no number"
        if (int(shown) < int(given[key])) if key == "least" else (int(shown) > int(given[key])):
            return f"{shown}, must be {word} {given[key]}"
    return ""

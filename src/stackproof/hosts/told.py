"""What a run of suites tells while it goes on: a line of JSON for each event; an early end loses none.

The process that joins writes them (``Teller``), whoever started it reads them (``document``). The last line
of a run that came to its end is the whole document; of one that did not the document is put together from
the lines that are there.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stackproof.hosts.model import Inventory
from stackproof.model import Location


class Teller:
    """Appends to ``file``; each line is out of this process when ``tell`` returns."""

    def __init__(self, file: Path) -> None:
        self._stream = file.open("a", encoding="utf-8")

    def tell(self, kind: str, **values: Any) -> None:
        """One event. It begins with an empty line: a line before it may have been cut by a signal."""
        self._stream.write(f"\n{json.dumps({'kind': kind, **values}, default=str)}\n")
        self._stream.flush()


def joined(checks: dict[str, dict[str, Any]], nodeid: str, told: Mapping[str, Any]) -> None:
    """Add a phase to a check: it is made when its call ran; the worst phase is its outcome.

    It is not made when a host was lost meanwhile: then nobody knows what it saw.
    """
    known = checks.setdefault(nodeid, {**told, "made": False, "outcome": "passed", "message": ""})
    known["made"] = known["made"] or (told["phase"] == "call" and told["outcome"] != "skipped")
    if told.get("lost"):
        known |= {"made": False, "lost": True, "of_hosts": [*known["of_hosts"], *told["of_hosts"]]}
    ranks = ("passed", "skipped", "failed")
    if ranks.index(told["outcome"]) > ranks.index(known["outcome"]):
        known |= {key: told[key] for key in ("outcome", "message", "related")}


def document(text: str, inventory: Inventory, suites: Sequence[str]) -> dict[str, Any]:
    """What a run told: ``ended`` says whether it came to its end, ``within`` names the checks it was in."""
    checks: dict[str, dict[str, Any]] = {}
    broken: list[dict[str, Any]] = []
    others: dict[str, Any] = {}
    measured: list[str] = []
    begun: dict[str, None] = {}
    for line in _lines(text):
        kind = line["kind"]
        if kind == "begun":
            begun[line["id"]] = None
        elif kind == "over":
            begun.pop(line["id"], None)
        elif kind == "phase":
            joined(checks, line["id"], line["told"])
        elif kind == "other":
            others.setdefault(line["id"], line["told"])
        elif kind == "measured":
            measured.append(line["text"])
        elif kind == "broken":
            broken.append(line["told"])
        elif kind == "ended":
            return {**line["document"], "broken": broken, "ended": True, "within": []}
    return {
        **_empty(inventory, suites, checks),
        "measured": measured,
        "others": others,
        "checks": [{"id": identity, **one} for identity, one in checks.items()],
        "broken": broken,
        "ended": False,
        "within": list(begun),
    }


def at(location: Location) -> dict[str, Any]:
    """A place in plain values."""
    return {"file": location.file, "line": location.line, "column": location.column}


def _empty(inventory: Inventory, suites: Sequence[str], checks: Mapping[str, Any]) -> dict[str, Any]:
    """What is known without the end; hosts of a stack are those that were inspected."""
    numbers = {}
    for suite in suites:
        promise = inventory.promises[suite]
        made = sum(1 for one in checks.values() if one["suite"] == suite and one["made"])
        numbers[suite] = {"promised": promise.checks, "made": made, **at(promise.location)}
    wanted = [one for one in inventory.hosts if set(one.suites) & set(suites)]
    names = [one.name for one in wanted if not one.url.startswith("stack://")]
    names += [str(one["host"]) for one in checks.values()]
    return {
        "inventory": inventory.file,
        "partial": "the run did not come to its end",
        "suites": numbers,
        "hosts": [{"name": name} for name in dict.fromkeys(names)],
    }


def _lines(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict) and "kind" in found:
                yield found

"""What an inspection under pytest notes, counts and concludes; imported when a check uses a host."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

import pytest

from stackproof.errors import CapabilityMissing, StackproofError
from stackproof.hosts.differs import Differs
from stackproof.hosts.inventory import load
from stackproof.hosts.model import CAPABILITIES, HostEntry, Inventory, Running
from stackproof.hosts.stacks import ApiStacks, clients_of, expand
from stackproof.hosts.told import at
from stackproof.plugin.jobs import host_of

if TYPE_CHECKING:
    from stackproof.hosts.session import Session
    from stackproof.plugin.plain import InventoryHost

REQUIRE = "STACKPROOF_REQUIRE_PARTS"
"""With this variable (CI sets it) a machine that lacks what a host needs is a failure, not a skip."""


_OURS = Path(__file__).resolve().parent.parent


class Refused(pytest.Collector.CollectError):
    """A check that cannot be what its author means; ``place`` is its file and line."""

    def __init__(self, message: str, place: tuple[Path, int]) -> None:
        super().__init__(message)
        self.place = place


class Inspection:
    """The inventory of a run and, while it runs, the session with its hosts."""

    def __init__(self, path: Path, root: Path) -> None:
        self.root = root
        self.unknown: Mapping[str, StackproofError] = {}
        """Hosts of which it is not known where they are, and why: each check of one is an error."""
        try:
            self.inventory: Inventory = load(path, root)
            if any(one.url.startswith("stack://") for one in self.inventory.hosts):
                clients = clients_of(self.inventory.connection)
                self.inventory, self.unknown = expand(self.inventory, ApiStacks(clients), clients)
        except StackproofError as error:
            raise pytest.UsageError(str(error)) from error
        self.entries = {one.name: one for one in self.inventory.hosts}
        self.session: Session | None = None
        self._plain: dict[str, Any] = {}

    def plain(self, name: str) -> InventoryHost:
        """What testinfra's fixture ``host`` gives for a host of the inventory; the same one each time."""
        if name not in self._plain:
            from stackproof.plugin.plain import InventoryHost

            self._plain[name] = InventoryHost(name)
        found: InventoryHost = self._plain[name]
        return found

    def suite_of(self, path: Path) -> str:
        """The suite that a file belongs to: the nearest folder above it that the inventory promises."""
        return next((one.name for one in path.parents if one.name in self.inventory.promises), "")

    def hosts_for(self, item: Any) -> tuple[list[str], str]:
        """The hosts that a check inspects, and if there is none, why."""
        suite = self.suite_of(item.path)
        wanted: dict[str, Any] = {}
        for marker in item.iter_markers("hosts"):
            wanted = {**marker.kwargs, **wanted}
        entries = self.inventory.of(suite) if suite else ()
        names = [one.name for one in entries if _matches(one, wanted)]
        if not suite:
            return [], f"{self.inventory.file} promises nothing for a suite of {item.path.parent.name}"
        which = f" with {wanted}" if wanted else ""
        return names, f"{self.inventory.file} has no host{which} for suite {suite}"

    def lacks(self, name: str, item: pytest.Item) -> str:
        """Why the inventory does not let a host be checked so; empty when it does."""
        entry = self.entries[name]
        for capability in _capabilities(item):
            if capability not in entry.capabilities:
                meaning = CAPABILITIES[capability]
                return f"{name} lacks '{capability}': the inventory does not state that {meaning}"
        return ""

    def lacks_really(self, name: str, item: pytest.Item) -> str:
        """The same of the host that was made."""
        if self.session is None or not (wanted := _capabilities(item)):
            return ""
        running = self.session.host(name)
        return next((why for one in wanted if (why := running.why_not(one))), "")


def started(session: Session, name: str) -> Running:
    """The host, made now; skips when it cannot be made here (fails where ``REQUIRE`` is set)."""
    try:
        return session.host(name)
    except CapabilityMissing as error:
        if os.environ.get(REQUIRE):
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
    except StackproofError as error:
        pytest.fail(str(error), pytrace=False)


def broken(error: BaseException, root: Path, read: Path) -> dict[str, Any]:
    """Why ``read``, a file of a suite, cannot be read: the innermost place that is the project's own."""
    cause = getattr(error, "cause", None) or error.__cause__
    if isinstance(cause, BaseException) and type(error).__module__.startswith("_pytest"):
        error = cause
    places = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    message = (
        str(error) if isinstance(error, pytest.Collector.CollectError) else f"{type(error).__name__}: {error}"
    )
    if isinstance(error, SyntaxError) and error.filename:
        places.append((error.filename, error.lineno or 1))
        message = f"{type(error).__name__}: {error.msg}"
    own = [(Path(name), line) for name, line in places if Path(name).is_relative_to(root)]
    own = [one for one in own if "site-packages" not in one[0].parts and _OURS not in one[0].parents]
    own += [error.place] if isinstance(error, Refused) else []
    file, line = own[-1] if own else (read, 1)
    name, of = (
        one.relative_to(root).as_posix() if one.is_relative_to(root) else str(one) for one in (file, read)
    )
    return {"message": message, "file": name, "line": line, "column": 1, "of": of}


def other(report: pytest.TestReport, root: Path) -> dict[str, Any]:
    """Why a check that inspects no host failed, and where."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is None:
        last = str(report.longrepr).strip().rpartition("\n")[2]
        return {"message": last, "file": "", "line": 0, "column": 1}
    path = Path(crash.path)
    file = path.relative_to(root).as_posix() if path.is_relative_to(root) else ""
    return {"message": str(crash.message), "file": file, "line": int(crash.lineno), "column": 1}


def noted(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport, run: Inspection) -> Any:
    """What one phase of a check says, in plain values."""
    host = host_of(item)
    suite = run.suite_of(item.path)
    file = (
        item.path.relative_to(run.root).as_posix() if item.path.is_relative_to(run.root) else str(item.path)
    )
    function = str(getattr(item, "originalname", item.name)).removeprefix("test_")
    named = item.get_closest_marker("check")
    given: dict[str, Any] = {"id": "", "title": "", "file": "", "line": 0, "column": 1, "severity": "error"}
    if named is not None:
        given |= {**({"id": named.args[0]} if named.args else {}), **named.kwargs}
    told: dict[str, Any] = {
        "suite": suite,
        "host": host,
        "rule": given["id"] or f"{suite}.{function}",
        "title": given["title"] or function.replace("_", " "),
        "severity": given["severity"],
        "file": given["file"] or file,
        "line": int(given["line"]) or (item.location[1] or 0) + 1,
        "column": int(given["column"]),
        "phase": report.when,
        "outcome": report.outcome,
        "message": "",
        "related": [],
    }
    if report.skipped and isinstance(report.longrepr, tuple):
        told["message"] = str(report.longrepr[2]).removeprefix("Skipped: ")
    elif report.failed:
        told["message"] = _said(call, report)
        error = call.excinfo.value if call.excinfo else None
        if isinstance(error, Differs) and error.location is not None:
            told["related"] = [{**asdict(error.location), "message": f"here stands {error.said}"}]
    return told


@dataclass(frozen=True, slots=True)
class Told:
    """What all workers told: ``others`` are failures of checks that inspect no host, by their names.

    ``cut`` says why the run ended before its end, "" when it did not.
    """

    checks: Mapping[str, Mapping[str, Any]]
    deselected: int = 0
    others: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    figures: Sequence[str] = ()
    cut: str = ""


def conclude(
    config: pytest.Config, run: Inspection, told: Told, lines: list[str]
) -> tuple[bool, dict[str, Any]]:
    """Hold what was made against what is promised; whether too little was made, and the whole document."""
    partial = told.cut or _partial(config, told.deselected)
    wanted, ignored = _suites(config, run), _ignored(config, run)
    suites = {}
    short = False
    for name, promise in run.inventory.promises.items():
        if name not in wanted:
            continue
        if name in ignored:
            lines.append(f"{name}: left out by --ignore")
            continue
        made = sum(1 for one in told.checks.values() if one["suite"] == name and one["made"])
        suites[name] = {"promised": promise.checks, "made": made, **at(promise.location)}
        kept = made >= promise.checks
        held = "" if kept or not partial else f", not held against it: {partial}"
        short = short or (not kept and not partial)
        word = "kept" if kept else "BROKEN" if not partial else "open"
        lines.append(f"{name}: {made} checks made, {promise.checks} promised: {word}{held}")
        lines += _passed(name, told.checks.values())
    document = {
        "inventory": run.inventory.file,
        "partial": partial or ", ".join(f"{name} was left out" for name in sorted(wanted & ignored)),
        "suites": suites,
        "hosts": [_host(one) for one in run.inventory.hosts if set(one.suites) & set(suites)],
        "measured": list(told.figures),
        "others": dict(told.others),
        "checks": [{"id": identity, **one} for identity, one in told.checks.items()],
    }
    return short, document


def _passed(suite: str, checks: Iterable[Mapping[str, Any]]) -> list[str]:
    """How many checks passed on each host of a suite, of those that were made."""
    made = [one for one in checks if one["suite"] == suite and one["made"]]
    hosts = dict.fromkeys(str(one["host"]) for one in made)
    counts = {host: [one["outcome"] == "passed" for one in made if one["host"] == host] for host in hosts}
    return [f"  {host}: {sum(passed)} of {len(passed)} passed" for host, passed in counts.items()]


def _host(entry: HostEntry) -> dict[str, Any]:
    return {"name": entry.name, "provider": entry.provider, "url": entry.url, **at(entry.location)}


def _partial(config: pytest.Config, deselected: int) -> str:
    """Why this run is not the whole of its suites; empty when it is."""
    if deselected:
        return f"{deselected} checks were deselected"
    named = [one for one in config.args if "::" in one or Path(one.partition("::")[0]).suffix == ".py"]
    if named:
        return f"only {named[0]} was asked for"
    if config.getoption("maxfail") or config.getoption("collectonly"):
        return "the run may end early"
    return ""


def _suites(config: pytest.Config, run: Inspection) -> set[str]:
    """The suites that the command line asks for: those whose folder it names, or lies in, or lies below."""
    asked = [(config.invocation_params.dir / one.partition("::")[0]).resolve() for one in config.args]
    found = set()
    for folder in (run.root / "tests" / "infra").iterdir() if (run.root / "tests" / "infra").is_dir() else []:
        resolved = folder.resolve()
        if any(resolved == one or resolved in one.parents or one in resolved.parents for one in asked):
            found.add(folder.name)
    return found


def _ignored(config: pytest.Config, run: Inspection) -> set[str]:
    """The suites whose folder the command line leaves out, by ``--ignore`` or ``--ignore-glob``."""
    here = config.invocation_params.dir
    paths = {(here / one).resolve() for one in config.getoption("ignore") or ()}
    globs = [str(here / one) for one in config.getoption("ignore_glob") or ()]
    return {
        name
        for name in run.inventory.promises
        for folder in [(run.root / "tests" / "infra" / name).resolve()]
        if paths & {folder, *folder.parents} or any(fnmatch(str(folder), one) for one in globs)
    }


def _matches(entry: HostEntry, wanted: Mapping[str, Any]) -> bool:
    return all(entry.facts.get(key) == value for key, value in wanted.items())


def _capabilities(item: pytest.Item) -> list[str]:
    found = [str(name) for marker in item.iter_markers("capability") for name in marker.args]
    for name in found:
        if name not in CAPABILITIES:
            raise pytest.UsageError(f"{item.nodeid}: there is no capability '{name}'")
    return found


def _said(call: pytest.CallInfo[None], report: pytest.TestReport) -> str:
    error = call.excinfo.value if call.excinfo else None
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(error) if isinstance(error, AssertionError | pytest.fail.Exception) and str(error) else ""
    said = (text or getattr(crash, "message", "") or str(report.longrepr)).strip()
    # Where an object lies is new in each run: no baseline would ever know the finding again.
    return re.sub(r" at 0x[0-9a-f]+", "", said)

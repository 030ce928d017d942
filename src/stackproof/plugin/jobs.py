"""Inspection by several workers of xdist: what shares a host, a network or a file stays in one, in order.

Workers make hosts of their own, each in a session of its own, whose names nobody else has. Every check is in
a group: the one that its marker ``xdist_group`` names, else that of the network that its host stands in, of
its host, of its file. A group is run by one worker in the order of a run without workers; the group that took
longest the last time is begun first. What the checks tell is put together in the process above the workers.

xdist's own ``--dist loadgroup`` tells groups by the names of tests, which pytest 9.2 does not let it change.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from stackproof.hosts.model import HostEntry

SUITES = "tests/infra"
PLAIN = "_testinfra_host"
"""The parameter of testinfra's own fixture ``host``."""
_TOLD = "stackproof_jobs"
_DESELECTED = "stackproof_deselected"
_ORDER: pytest.StashKey[int] = pytest.StashKey()
_COSTS = {"uml": 60.0, "qemu": 60.0, "netns": 30.0, "nspawn": 10.0}
"""What a group of a provider's hosts is thought to take before it was ever run, in seconds."""
_COST = 5.0
_PR_SET_PDEATHSIG = 1


def is_worker(config: pytest.Config) -> bool:
    """Whether this process runs checks for another one."""
    return hasattr(config, "workerinput")


def host_of(item: pytest.Item) -> str:
    """The name of the host that a check inspects, "" for none."""
    call = getattr(item, "callspec", None)
    params: Mapping[str, Any] = call.params if call is not None else {}
    return str(params.get("inspected") or getattr(params.get(PLAIN), "inspects", ""))


def order_of(item: pytest.Item) -> int:
    """The place of a check in a run without workers."""
    return item.stash.get(_ORDER, 0)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Workers that are asked for by their number alone (``-n 2``) get the checks of suites in groups."""
    if getattr(config.option, "dist", "no") == "load" and _asks_suites(config):
        # xdist would begin with the group that has the most checks.
        config.option.loadscopereorder = False
        config.pluginmanager.register(Above(), "stackproof-jobs")


def _asks_suites(config: pytest.Config) -> bool:
    suites = (config.rootpath / SUITES).resolve()
    asked = [(config.invocation_params.dir / one.partition("::")[0]).resolve() for one in config.args]
    return bool(asked) and all(suites in (one, *one.parents) for one in asked)


class Above:
    """The process above the workers: it knows the groups' times, and ends workers when it is interrupted."""

    def __init__(self) -> None:
        self.known = _known()
        self.took: dict[str, float] = {}
        self.workers: dict[Any, int] = {}
        self._groups: dict[str, str] = {}
        self._file = _cache() / f"groups-{os.getpid()}.json"

    def group(self, check: str) -> str:
        """The group of a check, as the workers told it when they had collected."""
        if not self._groups:
            self._groups = _read(self._file)
            self._file.unlink(missing_ok=True)
        return self._groups.get(check, check)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        from stackproof.plugin.scheduling import ByGroup

        return ByGroup(config, log, self.group)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """All workers must come to the same order."""
        node.workerinput[_TOLD] = {"took": self.known, "groups": str(self._file)}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self, node: Any) -> None:
        # execnet has no public way to its process; without it a worker ends some seconds later by itself.
        process = getattr(getattr(node.gateway, "_io", None), "popen", None)
        if process is not None:
            self.workers[node] = int(process.pid)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        self.workers.pop(node, None)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        group = self.group(report.nodeid)
        self.took[group] = self.took.get(group, 0.0) + getattr(report, "duration", 0.0)

    def pytest_keyboard_interrupt(self) -> None:
        """Workers unmake what they made, at once: xdist lets them go on with their check for a while."""
        for pid in self.workers.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self._file.unlink(missing_ok=True)
        if exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED} and self.took:
            # A run of a part of a group says too little, one that made images or had no machine too much.
            known = {name: self.known.get(name, took) for name, took in self.took.items()}
            new = {
                name: min(max(took, 0.7 * known[name]), 1.3 * known[name]) for name, took in self.took.items()
            }
            _write(_cache() / "took.json", {**self.known, **{name: round(new[name], 1) for name in new}})


def deselected(node: Any) -> int:
    """How many checks a worker left out; each worker leaves out the same."""
    return int(getattr(node, "workeroutput", {}).get(_DESELECTED, 0))


def tell_deselected(config: pytest.Config) -> None:
    """One more check that this worker left out, for the process above."""
    output = getattr(config, "workeroutput", None)
    if output is not None:
        output[_DESELECTED] = output.get(_DESELECTED, 0) + 1


def end_with_parent() -> None:
    """A worker whose parent is killed is told to end (prctl(2)), so that it unmakes its hosts at once."""
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """After all others: longest group first, so that no worker is left with a long one at the end."""
    if not is_worker(config) or _TOLD not in config.workerinput:  # type: ignore[attr-defined]
        return
    told = config.workerinput[_TOLD]  # type: ignore[attr-defined]
    known: Mapping[str, float] = told["took"]
    costs: dict[str, float] = {}
    groups: dict[str, str] = {}
    for number, item in enumerate(items):
        item.stash[_ORDER] = number
        group = groups[item.nodeid] = group_of(item)
        costs.setdefault(group, known.get(group, _guess(item)))
    rank = {one: number for number, one in enumerate(sorted(costs, key=lambda one: -costs[one]))}
    items.sort(key=lambda item: rank[groups[item.nodeid]])
    _write(Path(told["groups"]), groups)


def group_of(item: pytest.Item) -> str:
    """What a check shares with others: what it says itself, the network of its host, its host, its file."""
    if (marker := item.get_closest_marker("xdist_group")) is not None:
        return str(marker.args[0] if marker.args else marker.kwargs.get("name", "default"))
    entry = _entry(item)
    if entry is None:
        root = item.config.rootpath
        return (item.path.relative_to(root) if item.path.is_relative_to(root) else item.path).as_posix()
    if entry.provider == "netns" and entry.settings is not None:
        return f"network {entry.settings.text('network')}"
    return entry.name


def _guess(item: pytest.Item) -> float:
    entry = _entry(item)
    return _COSTS.get(entry.provider, _COST) if entry is not None else _COST


def _entry(item: pytest.Item) -> HostEntry | None:
    from stackproof.plugin.hosts import state

    name = host_of(item)
    return state(item.config).entries.get(name) if name else None


def _cache() -> Path:
    """Where notes on groups are: in the cache, or where that cannot be written, beside the sessions."""
    from stackproof.hosts.keeping import sessions_of
    from stackproof.hosts.session import cache_folder

    cache = cache_folder()
    sessions = sessions_of(cache)
    return cache if sessions.parent == cache else sessions


def _known() -> dict[str, float]:
    """Seconds by group; what cannot be read is not known."""
    try:
        return {group: float(took) for group, took in _read(_cache() / "took.json").items()}
    except (ValueError, TypeError):
        return {}


def _read(file: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(file.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    return {}


def _write(file: Path, content: Mapping[str, Any]) -> None:
    """Whole or not at all: several workers write the same."""
    partial = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(dict(sorted(content.items())), indent=1), encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        raise pytest.UsageError(f"{file} cannot be written: {error}") from error

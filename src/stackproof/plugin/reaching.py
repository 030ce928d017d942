"""Under pytest: a host that cannot be asked is told once, as an error of its own; its checks are not made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stackproof.errors import CapabilityMissing
from stackproof.hosts.lost import HostUnreachable
from stackproof.hosts.told import at
from stackproof.plugin.inspected import started
from stackproof.plugin.jobs import host_of

if TYPE_CHECKING:
    from stackproof.plugin.inspected import Inspection

HOST = "SP-INSPECT-HOST"
SYSTEM = "SP-INSPECT-SYSTEM"


def refuse_lost(item: pytest.Item, run: Inspection) -> None:
    """Before a check: fail (or skip) at once when its host is known to be lost."""
    name = host_of(item)
    if run.session is not None and run.session.failed(name) is not None:
        started(run.session, name)


def of_hosts(
    item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport, run: Inspection
) -> dict[str, Any]:
    """What a phase of a check says of hosts, not of what it checks: to be added to what is noted of it.

    A phase that passed while its host was lost did not see it: it is turned into one that failed.
    """
    session, name = run.session, host_of(item)
    if session is None or report.skipped:
        return {"lost": False, "of_hosts": []}
    error = call.excinfo.value if call.excinfo else None
    names = [name, error.host] if isinstance(error, HostUnreachable) else [name]
    told = []
    if report.when == "setup" and (mistaken := session.mistaken.get(name)):
        told.append(_told(run, name, SYSTEM, f"{name} {mistaken}"))
    for one in names:
        if (lost := session.failed(one)) is not None and (report.failed or _unseen(report, lost)):
            # The session's name is new in each run: no baseline would ever know the finding again.
            message = str(lost).replace(session.id, "…")
            report.outcome, report.longrepr = "failed", message
            own = message if message.startswith(f"{one} ") else f"{one}: {message}"
            return {"lost": True, "of_hosts": [*told, _told(run, one, HOST, own)], "message": message}
    return {"lost": False, "of_hosts": told}


def _unseen(report: pytest.TestReport, lost: Exception) -> bool:
    """Whether a phase that passed hides the loss: a teardown may, and what is not made here was skipped."""
    return report.when != "teardown" and not isinstance(lost, CapabilityMissing)


def _told(run: Inspection, host: str, rule: str, message: str) -> dict[str, Any]:
    place = at(run.entries[host].location) if host in run.entries else {"file": "", "line": 0, "column": 0}
    return {"host": host, "rule": rule, "message": message, **place}

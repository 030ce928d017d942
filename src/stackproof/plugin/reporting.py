"""What the report of a test says: the user's frames, the journal around the failure, what is missing."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from stackproof.deploy.deployer import ACTOR
from stackproof.deploy.model import Resource
from stackproof.errors import CapabilityMissing, StackproofError

if TYPE_CHECKING:
    from stackproof.fabric.journal import Entry, Journal

TAIL = 40
"""Journal entries that a failure shows."""
LOOKED_AT = 1000
"""How far back it looks for them."""
WIDTH = 160
"""Characters of a call's parameters, and of its answer, that a failure shows."""
_OURS = ("stackproof", "botocore", "boto3", "moto")


def prepare(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Before the report is made: a missing capability is a skip; our frames are not the user's."""
    if call.excinfo is None:
        return
    if isinstance(call.excinfo.value, CapabilityMissing):
        reason = call.excinfo.value.message
        try:
            # Shown at the test; but pytest wants one visible frame, and all of ours may be hidden.
            __tracebackhide__ = False
            raise pytest.skip.Exception(reason, _use_item_location=True)
        except pytest.skip.Exception:
            call.excinfo = pytest.ExceptionInfo.from_current()
        return
    if isinstance(call.excinfo.value, StackproofError) and not item.config.getoption("fulltrace"):
        # Its message says what AWS said; the way there is ours.
        call.excinfo.value.__cause__ = None
        call.excinfo.value.__suppress_context__ = True
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in _OURS and module is not None:
            # pytest looks for it in a frame's globals as in its locals; --full-trace shows all the same.
            module.__dict__["__tracebackhide__"] = True


def complete(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """After it is made: the journal's tail, and what the stacks of the test miss."""
    from stackproof.plugin import FABRIC, hash_seed

    fabric = item.stash.get(FABRIC, None)
    if fabric is None:
        return
    if report.failed and report.when == "call" and "journal" in fabric.backend.capabilities:
        entries = _around(fabric.journal)
        if entries:
            said = f"last {len(entries)} of {len(fabric.journal)}"
            title = f"fabric journal at {fabric.now} ({said}, {hash_seed()})"
            report.sections.append((title, "\n".join(map(str, entries))))
    if report.when == "call":
        missing = [one for made in fabric.stacks if made.state is not None for _, one in made.missing()]
        report.stackproof_missing = [_line(one) for one in missing]  # type: ignore[attr-defined]
        remarks = [text for made in fabric.stacks if made.state is not None for text in made.remarks()]
        report.stackproof_remarks = remarks  # type: ignore[attr-defined]


def _around(journal: Journal) -> list[Entry]:
    """The last entries; what deployed the stacks only when nothing else happened."""
    latest = journal.entries(since=max(0, len(journal) - LOOKED_AT))
    chosen = [entry for entry in latest if entry.actor != ACTOR] or latest
    return [
        replace(entry, detail=_clipped(entry.detail), result=_clipped(entry.result))
        for entry in chosen[-TAIL:]
    ]


def _clipped(text: str) -> str:
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"


def _line(one: Resource) -> str:
    verdict = one.verdict
    what = f"{verdict.level}: {one.type} ({one.logical_id}) at {one.location}"
    if not verdict.left_out:
        return what
    paths = (
        f"{path} ({verdict.reasons[path]})" if path in verdict.reasons else path for path in verdict.left_out
    )
    return f"{what}: without {', '.join(paths)}"

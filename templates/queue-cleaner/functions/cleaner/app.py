"""Archive the entries of a reading list that are older than the limit, once a night."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.parameters import get_secret
from aws_lambda_powertools.utilities.typing import LambdaContext

PAGE = 30
BATCH = 100
DAY = 24 * 3600
PROGRAM = Path(__file__).parent / "bin" / "overdue"

logger = Logger()


class Refused(Exception):
    """The API did not archive some of the entries."""


def call(path: str, secret: dict[str, str], **fields: Any) -> dict[str, Any]:
    """One call of the API. Raises ``urllib.error.HTTPError`` for what it refuses."""
    request = urllib.request.Request(
        os.environ["API_URL"] + path,
        data=json.dumps({**secret, **fields}).encode(),
        headers={"Content-Type": "application/json", "X-Accept": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found


def entries(secret: dict[str, str]) -> Iterator[list[tuple[str, int]]]:
    """Pages of unread entries, oldest first: id and when it was added (seconds since the Unix epoch)."""
    offset = 0
    while True:
        page = call("/v3/get", secret, state="unread", sort="oldest", count=PAGE, offset=offset)["list"]
        # The API answers an empty list, not an empty object, when there is nothing.
        yield [(name, int(entry["time_added"])) for name, entry in page.items()] if page else []
        if len(page) < PAGE:
            return
        offset += PAGE


def overdue(page: list[tuple[str, int]], limit: int) -> list[str]:
    """The ids that the shipped program calls overdue; only ``/tmp`` may be written, so it lives there."""
    lines = "".join(f"{name} {added}\n" for name, added in page)
    done = subprocess.run(
        [str(PROGRAM), str(limit)], input=lines, env={"HOME": "/tmp", "PATH": os.environ["PATH"]},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.split()


def old_entries(secret: dict[str, str], limit: int) -> list[str]:
    """All overdue ids. Nothing is archived while pages are read: that would shift them."""
    found: list[str] = []
    for page in entries(secret):
        late = overdue(page, limit)
        found += late
        if len(late) < len(page):
            break
    return found


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Archive, and answer how many entries. An error lets Lambda try again; archiving twice is harmless."""
    secret = get_secret(os.environ["SECRET_ARN"], transform="json", max_age=60)
    limit = int(time.time()) - int(os.environ["KEEP_DAYS"]) * DAY
    names = old_entries(secret, limit)
    refused: list[str] = []
    for start in range(0, len(names), BATCH):
        part = names[start : start + BATCH]
        actions = [{"action": "archive", "item_id": name} for name in part]
        results = call("/v3/send", secret, actions=actions)["action_results"]
        refused += [name for name, done in zip(part, results, strict=True) if not done]
    logger.info("archived", extra={"archived": len(names) - len(refused), "refused": refused})
    if refused:
        raise Refused(f"{len(refused)} of {len(names)} entries were not archived")
    return {"archived": len(names)}

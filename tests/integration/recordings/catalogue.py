"""All scenario modules, and the recordings that are left out with the reason for each.

A new source: its scenarios in a module of its own, its name in ``SOURCES``, the import below.
"""

from __future__ import annotations

from collections.abc import Iterator

import sns_delivery_scenarios  # noqa: F401 - registers its scenarios
import sns_filter_scenarios  # noqa: F401
import sns_mobile_scenarios  # noqa: F401
import sns_scenarios  # noqa: F401
import sqs_fifo_scenarios  # noqa: F401
import sqs_scenarios  # noqa: F401
import stage

SOURCES = ("sqs", "sns", "sns-filter-policy")

EMPTY = "the recording is empty: there is nothing to compare"

REASONS: dict[tuple[str, str], str] = {}


def left_out() -> Iterator[tuple[str, str, str]]:
    """(source, recording, reason) for every recording without a scenario."""
    covered = {(source, name) for source, name, _ in stage.covered()}
    for source in SOURCES:
        for name, content in stage.recordings(source).items():
            if (source, name) not in covered:
                yield source, name, EMPTY if not content else REASONS.get((source, name), "")

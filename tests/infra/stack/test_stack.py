"""A test stack as its templates say: who reaches whom, what runs, who logs in (hosts.stands).

What differs is one finding that names both, what stands in the template (or the inventory) and what the host
shows.
"""

from __future__ import annotations

import pytest

from stackproof.hosts.stands import CHECKS, Stand, nothing_to_check

CASES = [pytest.param(name, marks=pytest.mark.check(f"stack.{name}"), id=name) for name in CHECKS]


@pytest.mark.hosts(stand=True)
@pytest.mark.capability("runtime")
@pytest.mark.parametrize("name", CASES)
def test_stack(name: str, stand: Stand) -> None:
    if reason := nothing_to_check(name, stand):
        pytest.skip(f"{stand.running.name}: {reason}")
    found = list(CHECKS[name](stand))
    for one in found[1:]:
        found[0].add_note(str(one))
    if found:
        raise found[0]

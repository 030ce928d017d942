"""The image of templates/ami-builder: what it must be before anything else is asked of it."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from stackproof.hosts.differs import Differs
from stackproof.hosts.model import Running


def test_the_system_is_the_one_that_the_inventory_names(inspected: Running, inspected_host: Host) -> None:
    release = inspected_host.check_output(". /etc/os-release; echo $ID-$VERSION_ID")
    if release != inspected.entry.system:
        at = inspected.entry.location
        raise Differs("operating system", said=inspected.entry.system, shown=release, location=at)


@pytest.mark.hosts(state="hardened", form="host")
@pytest.mark.capability("runtime")
def test_every_unit_came_up(inspected: Running, inspected_host: Host) -> None:
    failed = inspected_host.check_output("systemctl --failed --no-legend --plain").splitlines()
    # A container has no audit system of the kernel: auditd cannot start in one.
    excused = set() if "audit" in inspected.capabilities else {"auditd.service"}
    assert {line.split()[0] for line in failed} <= excused

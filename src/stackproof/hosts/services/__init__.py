"""Real servers in the place of services of AWS: each does what the deployed state of its service says.

They run in the namespaces of a network (``stackproof.hosts.netns``) and end with the session. What they read
is the service's own API, so that whatever changed the state (a deployment, a function, a test) is followed.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from stackproof.errors import CapabilityMissing

PACKAGES: Mapping[str, str] = {
    "busybox": "busybox",
    "dnsmasq": "dnsmasq-base",
    "haproxy": "haproxy",
    "mariadb": "mariadb-client",
    "mariadbd": "mariadb-server-core",
    "openssl": "openssl",
    "unbound": "unbound",
}
"""The distribution's package of each program that a service here is."""


def need(*programs: str) -> None:
    """Raises ``CapabilityMissing`` that names the programs which this machine lacks, and what adds them."""
    lacking = [one for one in programs if shutil.which(one) is None]
    if lacking:
        packages = " ".join(PACKAGES.get(one, one) for one in lacking)
        what = ", ".join(lacking)
        raise CapabilityMissing(f"{what} is missing; 'stackproof inspect --install' adds {packages}")

"""The kinds of check that a benchmark's rules use. Each asks a host and says what is wrong, or nothing.

A kind is a function ``(view, settings) -> str``: the empty string when the host is as it must be, else what
it shows. To add one: a function, and its line in ``KINDS``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stackproof.hosts.benchmark import accounts, auditing, files, running, texts
from stackproof.hosts.benchmark.view import Given, View

Kind = Callable[[View, Given], str]

KINDS: Mapping[str, Kind] = {
    "owner": files.owner,
    "group": files.group,
    "mode": files.mode,
    "present": files.present,
    "absent": files.absent,
    "scan": files.scan,
    "package-absent": running.package_absent,
    "package-installed": running.package_installed,
    "unit-enabled": running.unit_enabled,
    "unit-disabled": running.unit_disabled,
    "listening-locally": running.listening_locally,
    "module": texts.module,
    "sysctl": texts.sysctl,
    "sysctl-now": running.sysctl_now,
    "sshd": texts.sshd,
    "mount": texts.mount,
    "mounted": running.mounted,
    "value": texts.value,
    "line": texts.line,
    "no-line": texts.no_line,
    "pam": texts.pam,
    "audit-call": auditing.call,
    "audit-watch": auditing.watch,
    "audit-command": auditing.command,
    "audit-final": auditing.final,
    "audit-tools": auditing.tools,
    "accounts": accounts.judge,
}
"""Name in a benchmark's data to what judges it."""

"""Logging in by ssh, for real: who may gets in, everybody else is sent away by the host itself."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from stackproof.hosts.differs import Differs

if TYPE_CHECKING:
    from stackproof.hosts.stands.facts import Login
    from stackproof.hosts.stands.stand import Stand

_OPTIONS = (
    "-F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "
    "-o ConnectTimeout=4 -o IdentitiesOnly=yes"
)
_DENIED = "Permission denied"


def login_allowed(stand: Stand) -> Iterator[Differs]:
    """The user logs in with the key, by the jump host where there is one."""
    login = stand.facts.login
    if login is None:
        return
    said = _ssh(stand, login, login.user, admitted(stand), "id -un")
    if said.split()[-2:] != [login.user, "rc=0"]:
        yield _differs(stand, f"login of {login.user}", "that it is let in", said)


def login_refused(stand: Stand) -> Iterator[Differs]:
    """Another key, root, somebody unknown and a password are refused, by the host (not by its network)."""
    login = stand.facts.login
    if login is None:
        return
    key = admitted(stand)
    stranger = _key(stand, "stranger")
    tries = (
        (f"login of {login.user} with another key", login.user, stranger, ""),
        ("login of root", "root", key, ""),
        ("login of nobody-known", "nobody-known", key, ""),
        (
            f"login of {login.user} by password",
            login.user,
            stranger,
            "-o PreferredAuthentications=password,keyboard-interactive",
        ),
    )
    for what, user, with_key, more in tries:
        said = _ssh(stand, login, user, with_key, "id -un", more)
        if _DENIED not in said:
            yield _differs(stand, what, "that it is refused", said)
        elif "password" in said.rpartition(_DENIED)[2] or "keyboard" in said.rpartition(_DENIED)[2]:
            yield _differs(stand, what, "that passwords are not taken", said)


def admitted(stand: Stand) -> Path:
    """A key of this session that the hosts of the stack take: it stands beside the operators' own."""
    key = _key(stand, "operator")
    public = key.with_suffix(".pub").read_text(encoding="utf-8").strip()
    login = stand.facts.login
    assert login is not None
    file = f"/home/{login.user}/.ssh/authorized_keys"
    hosts = [(stand.node, stand.running.name)]
    if login.by:
        entries = stand.session.inventory.hosts
        hosts += [
            (login.by, one.name)
            for one in entries
            if one.facts.get("network") == stand.facts.network and one.facts.get("node") == login.by
        ]
    for node, name in hosts:
        done = f"admitted {name}"
        if done in stand.session.shared:
            continue
        from stackproof.hosts.reach import host_of

        host = stand.host if node == stand.node else host_of(stand.session.host(name), stand.session)
        host.run_expect([0], "grep -qxF %s %s || echo %s >> %s", public, file, public, file)
        stand.session.shared[done] = True
    return key


def _key(stand: Stand, name: str) -> Path:
    known = f"key {name}"
    if known not in stand.session.shared:
        file = stand.session.scratch("keys") / name
        stand.session.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(file)])
        stand.session.shared[known] = file
    found: Path = stand.session.shared[known]
    return found


def _ssh(stand: Stand, login: Login, user: str, key: Path, command: str, more: str = "") -> str:
    options = f"{_OPTIONS} {more or '-o BatchMode=yes'} -o NumberOfPasswordPrompts=0 -i {key}"
    address = stand.address(login.source)
    if login.by:
        jump = stand.publics.get(login.by) or stand.addresses[login.by]
        operator = _key(stand, "operator")
        proxy = f"ssh {_OPTIONS} -o BatchMode=yes -i {operator} -W %h:%p {login.user}@{jump}"
        options += f" -o ProxyCommand={shlex.quote(proxy)}"
        address = stand.addresses[stand.node]
    return stand.asker(login.source).ask(
        f"ssh {options} {user}@{address} {shlex.quote(command)} < /dev/null 2>&1; echo rc=$?"
    )


def _differs(stand: Stand, what: str, said: str, shown: str) -> Differs:
    at = stand.running.entry.location
    return Differs(f"{what} to {stand.node}", said=said, shown=f"'{shown.strip()[-200:]}'", location=at)

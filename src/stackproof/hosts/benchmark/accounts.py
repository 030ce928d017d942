"""Accounts: passwd(5), shadow(5), group(5) and the homes of those who log in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stackproof.errors import UsageError
from stackproof.hosts.benchmark.view import Given, View, wrong

_NO_LOGIN = ("nologin", "false", "sync", "shutdown", "halt")
_FIRST_USER = 1000
_NOBODY = 65534


@dataclass(frozen=True, slots=True)
class User:
    """A line of passwd with its line of shadow."""

    name: str
    marker: str
    uid: int
    gid: int
    home: str
    shell: str
    secret: str
    changed: str
    least: str
    most: str
    warn: str
    inactive: str

    @property
    def logs_in(self) -> bool:
        """Whether its shell is one."""
        return not self.shell.endswith(_NO_LOGIN)

    @property
    def has_password(self) -> bool:
        """Whether it can log in by one: neither locked nor without a hash."""
        return bool(self.secret) and not self.secret.startswith(("!", "*"))

    @property
    def is_person(self) -> bool:
        """An account that people use: a regular number and a shell."""
        return _FIRST_USER <= self.uid < _NOBODY and self.logs_in


def users(view: View) -> list[User]:
    """All accounts."""
    shadow = {row[0]: row for row in _rows(view, "/etc/shadow", 9)}
    found = []
    for name, marker, uid, gid, _, home, shell in _rows(view, "/etc/passwd", 7):
        own = shadow.get(name, [name] + [""] * 8)
        found.append(User(name, marker, int(uid), int(gid), home, shell, *own[1:7]))
    return found


def groups(view: View) -> list[list[str]]:
    """All groups: name, password, number, members."""
    return _rows(view, "/etc/group", 4)


def judge(view: View, given: Given) -> str:
    """The judgement ``of`` the accounts."""
    name = str(given["of"])
    if name not in JUDGEMENTS:
        raise UsageError(
            f"there is no judgement '{name}' of accounts", hint=f"use one of {', '.join(JUDGEMENTS)}"
        )
    return wrong(JUDGEMENTS[name](view, given))


def _rows(view: View, file: str, fields: int) -> list[list[str]]:
    rows = [line.split(":") for line in view.ask("cat %s", file).splitlines() if line]
    return [row for row in rows if len(row) >= fields]


def _twice(names: list[str], what: str) -> list[str]:
    return [f"{what} {name} stands {number} times" for name, number in Counter(names).items() if number > 1]


def _only_root_is_zero(view: View, given: Given) -> list[str]:
    return [f"{one.name} has uid 0" for one in users(view) if one.uid == 0 and one.name != "root"]


def _root_group(view: View, given: Given) -> list[str]:
    return [f"root has group {one.gid}" for one in users(view) if one.name == "root" and one.gid != 0]


def _shadowed(view: View, given: Given) -> list[str]:
    return [f"{one.name} has its password in passwd" for one in users(view) if one.marker != "x"]


def _no_empty(view: View, given: Given) -> list[str]:
    return [f"{one.name} has an empty password" for one in users(view) if not one.secret]


def _known_groups(view: View, given: Given) -> list[str]:
    numbers = {int(one[2]) for one in groups(view)}
    return [f"{one.name} has group {one.gid}, which is none" for one in users(view) if one.gid not in numbers]


def _past(view: View, given: Given) -> list[str]:
    today = int(view.ask("date +%s")) // 86400
    late = [one for one in users(view) if one.changed.isdigit() and int(one.changed) > today + 1]
    return [f"the password of {one.name} was changed in the future" for one in late]


def _system(view: View) -> list[User]:
    exempt = {"root", "sync", "shutdown", "halt"}
    return [one for one in users(view) if one.uid < _FIRST_USER and one.name not in exempt]


def _system_shells(view: View, given: Given) -> list[str]:
    return [f"{one.name} has shell {one.shell}" for one in _system(view) if one.logs_in]


def _system_locked(view: View, given: Given) -> list[str]:
    return [f"{one.name} has a password" for one in _system(view) if one.has_password]


def _age(field: str, compare: Callable[[int, int], bool]) -> Callable[[View, Given], list[str]]:
    def found(view: View, given: Given) -> list[str]:
        complaints = []
        for one in users(view):
            shown = getattr(one, field)
            if one.has_password and (
                not shown.lstrip("-").isdigit() or not compare(int(shown), int(given["days"]))
            ):
                complaints.append(f"{one.name} has {field} {shown or 'unset'}, wanted {given['days']} days")
        return complaints

    return found


def _homes_exist(view: View, given: Given) -> list[str]:
    people = [one for one in users(view) if one.is_person]
    there = {one.path for one in view.stats([one.home for one in people])} if people else set()
    return [f"{one.home} of {one.name} is absent" for one in people if one.home not in there]


def _homes(view: View, given: Given) -> list[str]:
    """Homes belong to their owner and group and have no bits beyond 0750."""
    complaints = []
    names = {int(one[2]): one[0] for one in groups(view)}
    for one in users(view):
        for found in view.stats([one.home]) if one.is_person else []:
            if given.get("check") == "owner" and found.owner != one.name:
                complaints.append(f"{found.path} belongs to {found.owner}")
            if given.get("check") == "group" and found.group != names.get(one.gid):
                complaints.append(f"{found.path} belongs to group {found.group}")
            if given.get("check") == "mode" and found.mode & ~0o750:
                complaints.append(f"{found.path} has {found.mode:04o}")
    return complaints


def _dot_files(view: View, given: Given) -> list[str]:
    """Files whose name starts with a dot in the homes of people (and of root)."""
    complaints = []
    names = {int(one[2]): one[0] for one in groups(view)}
    for one in users(view):
        if not one.is_person:
            continue
        for found in view.stats([f"{one.home}/.[A-Za-z0-9]*"]):
            if given.get("check") == "owner" and found.owner != one.name:
                complaints.append(f"{found.path} belongs to {found.owner}")
            if given.get("check") == "group" and found.group != names.get(one.gid):
                complaints.append(f"{found.path} belongs to group {found.group}")
            if given.get("check") == "mode" and found.mode & 0o022:
                complaints.append(f"{found.path} has {found.mode:04o}")
    return complaints


def _no_home_file(view: View, given: Given) -> list[str]:
    people = [one.home for one in users(view) if one.is_person or one.name == "root"]
    return [
        f"{one.path} is there"
        for one in view.stats([f"{home}/{name}" for home in people for name in given["files"]])
    ]


def _empty_group(view: View, given: Given) -> list[str]:
    own = [one for one in groups(view) if one[0] == given["group"]]
    if not own:
        return [f"group {given['group']} is absent"]
    return [f"group {given['group']} has members {own[0][3]}"] if own[0][3] else []


def _root_path(view: View, given: Given) -> list[str]:
    """Root's PATH has no relative or empty part, and no folder of it can be written by others."""
    path = view.ask("env -i HOME=/root sh -lc 'echo \"$PATH\"'").strip().splitlines()[-1]
    parts = path.split(":")
    if given.get("check") == "relative":
        return [f"PATH has '{one}'" for one in parts if not one.startswith("/")]
    stats = view.stats([one for one in parts if one.startswith("/")])
    return [f"{one.path} has {one.mode:04o}" for one in stats if one.mode & 0o022]


JUDGEMENTS: Mapping[str, Callable[[View, Given], list[str]]] = {
    "only-root-is-zero": _only_root_is_zero,
    "root-group": _root_group,
    "shadowed": _shadowed,
    "no-empty-password": _no_empty,
    "known-groups": _known_groups,
    "changed-in-the-past": _past,
    "system-shells": _system_shells,
    "system-passwords": _system_locked,
    "unique-uid": lambda view, given: _twice([str(one.uid) for one in users(view)], "uid"),
    "unique-name": lambda view, given: _twice([one.name for one in users(view)], "user"),
    "unique-gid": lambda view, given: _twice([one[2] for one in groups(view)], "gid"),
    "unique-group": lambda view, given: _twice([one[0] for one in groups(view)], "group"),
    "longest-age": _age("most", lambda shown, days: 0 < shown <= days),
    "least-age": _age("least", lambda shown, days: shown >= days),
    "warning": _age("warn", lambda shown, days: shown >= days),
    "inactive": _age("inactive", lambda shown, days: 0 <= shown <= days),
    "homes-exist": _homes_exist,
    "homes": _homes,
    "dot-files": _dot_files,
    "no-home-file": _no_home_file,
    "empty-group": _empty_group,
    "root-path": _root_path,
}
"""What can be judged of accounts, by name."""

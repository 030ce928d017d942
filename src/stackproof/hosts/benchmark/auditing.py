"""Audit rules: what is written in rules.d, and on a kernel with an audit system what it has loaded."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stackproof.hosts.benchmark.view import Given, View, wrong

_FILES = ["/etc/audit/rules.d/*.rules"]
_UNSET = {"unset", "-1", "4294967295"}


@dataclass(frozen=True, slots=True)
class AuditRule:
    """A line of auditctl(8): a watch has ``path`` and ``perms``, a call ``arch``, ``calls``, ``filters``."""

    path: str = ""
    perms: str = ""
    arch: str = ""
    calls: frozenset[str] = frozenset()
    filters: frozenset[str] = frozenset()


def call(view: View, given: Given) -> str:
    """Each of ``calls`` is logged on both architectures (``arches``), with the rule's ``filters``."""
    complaints = []
    wanted = {_normal(str(one)) for one in given.get("filters", [])}
    for arch in given.get("arches", ["b32", "b64"]):
        for name in given["calls"]:
            fitting = (
                one
                for one in _rules(view)
                if one.arch == arch
                and name in one.calls
                and wanted <= one.filters
                and not _narrower(one, given)
            )
            if next(fitting, None) is None:
                complaints.append(f"{name} ({arch}) is not logged")
    return wrong(complaints)


def watch(view: View, given: Given) -> str:
    """Each of ``paths`` is watched for ``perms`` (default wa)."""
    perms = set(str(given.get("perms", "wa")))
    rules = _rules(view)
    missing = [
        path
        for path in view.listed(given, "paths")
        if not any(one.path.rstrip("/") == path.rstrip("/") and perms <= set(one.perms) for one in rules)
    ]
    return wrong([f"{path} is not watched" for path in missing])


def command(view: View, given: Given) -> str:
    """The use of each program in ``paths`` is logged; ``all`` means every set-id program."""
    paths = view.listed(given, "paths")
    if given.get("all"):
        text = view.ask("find /usr -xdev -type f -perm /6000 2>/dev/null | sort -u")
        paths = text.split()
    covered = {
        field.partition("=")[2] for one in _rules(view) for field in one.filters if field.startswith("path=")
    }
    return wrong([f"the use of {path} is not logged" for path in paths if path not in covered])


def final(view: View, given: Given) -> str:
    """The configuration becomes immutable. augenrules(8) moves the last ``-e`` of all files to the end."""
    states = [text.split() for _, text in view.lines(_FILES) if text.startswith("-e")]
    return "" if states and states[-1] == ["-e", "2"] else "no audit rule '-e 2' makes the rules immutable"


def tools(view: View, given: Given) -> str:
    """aide guards each audit tool of ``paths`` with all ``attributes``."""
    complaints = []
    lines = [text for _, text in view.lines(view.listed(given, "files"))]
    for path in view.listed(given, "paths"):
        found = next((text for text in lines if text.split()[0] == path), "")
        missing = [one for one in given["attributes"] if one not in re.split(r"[+\s]", found)]
        if missing:
            complaints.append(f"aide does not guard {path} by {missing[0]}")
    return wrong(complaints)


def _rules(view: View) -> list[AuditRule]:
    return [_parse(text) for _, text in view.lines(_FILES)]


def _parse(text: str) -> AuditRule:
    words = text.split()
    path = perms = arch = ""
    calls: set[str] = set()
    filters: set[str] = set()
    for option, value in zip(words, [*words[1:], ""], strict=True):
        if option == "-w":
            path = value
        elif option == "-p":
            perms = value
        elif option == "-S":
            calls |= set(value.split(","))
        elif option == "-F" and value.startswith("arch="):
            arch = value.removeprefix("arch=")
        elif option in {"-F", "-C"}:
            filters.add(_normal(value))
    return AuditRule(path, perms, arch, frozenset(calls), frozenset(filters))


def _normal(text: str) -> str:
    """The same filter in one spelling: an unset login id has three, a comparison of fields two."""
    found = re.match(r"([^=!<>]+)([=!<>]+)(.*)", text)
    if found is None:
        return text
    key, sign, value = found.groups()
    if value in {"uid", "euid", "auid", "obj_uid"}:
        key, value = sorted((key, value))
    return f"{key}{sign}{'unset' if key == 'auid' and value in _UNSET else value}"


def _narrower(rule: AuditRule, given: Given) -> bool:
    """Whether the rule logs less than wanted: it has a filter that nobody asked for."""
    wanted = {_normal(str(one)) for one in given.get("filters", [])}
    return bool({one for one in rule.filters if not one.startswith("key=")} - wanted)

"""Files: who owns them, who may what, and what lies around."""

from __future__ import annotations

from stackproof.hosts.benchmark.view import Given, Stat, View, wrong


def owner(view: View, given: Given) -> str:
    """``paths`` belong to ``user`` (default root, or one of a list); with ``optional`` they may be absent."""
    allowed = view.listed(given, "user") or ["root"]
    found = _files(view, given)
    if isinstance(found, str):
        return found
    return wrong([f"{one.path} belongs to {one.owner}" for one in found if one.owner not in allowed])


def group(view: View, given: Given) -> str:
    """``paths`` belong to a group of ``groups`` (default root)."""
    allowed = view.listed(given, "groups") or ["root"]
    found = _files(view, given)
    if isinstance(found, str):
        return found
    return wrong([f"{one.path} belongs to group {one.group}" for one in found if one.group not in allowed])


def mode(view: View, given: Given) -> str:
    """``paths`` have no permission bit beyond those of ``most`` (octal text)."""
    most = int(str(view.of_family(given["most"])), 8)
    found = _files(view, given)
    if isinstance(found, str):
        return found
    return wrong(
        [f"{one.path} has {one.mode:04o}, more than {most:04o}" for one in found if one.mode & ~most]
    )


def present(view: View, given: Given) -> str:
    """``paths`` exist."""
    found = _files(view, given)
    return found if isinstance(found, str) else ""


def absent(view: View, given: Given) -> str:
    """``paths`` do not exist."""
    return wrong([f"{one.path} is there" for one in view.stats(view.listed(given, "paths"))])


def scan(view: View, given: Given) -> str:
    """``find / -xdev`` with ``expression`` finds nothing; what this run mounts into an image is left out."""
    text = view.ask(
        "find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /run \\) -prune -o "
        f"{given['expression']} -print | sort | head -n 20"
    )
    return wrong([f"{path} {given['is']}" for path in text.splitlines()])


def _files(view: View, given: Given) -> list[Stat] | str:
    patterns = view.listed(given, "paths")
    found = view.stats(patterns)
    if not found and not given.get("optional"):
        return f"{' '.join(patterns) or 'no file of this system'} is absent"
    return found

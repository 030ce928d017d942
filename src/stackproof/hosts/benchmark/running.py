"""Packages, units, and what only a booted host can answer."""

from __future__ import annotations

import re

from stackproof.hosts.benchmark.view import Given, View, compare, wrong


def package_absent(view: View, given: Given) -> str:
    """None of ``names`` is installed."""
    there = _installed(view)
    return wrong([f"package {name} is installed" for name in view.listed(given, "names") if name in there])


def package_installed(view: View, given: Given) -> str:
    """All of ``names`` are installed."""
    there = _installed(view)
    return wrong(
        [f"package {name} is not installed" for name in view.listed(given, "names") if name not in there]
    )


def unit_enabled(view: View, given: Given) -> str:
    """``unit`` starts at boot; on a booted host it runs, too, unless ``running`` is false."""
    complaints = []
    for unit in view.listed(given, "unit"):
        state = _state(view, unit)
        if state not in {"enabled", "static", "alias", "enabled-runtime", "indirect"}:
            complaints.append(f"{unit} is {state}")
        elif given.get("running", True) and _booted(view) and (now := _active(view, unit)) != "active":
            complaints.append(f"{unit} is {now}")
    return wrong(complaints)


def unit_disabled(view: View, given: Given) -> str:
    """None of ``unit`` starts at boot, and on a booted host none runs."""
    complaints = []
    for unit in view.listed(given, "unit"):
        state = _state(view, unit)
        if state in {"enabled", "enabled-runtime", "alias"}:
            complaints.append(f"{unit} is {state}")
        if _booted(view) and _active(view, unit) == "active":
            complaints.append(f"{unit} is active")
    return wrong(complaints)


def listening_locally(view: View, given: Given) -> str:
    """Nothing listens on TCP ``ports`` except on loopback addresses."""
    complaints = []
    for line in view.ask("ss -H -l -n -t").splitlines():
        address, _, port = line.split()[3].rpartition(":")
        local = address.startswith("127.") or address == "[::1]"
        if int(port) in given["ports"] and not local:
            complaints.append(f"port {port} listens on {address}")
    return wrong(complaints)


def sysctl_now(view: View, given: Given) -> str:
    """The running kernel's value of ``key``."""
    for key, value in given["values"].items():
        shown = view.ask("sysctl -n %s", str(key)).strip()
        if shown != str(value):
            return f"{key} is {shown}, not {value}"
    return ""


def mounted(view: View, given: Given) -> str:
    """``point`` is a mount of its own, now, with all ``options``."""
    text = view.ask("findmnt -n -o OPTIONS --mountpoint %s || :", str(given["point"])).strip()
    if not text:
        return f"{given['point']} is no mount of its own"
    missing = [one for one in given.get("options", []) if one not in text.split(",")]
    return wrong([f"{given['point']} is mounted without {one}" for one in missing])


def value_now(view: View, given: Given) -> str:
    """What ``command`` prints, held against the value."""
    return compare(view.ask(str(given["command"])).strip(), given)


def _installed(view: View) -> set[str]:
    if view.family == "debian":
        rows = view.ask("dpkg-query -W -f '${db:Status-Status} ${Package}\\n'").splitlines()
        return {row.split(" ", 1)[1] for row in rows if row.startswith("installed ")}
    return set(view.ask("rpm -qa --queryformat '%{NAME}\\n'").split())


def _state(view: View, unit: str) -> str:
    text = view.ask("systemctl is-enabled %s 2>&1 || :", unit).strip()
    last = text.splitlines()[-1] if text else "absent"
    return "absent" if re.search("No such file|not found|Failed to get", last) else last


def _active(view: View, unit: str) -> str:
    return view.ask("systemctl is-active %s || :", unit).strip()


def _booted(view: View) -> bool:
    """As sd_booted(3) tells it."""
    return view.ask("test -d /run/systemd/system && echo yes || :").strip() == "yes"

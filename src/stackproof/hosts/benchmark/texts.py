"""Configuration files: what they say when all of them are read in their order."""

from __future__ import annotations

import re

from stackproof.hosts.benchmark.view import Given, View, compare, wrong

_MODPROBE = ["/etc/modprobe.d/*.conf", "/usr/lib/modprobe.d/*.conf", "/run/modprobe.d/*.conf"]
_SSHD = """
folder=$(mktemp -d -p /run) && ssh-keygen -q -t ed25519 -N '' -f "$folder/key" </dev/null &&
"$(command -v sshd || echo /usr/sbin/sshd)" -T -h "$folder/key" -C user=root,host=h,addr=192.0.2.1
code=$?; rm -rf "$folder"; exit $code
"""
"""An image has no host keys, without which sshd says nothing: it is lent one."""

_SYSCTL = ["/usr/lib/sysctl.d/*.conf", "/run/sysctl.d/*.conf", "/etc/sysctl.d/*.conf"]


def module(view: View, given: Given) -> str:
    """Module ``name`` cannot be loaded (modprobe.d(5)): its install fails and it is blacklisted."""
    pattern = re.compile(str(given["name"]).replace("-", "[-_]"))
    installs = blacklisted = False
    for _, line in view.lines(_MODPROBE):
        words = line.split()
        if len(words) >= 2 and pattern.fullmatch(words[1]):
            installs |= words[0] == "install" and words[2:3] in (["/bin/false"], ["/bin/true"])
            blacklisted |= words[0] == "blacklist"
    missing = [
        what for what, there in (("install /bin/false", installs), ("blacklist", blacklisted)) if not there
    ]
    return f"module {given['name']} has no '{' and no '.join(missing)}'" if missing else ""


def sysctl(view: View, given: Given) -> str:
    """What boot will set: the last assignment wins, files sorted by name over all folders (sysctl.d(5))."""
    by_file: dict[str, list[tuple[str, str]]] = {}
    for file, line in view.lines(_SYSCTL):
        by_file.setdefault(file, []).append((file, line))
    effective: dict[str, str] = {}
    masked = {file.rpartition("/")[2]: file for file in by_file}
    for name in sorted(masked):
        for _, line in by_file[masked[name]]:
            key, _, shown = line.lstrip("-").partition("=")
            effective[key.strip().replace("/", ".")] = shown.strip()
    for _, line in view.lines(["/etc/sysctl.conf"]) if view.family == "debian" else []:
        key, _, shown = line.lstrip("-").partition("=")
        effective[key.strip().replace("/", ".")] = shown.strip()
    complaints = []
    for key, value in given["values"].items():
        shown = effective.get(str(key), "not set")
        if shown != str(value):
            complaints.append(f"{key} is {shown}, not {value}")
    return wrong(complaints)


def sshd(view: View, given: Given) -> str:
    """What sshd makes of its configuration (``sshd -T``); values of an option are joined by blanks."""
    options: dict[str, list[str]] = {}
    for line in view.ask(_SSHD).splitlines():
        key, _, shown = line.partition(" ")
        options.setdefault(key.lower(), []).append(shown.strip())
    wanted = [name.lower() for name in view.listed(given, "option")]
    set_ones = [name for name in wanted if name in options]
    if not set_ones:
        return f"{' or '.join(wanted)} is not set"
    complaint = compare(" ".join(options[set_ones[0]]), given)
    return f"{set_ones[0]} is {complaint}" if complaint else ""


def mount(view: View, given: Given) -> str:
    """What boot will mount: ``point`` in fstab(5) (or systemd's tmp.mount), with all ``options``."""
    point = str(given["point"])
    options: list[str] | None = None
    for _, line in view.lines(["/etc/fstab"]):
        words = line.split()
        if len(words) >= 4 and words[1] == point:
            options = words[3].split(",")
    if options is None:
        return f"{point} is no mount of its own in fstab"
    missing = [one for one in given.get("options", []) if one not in options]
    return wrong([f"{point} is mounted without {one}" for one in missing])


def value(view: View, given: Given) -> str:
    """``key`` in ``files`` (key and value parted by blanks or '='); the last one counts."""
    wanted = str(given["key"])
    shown = str(given["default"]) if "default" in given else None
    for _, line in view.lines(view.listed(given, "files")):
        found = re.match(rf"{re.escape(wanted)}(?:\s*=\s*|\s+|$)(.*)", line, re.IGNORECASE)
        if found:
            shown = found[1].strip().strip('"')
    if shown is None:
        return f"{wanted} is not set in {' '.join(view.listed(given, 'files'))}"
    complaint = compare(shown, given)
    return f"{wanted} is {complaint}" if complaint else ""


def line(view: View, given: Given) -> str:
    """Some line of ``files`` matches ``pattern``; files whose path matches ``without`` are passed over."""
    without = str(given.get("without", "^$"))
    found = view.lines(view.listed(given, "files"))
    lines = [text for file, text in found if not re.search(without, file)]
    if any(re.search(str(given["pattern"]), text) for text in lines):
        return ""
    return f"no line of {' '.join(view.listed(given, 'files'))} matches {given['pattern']}"


def no_line(view: View, given: Given) -> str:
    """No line of ``files`` matches ``pattern``."""
    found = [
        (file, text)
        for file, text in view.lines(view.listed(given, "files"))
        if re.search(str(given["pattern"]), text)
    ]
    return wrong([f"{file} has '{text}'" for file, text in found])


def pam(view: View, given: Given) -> str:
    """A line for ``module`` stands in the PAM stack ``files``, and its option ``option`` has the value.

    Options may also stand in the module's own file ``settings`` (pam_faillock, pam_pwquality).
    """
    files, name = view.listed(given, "files"), str(given["module"])
    lines = [text for _, text in view.lines(files) if re.search(rf"\b{re.escape(name)}\.so\b", text)]
    if not lines:
        return f"{name} is not used in {' '.join(files)}"
    if "option" not in given:
        return ""
    wanted = str(given["option"])
    shown = None
    for _, text in view.lines(view.listed(given, "settings")):
        if found := re.fullmatch(rf"{wanted}(?:\s*=\s*(\S+))?", text):
            shown = found[1] or ""
    for text in lines:
        if found := re.search(rf"\s{wanted}(?:=(\S+))?(?=\s|$)", text):
            shown = found[1] or ""
    if shown is None:
        return f"{name} has no {wanted}"
    complaint = compare(shown, given)
    return f"{wanted} of {name} is {complaint}" if complaint else ""

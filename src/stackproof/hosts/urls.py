"""What a URL of a host may say: testinfra ignores in silence what it does not know, an inventory does not."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

SYSTEMS_MANAGER = ("region", "profile", "endpoint", "output_bucket", "output_prefix")
"""What a URL of ``aws-ssm`` may say of the AWS that is asked, in place of the inventory's ``connection``."""

_SUDO = ("sudo", "sudo_user")
_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "local": _SUDO,
    "ssh": (*_SUDO, "timeout", "controlpersist", "ssh_config", "ssh_identity_file"),
    "paramiko": (*_SUDO, "timeout", "ssh_config", "ssh_identity_file"),
    "docker": _SUDO,
    "podman": _SUDO,
    "kubectl": (*_SUDO, "namespace", "container", "kubeconfig", "context"),
    "chroot": (),
    "aws-ssm": (*_SUDO, *SYSTEMS_MANAGER, "timeout"),
}
"""Those of testinfra's (``testinfra.backend.parse_hostspec``) that the backend of a scheme reads."""


def refused(url: str) -> tuple[str, str]:
    """What is wrong with a URL, and a hint; empty when nothing is. ``stack://`` has forms of its own."""
    parts = urlsplit(url)
    if parts.scheme not in _PARAMETERS:
        return "", ""
    if message := _place(parts.scheme, parts.netloc, parts.path):
        return f"'{url}' {message}", ""
    if parts.fragment:
        return f"'{url}' has '#{parts.fragment}', which says nothing of a host", ""
    known = _PARAMETERS[parts.scheme]
    seen: set[str] = set()
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in known:
            may = f"{parts.scheme}:// knows {', '.join(known)}" if known else f"{parts.scheme}:// knows none"
            return f"'{url}' has the parameter '{name}', which nobody would read", may
        if name in seen or not _fits(name, value):
            return f"'{name}={value}' in '{url}' is no value of this parameter", _HINTS.get(name, "")
        seen.add(name)
    return "", ""


_HINTS = {"sudo": "true or false", "timeout": "whole seconds", "controlpersist": "whole seconds"}


def _fits(name: str, value: str) -> bool:
    if name == "sudo":
        return value in {"true", "false"}
    return value.isdecimal() if name in _HINTS else bool(value)


def _place(scheme: str, netloc: str, path: str) -> str:
    """The part that names the host: a folder for chroot, a name for all others but ``local``."""
    if scheme == "chroot":
        return "" if not netloc and path else "names no folder: write chroot:///path/of/it"
    if path.strip("/"):
        return f"has the path '{path}', which nobody would read"
    if scheme == "local":
        return f"names '{netloc}', local:// is this machine" if netloc else ""
    return "" if netloc else "names no host"

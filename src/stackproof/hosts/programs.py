"""Programs of this machine: where they are found, and what those know that run on a host."""

from __future__ import annotations

import os
import shutil

SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are on a host: the search path of root's login on Debian (login.defs, ENV_SUPATH)."""

CLEAN = {"PATH": SEARCH, "HOME": "/root", "LANG": "C.UTF-8"}
"""What a command on a host knows: nothing of who started the inspection."""


def search_path() -> str:
    """Where programs are sought here: the caller's PATH, then the usual folders, root's own among them."""
    return ":".join(dict.fromkeys([*os.environ.get("PATH", "").split(":"), *SEARCH.split(":")]))


def program(name: str) -> str:
    """The path of a program of this machine; "" when it is not there."""
    return shutil.which(name, path=search_path()) or ""

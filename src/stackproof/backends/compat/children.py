"""Child processes of code under test: they get the environment of their function and no way out.

``subprocess`` hands ``env=None`` on as the variables of the whole process, which are those of the test run:
a child would lack what the template gives its function and see the tokens of the machine. What asks the usual
variables for a proxy (curl, the AWS CLI, ``urllib``, ``requests``) is sent to one that refuses and tells the
host by name; all else that a child opens is the kernel's to refuse (``holding``).
"""

from __future__ import annotations

import os
import subprocess
from typing import Any

from stackproof.backends.compat import holding
from stackproof.fabric import offspring
from stackproof.fabric.tasks import current

_real_system = os.system
_living: list[subprocess.Popen[Any]] = []
_real_init = subprocess.Popen.__init__
_ENV = 10
"""Where ``env`` stands among the positional arguments of ``Popen``, without ``self``."""


def environment(variables: dict[str, str]) -> dict[str, str]:
    """The variables of a child: those given, and a proxy that refuses whatever is not loopback."""
    proxies = {f"{kind}_proxy": holding.proxy() for kind in ("http", "https", "all", "ftp")}
    here = "localhost,127.0.0.1,::1"
    held = {**proxies, "no_proxy": here}
    return {**variables, **held, **{name.upper(): value for name, value in held.items()}}


def _init(self: Any, *args: Any, **options: Any) -> None:
    task = current()
    if task is not None and len(args) <= _ENV:
        given = options.get("env")
        if given is not None or task.facts.get("view") is not None:
            options["env"] = environment(dict(os.environ if given is None else given))
    _real_init(self, *args, **options)
    if task is not None:
        _living[:] = [*(child for child in _living if child.returncode is None), self]
        task.facts["children"] = [child for child in task.facts.get("children", ()) if child in _living] + [
            self
        ]


def end() -> None:
    """Kill what tasks started and left behind, as the end of its execution environment does."""
    offspring.kill(_living)
    _living.clear()


def _system(command: Any) -> int:
    """``os.system`` hands on the variables of the whole process."""
    if current() is None:
        return _real_system(command)
    status = subprocess.run(command, shell=True, check=False).returncode
    return -status if status < 0 else status << 8


def hold() -> None:
    """Hold the children of tasks from now on; others are left alone."""
    system: Any = os
    system.system = _system
    kind: Any = subprocess.Popen
    kind.__init__ = _init

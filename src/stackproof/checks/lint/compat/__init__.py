"""Where cfn-lint is made faster from outside without changing an answer.

Each shortcut replaces a function of one cfn-lint module that copies a dataclass field by field, makes
the same class again and again, or searches the same schema again and again. A shortcut is installed
only where the module's source is one that it was compared with (``KNOWN``, SHA-256 of the file): with
any other version cfn-lint runs as it is, only slower. The tests compare the findings with and without
the shortcuts and fail when the installed version is not in ``KNOWN``.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from stackproof.checks.lint.compat import copying, running, searching
from stackproof.checks.lint.compat.patching import digest, installed, is_known, restore
from stackproof.checks.lint.compat.routes import along
from stackproof.checks.lint.compat.running import only


def speed_up() -> tuple[str, ...]:
    """Install every shortcut that fits; gives the names of the modules left as they are."""
    left = tuple(module.__name__ for module in _SHORTCUTS if not is_known(module))
    if not installed():
        for module, install in _SHORTCUTS.items():
            if module.__name__ not in left:
                install()
    return left


def slow_down() -> None:
    """Take every shortcut back (for the tests)."""
    restore()


def modules() -> tuple[ModuleType, ...]:
    """The modules that have a shortcut."""
    return tuple(_SHORTCUTS)


_SHORTCUTS: dict[ModuleType, Callable[[], None]] = {
    **copying.SHORTCUTS,
    **searching.SHORTCUTS,
    **running.SHORTCUTS,
}

__all__ = ["along", "digest", "modules", "only", "slow_down", "speed_up"]

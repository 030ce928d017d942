"""Text that is only partly known, with a stand-in for the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from stackproof.template.model import Unknown

_VARIABLE = re.compile(r"\$\{(!?)([^}]*)\}")


def sample(value: Any, stand_in: str = "x") -> str | None:
    """A text as it might be: what is unknown in ``Fn::Sub`` and ``Fn::Join`` becomes ``stand_in``.

    None when nothing of the text can be seen.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Unknown):
        value = value.expression
    if not isinstance(value, Mapping) or len(value) != 1:
        return None
    ((function, argument),) = value.items()
    if function == "Fn::Sub":
        text = argument[0] if isinstance(argument, list) and argument else argument
        if not isinstance(text, str):
            return None
        return _VARIABLE.sub(lambda found: f"${{{found[2]}}}" if found[1] else stand_in, text)
    if function == "Fn::Join" and isinstance(argument, list) and len(argument) == 2:
        glue, parts = argument
        if isinstance(glue, str) and isinstance(parts, list):
            return glue.join(part if isinstance(part, str) else sample(part) or stand_in for part in parts)
    return None

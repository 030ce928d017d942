"""User data of an instance as the instance would get it: references are the network's own addresses."""

from __future__ import annotations

import base64
import re
from typing import Any

from stackproof.errors import BackendError
from stackproof.hosts.netns.layout import Layout
from stackproof.netmodel import Part
from stackproof.template.model import Unknown

_PLACE = re.compile(r"\$\{([^!}][^}]*)\}")
_ADDRESSES = {"PrivateIp": "address", "PrivateIpAddress": "address", "PublicIp": "public"}

APT = """#!/bin/sh
# In place of apt-get while user data run: the host has no way out, its image must hold what is installed.
for word in "$@"; do
  case $word in
    update|install|upgrade|-*) ;;
    *) dpkg-query -W -f='${Status}\\n' "$word" 2>/dev/null | grep -q ' installed$' ||
         { echo "package $word is not in the image" >&2; exit 100; } ;;
  esac
done
"""
"""An ``apt-get`` that installs nothing and fails for what is not there."""


def user_data(name: str, parts: tuple[Part, ...], layout: Layout) -> str:
    """The script of an instance. ``BackendError`` when it has none, or needs what nobody knows here."""
    for part in parts:
        for item in part.items:
            if item.id == name and "UserData" in item.properties:
                return _text(item.properties["UserData"], part, layout, name)
    raise BackendError(f"{name} has no user data")


def _text(value: Any, part: Part, layout: Layout, name: str) -> str:
    if isinstance(value, str):
        return base64.b64decode(value).decode("utf-8")
    inner = value.expression.get("Fn::Base64") if isinstance(value, Unknown) else None
    if isinstance(inner, dict) and set(inner) == {"Fn::Sub"}:
        inner = inner["Fn::Sub"]
    if not isinstance(inner, str):
        raise BackendError(f"the user data of {name} hang on what only a deployment knows")

    def filled(match: re.Match[str]) -> str:
        logical_id, _, attribute = match[1].partition(".")
        member = layout.members.get(part.id(logical_id))
        found = getattr(member, _ADDRESSES.get(attribute, ""), "") if member else ""
        if not found:
            raise BackendError(f"the user data of {name} need ${{{match[1]}}}, which only a deployment knows")
        return str(found)

    return _PLACE.sub(filled, inner).replace("${!", "${")

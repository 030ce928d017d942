"""What an inventory says of a host of a test stack (its ``facts``), read strictly.

``stand: true`` marks the hosts that the checks of this package are made on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stackproof.errors import ConfigError
from stackproof.hosts.model import HostEntry
from stackproof.netmodel import Flow

_KEYS = ("stand", "network", "node", "listening", "services", "login", "answers")


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in by ssh, from which host, and by which jump host ("" for none)."""

    user: str
    source: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request from ``source`` must bring: status, and words of the body or of a header."""

    source: str
    url: str
    status: int
    says: str = ""


@dataclass(frozen=True, slots=True)
class StandFacts:
    """The facts of one host. ``listening`` is all that listens; ``services`` are systemd's units."""

    network: str
    node: str
    listening: tuple[Flow, ...] = ()
    services: tuple[str, ...] = ()
    login: Login | None = None
    answers: tuple[Asked, ...] = ()


def facts_of(entry: HostEntry) -> StandFacts:
    """The facts of an inventory's host. Raises ``ConfigError`` at the host's line."""
    given = entry.facts
    try:
        if strange := sorted(set(given) - set(_KEYS)):
            raise ValueError(f"'{strange[0]}' is no fact of a host of a stack; there are: {', '.join(_KEYS)}")
        return StandFacts(
            network=str(given["network"]),
            node=str(given["node"]),
            listening=tuple(Flow.parse(str(one)) for one in given.get("listening", ())),
            services=tuple(str(one) for one in given.get("services", ())),
            login=_login(given.get("login")),
            answers=tuple(_answer(one) for one in given.get("answers", ())),
        )
    except (KeyError, TypeError, ValueError) as error:
        said = f"fact {error} is missing" if isinstance(error, KeyError) else str(error)
        at = entry.location
        raise ConfigError(
            f"host '{entry.name}': {said}", file=at.file, line=at.line, column=at.column
        ) from None


def _login(given: Mapping[str, Any] | None) -> Login | None:
    if given is None:
        return None
    return Login(str(given["user"]), str(given["from"]), str(given.get("by", "")))


def _answer(given: Mapping[str, Any]) -> Asked:
    return Asked(str(given["from"]), str(given["url"]), int(given["status"]), str(given.get("says", "")))

"""What one run of the gate is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from stackproof.errors import UsageError


@dataclass(frozen=True, slots=True)
class Shard:
    """One of ``count`` parts of the templates; ``number`` starts at 1."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """From ``2/5``. Raises ``UsageError`` for anything else."""
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise UsageError(
                f"'{text}' is no shard", hint="write it as i/n with 1 <= i <= n, for example 2/5"
            )
        return cls(int(found[1]), int(found[2]))


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """The options of ``stackproof check``. Empty values leave the decision to the configuration.

    ``paths`` are files and folders (default: the configured template folders). ``as_written`` judges the
    document as the native tools do. ``changed_since`` is a git revision. ``hook``: the paths come from
    a hook, so a path that is no template stands for the templates that depend on it. ``baseline`` names
    a baseline file that must exist; ``use_baseline`` False judges without one. ``weakened`` names what the
    command line asks less strictly than the configuration; ``given`` what it put in that one's place.
    """

    paths: tuple[Path, ...] = ()
    as_written: bool = False
    changed_since: str = ""
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    shard: Shard | None = None
    use_cache: bool = True
    baseline: Path | None = None
    use_baseline: bool = True
    weakened: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    hook: bool = False

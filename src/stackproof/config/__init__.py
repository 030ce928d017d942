"""Project configuration: ``[tool.stackproof]`` in ``pyproject.toml`` or a ``stackproof.toml``.

``stackproof.toml`` (top-level keys) wins over ``pyproject.toml`` when both stand in the same folder.
An unknown key is an error with file and line; nothing is ignored.
"""

from __future__ import annotations

import datetime
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from stackproof.errors import ConfigError
from stackproof.model import Severity

FILE_NAME = "stackproof.toml"


class RuleSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A set of rules and where it applies.

    Give ``path`` (a folder or one ``.guard`` file, relative to the project root) or ``package``
    (an installed Python package, ``name`` or ``name:sub/folder``). ``mapping`` names a mapping file
    of a checkout of the Guard rules registry (``mappings/<name>.guard.rs…json``), found below ``path``.
    ``templates`` and ``configurations`` are globs; empty means all. ``parameters`` reach the rules as
    Guard input parameters. ``severity`` overrides the severity that the rules' headers give.
    ``view`` is the document that is judged: ``resolved`` (default), ``expanded`` or ``written``.
    """

    name: str = ""
    path: str = ""
    package: str = ""
    mapping: str = ""
    templates: tuple[str, ...] = ()
    configurations: tuple[str, ...] = ()
    parameters: dict[str, Any] = {}
    severity: Severity | None = None
    view: str = ""


class Suppress(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A suppression from configuration. ``rule`` and ``resources`` may hold glob wildcards."""

    rule: str
    reason: str
    until: str = ""
    templates: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    configurations: tuple[str, ...] = ()


class Governance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an organisation allows.

    ``inline``: whether suppressions inside templates count at all (``stackproof``, cfn-lint and Guard ones).
    ``native``: whether the ungoverned ones of cfn-lint and Guard count.
    ``forbid``: globs of rules that nobody may suppress.
    ``max_days``: the longest time to the expiry date; 0 for no limit. ``require_until``: a date is required.
    """

    inline: bool = True
    native: bool = True
    forbid: tuple[str, ...] = ()
    max_days: Annotated[int, Meta(ge=0)] = 0
    require_until: bool = True


class Environment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is known of a deployment environment besides its parameter files.

    Values that are not given are unknown while a template is judged.
    """

    region: str = ""
    account: str = ""
    partition: str = ""
    stack_name: str = ""
    organization: str = ""
    parameters: dict[str, Any] = {}
    template_urls: dict[str, str] = {}


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that a run can be told by its project. Paths are relative to ``root``.

    ``time_limit`` is in seconds for one template; ``workers`` 0 means one for each processor;
    ``max_file_size`` is in bytes.
    """

    root: str = "."
    file: str = ""
    templates: tuple[str, ...] = ("templates",)
    exclude: tuple[str, ...] = ()
    policies: tuple[str, ...] = ("policies",)
    fail_on: str = "error"
    undecided: str = "warning"
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    rulesets: tuple[RuleSet, ...] = ()
    checks: tuple[str, ...] = ()
    environments: dict[str, Environment] = {}
    template_urls: dict[str, str] = {}
    suppress: tuple[Suppress, ...] = ()
    governance: Governance = Governance()
    baseline: str = "stackproof-baseline.json"
    cache: str = ".stackproof/cache"
    workers: Annotated[int, Meta(ge=0)] = 0
    time_limit: Annotated[float, Meta(gt=0)] = 60.0
    allowed_values_limit: Annotated[int, Meta(ge=1)] = 16
    max_file_size: Annotated[int, Meta(ge=1)] = 5_242_880


_CHOICES = {"fail_on": {"error", "warning", "info", "never"}, "undecided": {"error", "warning", "info"}}


def find_root(start: Path) -> Path:
    """The nearest folder above ``start`` with our configuration, else with ``.git``, else itself."""
    start = start.resolve()
    folders = [start, *start.parents] if start.is_dir() else list(start.parents)
    for folder in folders:
        if (folder / FILE_NAME).is_file() or _has_table(folder / "pyproject.toml"):
            return folder
        if (folder / ".git").exists():
            return folder
    return folders[0]


def load(root: Path, file: Path | None = None) -> Config:
    """Read the configuration of the project at ``root``, or the given file.

    Raises ``ConfigError`` (file, line, column) for a file that cannot be read, is no TOML,
    holds an unknown key or a value of the wrong type.
    """
    if file is not None:
        return _decode(root, file, _read(file))
    for candidate in (root / FILE_NAME, root / "pyproject.toml"):
        if candidate.is_file():
            data = _read(candidate)
            if candidate.name == FILE_NAME or "stackproof" in data.get("tool", {}):
                return _decode(root, candidate, data)
    return Config(root=str(root))


def _has_table(pyproject: Path) -> bool:
    try:
        return "[tool.stackproof" in pyproject.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=str(file)) from error
    except UnicodeDecodeError as error:
        raise ConfigError("is not UTF-8 text", file=str(file)) from error
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        line, column = (int(found[1]), int(found[2])) if found else (0, 0)
        message = re.sub(r" \(at .*\)$", "", str(error))
        raise ConfigError(
            f"is not valid TOML: {message}", file=str(file), line=line, column=column
        ) from error


def _decode(root: Path, file: Path, data: dict[str, Any]) -> Config:
    table = data.get("tool", {}).get("stackproof", {}) if file.name == "pyproject.toml" else data
    if isinstance(table, dict):
        for reserved in ("root", "file"):
            if reserved in table:
                raise _located(file, f"unknown key '{reserved}'", reserved)
        _refuse_prefix(file, table)
    try:
        config = msgspec.convert(_with_dates_as_text(table), Config)
    except msgspec.ValidationError as error:
        from stackproof.config.wrong import explain

        raise explain(file, _with_dates_as_text(table), str(error), Config) from error
    for key, allowed in _CHOICES.items():
        if getattr(config, key) not in allowed:
            message = f"'{key}' is '{getattr(config, key)}', expected one of {', '.join(sorted(allowed))}"
            raise _located(file, message, key)
    _check_rulesets(file, config)
    return msgspec.structs.replace(config, root=str(root), file=str(file))


def _refuse_prefix(file: Path, table: dict[str, Any]) -> None:
    """The prefix of ``pyproject.toml`` in a file of our own."""
    tool = table.get("tool")
    if not isinstance(tool, dict) or "stackproof" not in tool:
        return
    error = _located(file, "unknown key 'tool'", "tool", "stackproof")
    error.hint = f"in {file.name} the keys stand without the prefix 'tool.stackproof'"
    raise error


def _with_dates_as_text(table: Any) -> Any:
    """The table with the dates of suppressions in ISO form: TOML has a type of its own for them."""
    entries = table.get("suppress") if isinstance(table, dict) else None
    if not isinstance(entries, list):
        return table
    return {**table, "suppress": [_dated(entry) for entry in entries]}


def _dated(entry: Any) -> Any:
    until = entry.get("until") if isinstance(entry, dict) else None
    if isinstance(until, datetime.datetime):
        until = until.date()
    return {**entry, "until": until.isoformat()} if isinstance(until, datetime.date) else entry


def _check_rulesets(file: Path, config: Config) -> None:
    for position, ruleset in enumerate(config.rulesets, start=1):
        if bool(ruleset.path) == bool(ruleset.package):
            message = f"rule set {position} needs either 'path' or 'package'"
            raise _located(file, message, "rulesets", position - 1)
        if ruleset.view not in {"", "resolved", "expanded", "written"}:
            message = f"'view' is '{ruleset.view}', expected resolved, expanded or written"
            raise _located(file, message, "rulesets", position - 1, "view")


def _located(file: Path, message: str, *path: str | int) -> ConfigError:
    from stackproof.config.places import place

    line, column = place(file, path)
    return ConfigError(message, file=str(file), line=line, column=column)

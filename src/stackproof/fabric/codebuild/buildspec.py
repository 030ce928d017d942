"""Build specifications: read and checked.

Source: CodeBuild user guide, "Build specification reference for CodeBuild".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stackproof.errors import CapabilityMissing

PHASES = ("install", "pre_build", "build", "post_build")
SHELLS = ("sh", "bash", "/bin/sh", "/bin/bash")
_TOP = frozenset({"version", "run-as", "env", "proxy", "batch", "phases", "reports", "artifacts", "cache"})
_NOT_EMULATED = ("run-as", "proxy", "cache")
RETRIES = 3
"""Attempts after the first of ``on-failure: RETRY``."""


class SpecError(Exception):
    """A specification that CodeBuild refuses; the text goes into the context of its phase."""


@dataclass(frozen=True, slots=True)
class Phase:
    """Commands of a phase, those that run in any case afterwards, and what a failure does.

    ``on_failure`` is ``ABORT``, ``CONTINUE``, ``RETRY`` or "" (nothing said); ``retries`` for RETRY.
    """

    commands: tuple[str, ...] = ()
    finally_: tuple[str, ...] = ()
    on_failure: str = ""
    retries: int = 0


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Which files of the build are an artifact; ``base`` is a folder or a pattern of folders."""

    files: tuple[str, ...]
    base: str = ""
    exclude: tuple[str, ...] = ()
    discard: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A report: its files, and their format."""

    files: tuple[str, ...]
    base: str = ""
    format: str = "JUNITXML"


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole specification. ``ignored`` names sections that have no effect here."""

    version: str
    shell: str = "sh"
    variables: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    exported: tuple[str, ...] = ()
    phases: Mapping[str, Phase] = field(default_factory=dict)
    artifacts: Artifacts | None = None
    secondary: Mapping[str, Artifacts] = field(default_factory=dict)
    reports: Mapping[str, Report] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()


def parse(text: str) -> Spec:
    """Read a specification. Raises ``SpecError``, or ``CapabilityMissing`` for what is not emulated."""
    import yaml

    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SpecError(f"YAML_FILE_ERROR: {str(error).splitlines()[0]}") from error
    if not isinstance(found, Mapping):
        raise SpecError("YAML_FILE_ERROR: the build specification is no mapping")
    version = str(found.get("version", ""))
    if version not in ("0.1", "0.2"):
        raise SpecError(f"YAML_FILE_ERROR: wrong version '{version}', 0.1 or 0.2 is wanted")
    unknown = sorted(str(name) for name in found if name not in _TOP)
    if unknown:
        raise SpecError(f"YAML_FILE_ERROR: unknown section '{unknown[0]}'")
    phases = _mapping(found.get("phases"), "phases")
    if not phases:
        raise SpecError("YAML_FILE_ERROR: no phases")
    env = _mapping(found.get("env"), "env")
    artifacts = _mapping(found.get("artifacts"), "artifacts")
    return Spec(
        version=version,
        shell=_shell(env),
        variables=_texts(env.get("variables"), "env/variables"),
        parameters=_texts(env.get("parameter-store"), "env/parameter-store"),
        secrets=_texts(env.get("secrets-manager"), "env/secrets-manager"),
        exported=_list(env.get("exported-variables"), "env/exported-variables"),
        phases={str(name): _phase(str(name), one) for name, one in phases.items()},
        artifacts=_artifacts(artifacts, "artifacts") if artifacts.get("files") else None,
        secondary={
            str(name): _artifacts(one, f"artifacts/secondary-artifacts/{name}")
            for name, one in _mapping(artifacts.get("secondary-artifacts"), "secondary-artifacts").items()
        },
        reports={str(n): _report(n, one) for n, one in _mapping(found.get("reports"), "reports").items()},
        ignored=tuple(name for name in _NOT_EMULATED if name in found),
    )


def _shell(env: Mapping[str, Any]) -> str:
    shell = str(env.get("shell", "sh"))
    if shell not in SHELLS:
        raise CapabilityMissing(f"not emulated: env/shell '{shell}' of a build specification")
    return shell.rpartition("/")[2]


def _phase(name: str, given: Any) -> Phase:
    if name not in PHASES:
        raise SpecError(f"YAML_FILE_ERROR: unknown phase '{name}'")
    one = _mapping(given, f"phases/{name}")
    told = str(one.get("on-failure", ""))
    kind, _, count = told.partition("-")
    if told and (kind not in ("ABORT", "CONTINUE", "RETRY") or (count and not count.isdigit())):
        if kind == "RETRY":
            raise CapabilityMissing(f"not emulated: on-failure '{told}' of phase {name}")
        raise SpecError(f"YAML_FILE_ERROR: phases/{name}/on-failure is '{told}'")
    commands = _list(one.get("commands"), f"phases/{name}/commands")
    after = _list(one.get("finally"), f"phases/{name}/finally")
    retries = (int(count) if count else RETRIES) if kind == "RETRY" else 0
    return Phase(commands, after, kind, retries)


def _artifacts(given: Any, where: str) -> Artifacts:
    one = _mapping(given, where)
    files = _list(one.get("files"), f"{where}/files")
    if not files:
        raise SpecError(f"YAML_FILE_ERROR: {where}/files is missing")
    return Artifacts(
        files,
        str(one.get("base-directory", "")),
        _list(one.get("exclude-paths"), f"{where}/exclude-paths"),
        str(one.get("discard-paths", "no")).lower() in ("yes", "true"),
        str(one.get("name", "")),
    )


def _report(name: Any, given: Any) -> Report:
    one = _mapping(given, f"reports/{name}")
    files = _list(one.get("files"), f"reports/{name}/files")
    base = str(one.get("base-directory", ""))
    return Report(files or ("**/*",), base, str(one.get("file-format", "JUNITXML")))


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise SpecError(f"YAML_FILE_ERROR: {where} is no mapping")
    return value


def _list(value: Any, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        raise SpecError(f"YAML_FILE_ERROR: {where} is no list")
    for index, one in enumerate(value):
        if isinstance(one, Mapping | list) or one is None:
            raise SpecError(f"YAML_FILE_ERROR: {where}[{index}] is no text: found subkeys instead")
    return tuple(_text(one) for one in value)


def _texts(value: Any, where: str) -> dict[str, str]:
    found = {}
    for name, one in _mapping(value, where).items():
        if isinstance(one, Mapping | list):
            raise SpecError(f"YAML_FILE_ERROR: {where}/{name} is no text")
        found[str(name)] = _text(one)
    return found


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)

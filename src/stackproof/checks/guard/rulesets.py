"""Rule sets: from the configuration to rule files that are known to parse."""

from __future__ import annotations

import fnmatch
import functools
import importlib.util
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stackproof.checks.guard.adapter import GuardError, evaluate
from stackproof.checks.guard.headers import Described, describe
from stackproof.checks.guard.lint import dangling
from stackproof.checks.guard.source import RuleFile, name_clashes, parse
from stackproof.config import Config, RuleSet
from stackproof.errors import ConfigError
from stackproof.model import Location, Problem, RuleInfo

_SECTIONS = frozenset(
    {
        "AWSTemplateFormatVersion",
        "Conditions",
        "Description",
        "Globals",
        "Hooks",
        "Mappings",
        "Metadata",
        "Outputs",
        "Parameters",
        "Resources",
        "Rules",
        "Transform",
    }
)

SUFFIXES = (".guard", ".ruleset")


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """A rule file that parses: its text cut into rules and what each rule's header says."""

    source: RuleFile
    described: Mapping[str, Described]
    path: Path


@dataclass(frozen=True, slots=True)
class LoadedSet:
    """A configured rule set with its files."""

    config: RuleSet
    name: str
    files: tuple[LoadedFile, ...]

    def applies(self, file: str, configurations: tuple[str, ...] | None = None) -> bool:
        """Whether the set judges a template; ``configurations`` are the names one deployment goes by."""
        if self.config.templates and not matches(file, self.config.templates):
            return False
        if configurations is None or not self.config.configurations:
            return True
        return any(matches(name, self.config.configurations) for name in configurations if name)


@dataclass(frozen=True, slots=True)
class RuleSets:
    """Every rule set of a project, and what is wrong with their files (the others still run)."""

    sets: tuple[LoadedSet, ...] = ()
    problems: tuple[Problem, ...] = ()
    files: tuple[Path, ...] = field(default=())

    def rules(self) -> list[RuleInfo]:
        """What is known of every rule, in the order of the sets."""
        return [
            described.info
            for loaded in self.sets
            for file in loaded.files
            for described in file.described.values()
        ]


def matches(name: str, globs: tuple[str, ...]) -> bool:
    """Whether a file or configuration name matches one of the globs (``**/`` also means "here")."""
    return any(
        fnmatch.fnmatchcase(name, glob) or (glob.startswith("**/") and fnmatch.fnmatchcase(name, glob[3:]))
        for glob in globs
    )


def rule_files(config: Config, root: Path) -> list[tuple[RuleSet, list[Path]]]:
    """The files of every configured rule set, for a cache key; nothing is parsed.

    Raises ``ConfigError`` for a folder, package or mapping that is not there.
    """
    return [(ruleset, _files(ruleset, config, root)) for ruleset in config.rulesets]


def load_rulesets(config: Config, root: Path) -> RuleSets:
    """Load the rule sets of a configuration.

    A rule file that the engine refuses, or a rule that needs what is not there, becomes a ``Problem``
    with file, line and column. Raises ``ConfigError`` for a folder, package or mapping that is missing.
    """
    sets: list[LoadedSet] = []
    problems: list[Problem] = []
    seen: list[Path] = []
    for ruleset, paths in rule_files(config, root):
        _check_parameters(ruleset, config)
        name = ruleset.name or _default_name(ruleset)
        loaded = list(load_files(paths, root, ruleset, name, problems))
        problems.extend(_clashes(loaded, name))
        sets.append(LoadedSet(ruleset, name, tuple(loaded)))
        seen.extend(paths)
    return RuleSets(tuple(sets), tuple(problems), tuple(dict.fromkeys(seen)))


def load_files(
    paths: list[Path], root: Path, ruleset: RuleSet, name: str, problems: list[Problem]
) -> Iterator[LoadedFile]:
    """The files that can be used; the others add to ``problems``."""
    for path in paths:
        shown = shown_path(path, root)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            problems.append(Problem(unreadable(path, error), location=Location(shown)))
            continue
        except UnicodeDecodeError:
            problems.append(Problem("is not UTF-8 text", location=Location(shown)))
            continue
        source = parse(shown, text)
        broken = _broken(source, tuple(ruleset.parameters))
        problems.extend(broken)
        if not broken:
            described, remarks = describe(source, name)
            problems.extend(remarks)
            yield LoadedFile(source, described, path)


def shown_path(path: Path, root: Path) -> str:
    """The path as reports show it: relative to the project, absolute when it is outside."""
    # A link that leads nowhere is named by itself, not by what it would lead to.
    real = path.resolve() if path.exists() else path.parent.resolve() / path.name
    try:
        return real.relative_to(root.resolve()).as_posix()
    except ValueError:
        return path.as_posix()


def is_rule_file(path: Path) -> bool:
    """A file, or a link that leads nowhere: that it cannot be read is told when it is loaded."""
    return path.is_file() or (path.is_symlink() and not path.exists())


def unreadable(path: Path, error: OSError) -> str:
    """Why a file cannot be read."""
    if path.is_symlink() and not path.exists():
        return f"is a link that leads nowhere: {os.readlink(path)}"
    return f"cannot be read: {error.strerror}"


def _broken(source: RuleFile, parameters: tuple[str, ...]) -> list[Problem]:
    refused = _refused(source.text)
    if refused is not None:
        location = Location(source.file, max(refused.line, 1), max(refused.column, 1))
        return [Problem(refused.message, location=location, hint="the other rule files still run")]
    return dangling(source, parameters)


@functools.lru_cache(maxsize=4096)
def _refused(text: str) -> GuardError | None:
    """What the engine has against a text while it reads it; evaluation on nothing is not held against it."""
    try:
        evaluate("{}", text)
    except GuardError as error:
        return error if error.parsing else None
    return None


def _clashes(files: list[LoadedFile], name: str) -> Iterator[Problem]:
    for rule, owners in name_clashes(file.source for file in files).items():
        first, *others = owners
        for other in others:
            line, column = other.position(other.rules[rule][0].start)
            message = (
                f"rule {rule} stands in {first.file} as well: in rule set '{name}' a name may stand once"
            )
            yield Problem(message, location=Location(other.file, line, column), rule=rule)


def _check_parameters(ruleset: RuleSet, config: Config) -> None:
    """Guard refuses an input parameter that is a key of the document too; so do we, before any template."""
    for name in ruleset.parameters:
        if name in _SECTIONS:
            message = f"the parameter '{name}' of a rule set is the name of a template section"
            hint = "parameters stand beside the sections: rename it"
            raise ConfigError(message, file=config.file, hint=hint)


def _default_name(ruleset: RuleSet) -> str:
    if ruleset.mapping:
        return Path(ruleset.mapping).name.removesuffix(".json").removeprefix("rule_set_")
    if ruleset.package:
        return ruleset.package.partition(":")[2].rstrip("/").rpartition("/")[2] or ruleset.package
    return Path(ruleset.path).name.removesuffix(".guard")


def _files(ruleset: RuleSet, config: Config, root: Path) -> list[Path]:
    base = _package(ruleset.package, config) if ruleset.package else (root / ruleset.path)
    if not base.exists():
        what = f"package '{ruleset.package}'" if ruleset.package else f"path '{ruleset.path}'"
        raise ConfigError(f"the {what} of a rule set is not there", file=config.file)
    if ruleset.mapping:
        return _mapped(ruleset, base, config)
    if base.is_file():
        return [base]
    found = sorted(path for suffix in SUFFIXES for path in base.rglob(f"*{suffix}") if is_rule_file(path))
    if not found:
        raise ConfigError(f"no rule file in '{ruleset.path or ruleset.package}'", file=config.file)
    return found


def _package(name: str, config: Config) -> Path:
    module, _, inside = name.partition(":")
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        hint = f"pip install {module.partition('.')[0]}"
        raise ConfigError(
            f"the package '{module}' of a rule set is not installed", file=config.file, hint=hint
        )
    places = list(spec.submodule_search_locations or [])
    folder = Path(places[0]) if places else Path(str(spec.origin)).parent
    return folder / inside if inside else folder


def _mapped(ruleset: RuleSet, base: Path, config: Config) -> list[Path]:
    """The files that a mapping of the Guard rules registry lists: ``mappings[].guardFilePath``."""
    mapping = _mapping_file(ruleset, base, config)
    try:
        listed = json.loads(mapping.read_text(encoding="utf-8"))
        entries = listed["mappings"] if isinstance(listed, dict) else listed
        names = list(dict.fromkeys(entry["guardFilePath"] for entry in entries))
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"'{mapping.name}' is no mapping of the Guard rules registry: {error}"
        raise ConfigError(message, file=str(mapping)) from error
    files = [base / name for name in names]
    for file in files:
        if not file.is_file():
            shown = file.relative_to(base).as_posix()
            raise ConfigError(f"the mapping lists '{shown}', which is not there", file=str(mapping))
    return files


def _mapping_file(ruleset: RuleSet, base: Path, config: Config) -> Path:
    name = ruleset.mapping
    for stem in (name, f"{name}.json", f"rule_set_{name}.json", f"rule_set_{name.replace('-', '_')}.json"):
        for folder in (base, base / "mappings"):
            if (folder / stem).is_file():
                return folder / stem
    known = sorted(p.name for p in (base / "mappings").glob("*.json"))
    hint = f"there are {', '.join(known[:5])} …" if known else "the path must be a checkout of the registry"
    raise ConfigError(f"the mapping '{name}' of a rule set is not there", file=config.file, hint=hint)

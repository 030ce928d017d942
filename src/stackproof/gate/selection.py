"""Which templates a run judges: those asked for, those that changed, this machine's share."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stackproof.checks.guard.rulesets import rule_files
from stackproof.checks.lint import surroundings
from stackproof.config import FILE_NAME, Config
from stackproof.errors import NothingToJudge
from stackproof.gate.changes import changed_since
from stackproof.gate.keys import Keys
from stackproof.gate.request import CheckRequest, Shard
from stackproof.template.discover import TEMPLATE_SUFFIXES, Discovery, TemplateFile, discover
from stackproof.template.environments import FOLDER
from stackproof.template.sniff import looks_like_template

_SAMCONFIG = "samconfig.toml"


@dataclass(frozen=True, slots=True)
class Selection:
    """What is judged, among what. ``partial_because`` is "" when nothing was left out."""

    discovery: Discovery
    judged: tuple[TemplateFile, ...]
    partial_because: str = ""
    notes: tuple[str, ...] = ()


def find(request: CheckRequest, config: Config, root: Path) -> Discovery:
    """Every template that takes part: asked for, or able to change the verdict on one asked for.

    A hook's paths stand among all templates of the project; so do the changed files of ``--changed-since``.
    """
    if not request.hook:
        return discover(root, request.paths, config)
    named = [path for path in request.paths if path.is_dir() or _is_template(path)]
    around = discover(root, (), config)
    if not named:
        return Discovery(around.templates, (), around.assemblies, around.considered)
    given = discover(root, named, config)
    templates = {template.path: template for template in (*around.templates, *given.templates)}
    ordered = tuple(sorted(templates.values(), key=lambda template: template.file))
    assemblies = tuple(dict.fromkeys((*around.assemblies, *given.assemblies)))
    return Discovery(ordered, given.findings, assemblies, around.considered, problems=given.problems)


def select(request: CheckRequest, config: Config, root: Path, discovery: Discovery, keys: Keys) -> Selection:
    """Choose among the templates that were found. Raises ``NothingToJudge`` when there is none."""
    every = discovery.templates
    if not every and not discovery.findings and not request.hook:
        raise NothingToJudge(_nothing(request, config), hint="name a file or folder, or set 'templates'")
    chosen, because = every, []
    if request.changed_since or request.hook:
        changed = _changed(request, root)
        affected = _Affected(config, root, keys, every).by(changed)
        chosen = tuple(template for template in every if template.file in affected)
        if len(chosen) < len(every):
            what = f"since {request.changed_since}" if request.changed_since else "in this hook's files"
            because.append(f"only what changed {what}")
    if request.shard is not None and request.shard.count > 1:
        chosen = tuple(template for template in chosen if _is_mine(template, request.shard))
        because.append(f"shard {request.shard.number}/{request.shard.count}")
    notes = () if chosen else (f"none of {len(every)} templates is concerned",)
    return Selection(discovery, chosen, ", ".join(because), (*discovery.notes, *notes))


def _nothing(request: CheckRequest, config: Config) -> str:
    places = [str(path) for path in request.paths] or list(config.templates)
    return f"nothing to judge: no template in {', '.join(places)}"


def _changed(request: CheckRequest, root: Path) -> frozenset[Path]:
    changed: frozenset[Path] = frozenset()
    if request.changed_since:
        changed |= changed_since(root, request.changed_since)
    if request.hook:
        changed |= {Path(os.path.abspath(path)) for path in request.paths}
    return changed


def _is_template(path: Path) -> bool:
    try:
        typed = path.suffix.lower() not in TEMPLATE_SUFFIXES
        return looks_like_template(path.read_bytes(), typed=typed)
    except FileNotFoundError:
        return False
    except OSError:
        # A file that a hook names and that cannot be read is judged, so that the finding says so.
        return True


def _is_mine(template: TemplateFile, shard: Shard) -> bool:
    """Stable by file name: adding a template moves no other to another shard."""
    digest = hashlib.sha256(template.file.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % shard.count == shard.number - 1


class _Affected:
    """Tells which templates changed files concern."""

    def __init__(self, config: Config, root: Path, keys: Keys, templates: Sequence[TemplateFile]) -> None:
        self._config = config
        self._root = root
        self._keys = keys
        self._templates = templates

    def by(self, changed: Iterable[Path]) -> frozenset[str]:
        """The names of the templates whose verdict the changed files can change."""
        changed = frozenset(changed)
        if any(self._concerns_all(path) for path in changed):
            return frozenset(template.file for template in self._templates)
        by_path = {template.path: template.file for template in self._templates}
        direct = {by_path[path] for path in changed if path in by_path}
        for path in changed - by_path.keys():
            direct |= self._concerned(path)
        return self._keys.links.dependents(direct) if direct else frozenset()

    def _concerns_all(self, path: Path) -> bool:
        if path in {Path(self._config.file or self._root / FILE_NAME), self._root / FILE_NAME}:
            return True
        if self._config.file == "" and path == self._root / "pyproject.toml":
            return True
        folders = [self._root / name for name in self._config.policies]
        folders += [self._root / ruleset.path for ruleset in self._config.rulesets if ruleset.path]
        folders += list(surroundings.inputs(self._root))
        if any(path == folder or path.is_relative_to(folder) for folder in folders):
            return True
        return any(path in paths for _, paths in rule_files(self._config, self._root))

    def _concerned(self, path: Path) -> set[str]:
        """The templates that a file which is none configures, or that name it.

        Nobody knows what a removed file was: the templates beside it may have hung on it.
        """
        name = path.name.encode("utf-8", "surrogateescape")
        removed = path.suffix in TEMPLATE_SUFFIXES and not path.exists()
        concerned = set()
        for template in self._templates:
            folder = template.path.parent
            configures = path.parent == folder / FOLDER or path == folder / _SAMCONFIG
            assembled = bool(template.assembly) and path.is_relative_to(self._root / template.assembly)
            beside = removed and path.parent == folder
            if configures or assembled or beside or name in self._keys.text(template.file):
                concerned.add(template.file)
        return concerned

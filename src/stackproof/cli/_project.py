"""Where the project is and what it configures: the options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from stackproof import config as configuration
from stackproof.config import Config

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Project:
    """The project root (absolute) and its configuration."""

    root: Path
    config: Config


def project_options(function: F) -> F:
    """Add ``--root`` (``root_dir``) and ``--config`` (``config_file``), both ``Path | None``."""
    folder = click.Path(exists=True, file_okay=False, path_type=Path)
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    function = click.option(
        "--root", "root_dir", type=folder, help="Project root; found from here by default."
    )(function)
    return click.option("--config", "config_file", type=file, help="Read this configuration file.")(function)


def load_project(
    root_dir: Path | None = None, config_file: Path | None = None, paths: Sequence[Path] = ()
) -> Project:
    """Find the root and read its configuration. Raises ``ConfigError``.

    It is looked for from the current folder; when nothing is configured there, from ``paths``, as long as
    they lie in one project. Where there is no project at all nothing is written: there is no cache.
    """
    if root_dir is not None:
        root = root_dir.resolve()
        return Project(root, configuration.load(root, config_file))
    root = configuration.find_root(Path.cwd())
    config = configuration.load(root, config_file)
    if not config.file and paths:
        found = {configuration.find_root(path) for path in paths}
        if len(found) == 1:
            named = found.pop()
            there = configuration.load(named)
            if there.file:
                root, config = named, there
    if not config.file and not (root / ".git").exists():
        config = msgspec.structs.replace(config, cache="")
    return Project(root, config)

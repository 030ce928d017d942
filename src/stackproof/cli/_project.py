"""Where the project is and what it configures: the options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

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


def load_project(root_dir: Path | None = None, config_file: Path | None = None) -> Project:
    """Find the root and read its configuration. Raises ``ConfigError``."""
    root = root_dir.resolve() if root_dir else configuration.find_root(Path.cwd())
    return Project(root, configuration.load(root, config_file))

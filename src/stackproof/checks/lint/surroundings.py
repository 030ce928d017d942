"""What cfn-lint reads besides a template: configuration files, appended rules, schemas, environment.

Needed for the cache, so nothing here imports cfn-lint.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CONFIG_NAMES = (".cfnlintrc", ".cfnlintrc.yaml", ".cfnlintrc.yml")
ENVIRONMENT = ("AWS_REGION", "AWS_DEFAULT_REGION")
_FILE_KEYS = (
    "append_rules",
    "custom_rules",
    "override_spec",
    "registry_schemas",
    "parameter_files",
    "deployment_files",
)


def base_folder(root: Path) -> Path:
    """The folder whose ``.cfnlintrc`` counts: the current one, or ``root`` when that alone has one."""
    here = Path.cwd()
    if here != root and config_file(here) is None and config_file(root) is not None:
        return root
    return here


def config_file(folder: Path) -> Path | None:
    """The configuration file that cfn-lint takes in a folder."""
    return next((folder / name for name in CONFIG_NAMES if (folder / name).is_file()), None)


def environment() -> dict[str, str]:
    """The environment variables that can change cfn-lint's findings."""
    return {name: os.environ.get(name, "") for name in ENVIRONMENT}


def inputs(root: Path) -> Iterator[Path]:
    """Every file or folder (to be read through) that can change cfn-lint's findings, existing or not."""
    base = base_folder(root)
    yield _schema_cache() / "version.json"
    yield _schema_cache() / "providers"
    for folder in (_home(), base):
        for name in CONFIG_NAMES:
            yield folder / name
        file = config_file(folder)
        if file is not None:
            yield from _named_in(file, base)


def _home() -> Path:
    return Path(os.path.expanduser("~"))


def _schema_cache() -> Path:
    """Where a user's newer schemas are (``cfnlint.helpers.get_cache_dir``)."""
    if sys.platform == "darwin":
        parent = os.path.expanduser("~/Library/Caches")
    else:
        parent = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    return Path(parent, "aws", "cfn-lint", "schemas")


def _named_in(file: Path, base: Path) -> Iterator[Path]:
    for name in _names(_read(file)):
        path = Path(os.path.expanduser(name))
        path = path if path.is_absolute() else base / path
        if any(sign in name for sign in "*?["):
            yield from sorted(base.glob(name)) if not Path(name).is_absolute() else ()
        elif path.exists() or "/" in name:
            yield path
        else:
            yield from _module(name)


def _read(file: Path) -> Any:
    """The settings of a file that names others; what cannot be read is reported by cfn-lint."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    # A key can be written with escapes; without any, YAML need not be loaded to see that none is there.
    if "\\" not in text and not any(key in text for key in _FILE_KEYS):
        return None
    import yaml

    try:
        return yaml.safe_load(text)
    except (ValueError, yaml.YAMLError):
        return None


def _names(settings: Any) -> Iterator[str]:
    if isinstance(settings, dict):
        for key in _FILE_KEYS:
            value = settings.get(key)
            yield from (
                item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)
            )


def _module(name: str) -> Iterator[Path]:
    """The files of an importable module that ``append_rules`` names."""
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return
    if found is not None:
        yield from (Path(folder) for folder in found.submodule_search_locations or ())
        if found.origin:
            yield Path(found.origin)

"""``samconfig.toml``: the environments of the SAM command line.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stackproof.model import Location
from stackproof.template.parameter_files import Settings
from stackproof.template.places import real

FILE_NAME = "samconfig.toml"
DEFAULT_TEMPLATES = ("template.yaml", "template.yml", "template.json")
_COMMANDS = ("global", "deploy")
_PAIR = re.compile(
    r"""ParameterKey=(?P<key>[^\s,]+),ParameterValue=(?P<value>"(?:\\.|[^"\\])*"|'[^']*'|(?:\\.|[^\s\\])*)"""
    r"""|(?P<name>[^\s="']+)=(?P<text>"(?:\\.|[^"\\])*"|'[^']*'|(?:\\.|[^\s\\])*)""",
    re.DOTALL,
)


def environments(path: Path, file: str, template: Path) -> tuple[dict[str, Settings], Settings]:
    """The settings of each environment that concerns ``template``, and the file's own findings."""
    own = Settings()
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except OSError as error:
        own.report("READ", f"cannot be read: {error.strerror}", Location(file))
        return {}, own
    except UnicodeDecodeError:
        own.report("SYNTAX", "is not UTF-8 text", Location(file))
        return {}, own
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        where = Location(file, int(found[1]), int(found[2])) if found else Location(file)
        own.report("SYNTAX", f"is not valid TOML: {re.sub(r' [(]at .*[)]$', '', str(error))}", where)
        return {}, own
    result: dict[str, Settings] = {}
    for name, table in data.items():
        if isinstance(table, dict):
            values = _merged(table)
            if values and _concerns(values, path, template):
                result[name] = _settings(name, values, file, text)
    return result, own


def _merged(table: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for command in _COMMANDS:
        section = table.get(command)
        parameters = section.get("parameters") if isinstance(section, dict) else None
        if isinstance(parameters, dict):
            values.update(parameters)
    return values


def _concerns(values: dict[str, Any], path: Path, template: Path) -> bool:
    named = values.get("template_file", values.get("template"))
    if isinstance(named, str):
        return real(path.parent / named) == real(template)
    return template.name in DEFAULT_TEMPLATES


def _settings(name: str, values: dict[str, Any], file: str, text: str) -> Settings:
    settings = Settings(given="parameter_overrides" in values)
    place = _Places(file, text, name)
    for attribute in ("region", "stack_name"):
        if isinstance(values.get(attribute), str):
            setattr(settings, attribute, values[attribute])
    overrides = values.get("parameter_overrides", ())
    where = place.of("parameter_overrides")
    for key, value in _pairs(overrides, settings, where):
        spot = place.of("parameter_overrides", key)
        settings.put(key, value, spot, spot)
    for key, value in _pairs(values.get("tags", ()), settings, place.of("tags")):
        settings.tags[key] = value
    return settings


def _pairs(source: Any, settings: Settings, where: Location) -> Iterator[tuple[str, str]]:
    """Key and value from a string, a list of strings or a table."""
    if isinstance(source, dict):
        for key, value in source.items():
            if isinstance(value, dict | list):
                settings.report("VALUE", f"parameter '{key}' is no string", where)
            else:
                yield str(key), str(value).lower() if isinstance(value, bool) else str(value)
        return
    texts = source if isinstance(source, list | tuple) else [source]
    for text in texts:
        if not isinstance(text, str):
            settings.report("SHAPE", "parameter overrides are strings of 'Key=Value'", where)
            continue
        yield from _split(text, settings, where)


def _split(text: str, settings: Settings, where: Location) -> Iterator[tuple[str, str]]:
    rest = _PAIR.sub(" ", text).strip()
    if rest:
        settings.report("SHAPE", f"'{rest}' is no 'Key=Value'", where, 'write Key="value with blanks"')
    for found in _PAIR.finditer(text):
        value = found["value"] if found["key"] else found["text"]
        yield (found["key"] or found["name"]).strip("\"'"), _unquote(value)


def _unquote(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return re.sub(r"\\(.)", r"\1", value)


class _Places:
    """Lines of a TOML file, which its parser does not tell: the key after the environment's table header."""

    def __init__(self, file: str, text: str, environment: str) -> None:
        self._file = file
        self._lines = text.splitlines()
        header = re.compile(rf"\s*\[\s*[\"']?{re.escape(environment)}[\"']?\s*\.")
        self._spans = [index for index, line in enumerate(self._lines) if header.match(line)]

    def of(self, key: str, inner: str = "") -> Location:
        """The place of a key of the environment; of ``inner`` in its value when that is found."""
        best = Location(self._file)
        for start in self._spans:
            for index in range(start + 1, len(self._lines)):
                line = self._lines[index]
                if line.lstrip().startswith("[") and not line.lstrip().startswith('["'):
                    break
                if re.match(rf"\s*{re.escape(key)}\s*=", line):
                    best = Location(self._file, index + 1, len(line) - len(line.lstrip()) + 1)
                    return self._inner(index, inner) or best if inner else best
        return best

    def _inner(self, start: int, inner: str) -> Location | None:
        wanted = re.compile(rf"(?<![\w]){re.escape(inner)}\b(?=[\"']?\s*[=,])")
        for index in range(start, len(self._lines)):
            line = self._lines[index]
            if index > start and line.lstrip().startswith("["):
                return None
            found = wanted.search(line)
            if found:
                return Location(self._file, index + 1, found.start() + 1)
        return None

"""A function whose image SAM would build from a Dockerfile, run from what that copies.

No image is built and no container runs: on AWS's base image for Python (Lambda developer guide, "Deploy
Python Lambda functions with container images") an image is the files that are copied into the task root, what
pip installs, variables and the handler, and these are read from the Dockerfile. Whatever else it says has
no effect and is named; another base image, several stages or another entry point are not emulated.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from stackproof.backends.packing import packed
from stackproof.deploy.handler import Job

ROOT = PurePosixPath("/var/task")
_BASE = re.compile(r"lambda[/-]python:(3\.\d+)")
_ENTRY = "/lambda-entrypoint.sh"
_SILENT = frozenset({"LABEL", "EXPOSE", "USER", "MAINTAINER", "SHELL", "STOPSIGNAL", "HEALTHCHECK"})
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_NOT_CODE = frozenset({"Dockerfile", ".dockerignore", "__init__.py"})


class NotReadable(Exception):
    """What stands in the way of running an image here; the message says it."""


@dataclass(slots=True)
class Image:
    """What a Dockerfile says. ``files`` maps places in the image to their sources, ``ignored`` are lines."""

    context: Path
    runtime: str = ""
    handler: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    files: dict[PurePosixPath, Path] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def code(self, job: Job, name: str) -> dict[str, Any]:
        """The ``Code`` parameter: the folder itself where all of it was copied as it lies, else a zip."""
        placed = {
            str(place.relative_to(ROOT)): source
            for place, source in self.files.items()
            if place.is_relative_to(ROOT)
        }
        folder = _folder(placed)
        wanted = "\n".join(self.required)
        if folder is not None and (not wanted or _text(folder / "requirements.txt") == wanted):
            return job.backend.code("function", name, folder)
        job.backend.code("function", name, None)
        content = {place: source.read_bytes() for place, source in placed.items()}
        return {"ZipFile": packed({**content, "requirements.txt": wanted.encode()})}


def of(job: Job) -> Image | None:
    """The image that a function's Metadata says how to build, None where it says nothing. Raises
    ``NotReadable``."""
    metadata = job.written.get("Metadata")
    if not isinstance(metadata, Mapping) or not isinstance(metadata.get("DockerContext"), str):
        return None
    context = job.place.folder / metadata["DockerContext"]
    file = context / str(metadata.get("Dockerfile") or "Dockerfile")
    if not file.is_file():
        raise NotReadable(f"there is no Dockerfile at '{metadata['DockerContext']}'")
    given = metadata.get("DockerBuildArgs")
    arguments = {str(key): str(value) for key, value in given.items()} if isinstance(given, Mapping) else {}
    image = read(context.resolve(), file.read_text(encoding="utf-8"), arguments)
    settings = job.get("ImageConfig") or {}
    if settings.get("EntryPoint") not in (None, [], [_ENTRY]):
        raise NotReadable("another entry point than that of the base image does not run here")
    command = settings.get("Command") or ()
    image.handler = str(command[0]) if command else image.handler
    if not image.handler:
        raise NotReadable("neither CMD nor ImageConfig names a handler")
    return image


def read(context: Path, text: str, arguments: Mapping[str, str]) -> Image:
    """What a Dockerfile says. Raises ``NotReadable``."""
    image, known, at = Image(context), {"LAMBDA_TASK_ROOT": str(ROOT)}, ROOT
    for verb, rest in _instructions(text):
        filled = _filled(rest, known)
        if verb == "FROM":
            image.runtime = _runtime(image, filled)
        elif verb == "ARG":
            name, _, default = filled.partition("=")
            known[name.strip()] = arguments.get(name.strip(), _bare(default))
        elif verb == "ENV":
            image.environment |= (given := dict(_pairs(filled)))
            known |= given
        elif verb == "WORKDIR":
            at = at / filled.strip()
        elif verb in ("COPY", "ADD"):
            _copy(image, shlex.split(filled), at)
        elif verb == "RUN":
            _run(image, filled, at)
        elif verb == "CMD":
            image.handler = _first(filled)
        elif verb == "ENTRYPOINT" and _first(filled) != _ENTRY:
            raise NotReadable("another entry point than that of the base image does not run here")
        elif verb not in _SILENT and verb != "ENTRYPOINT":
            image.ignored.append(f"{verb} {filled}")
    if not image.runtime:
        raise NotReadable("the Dockerfile has no FROM")
    return image


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\[ \t]*\n", " ", "\n".join(lines)).splitlines():
        verb, _, rest = line.strip().partition(" ")
        if verb:
            yield verb.upper(), rest.strip()


def _filled(text: str, known: Mapping[str, str]) -> str:
    """A line with the values of its variables; one that nobody set is empty."""
    return _VARIABLE.sub(lambda found: known.get(found[1] or found[2], ""), text)


def _runtime(image: Image, source: str) -> str:
    found = _BASE.search(source)
    if image.runtime:
        raise NotReadable("an image of several stages does not run here")
    if found is None:
        raise NotReadable(f"the base image {source} does not run here, only AWS's for Python")
    return f"python{found[1]}"


def _copy(image: Image, words: list[str], at: PurePosixPath) -> None:
    """COPY and ADD: files and the contents of folders, into a folder or under a new name."""
    words = [word for word in words if not word.startswith("--")]
    *sources, target = json.loads(" ".join(words)) if words[:1] == ["["] else words
    place = at / target
    for source in sources:
        inside = source.strip("/").removeprefix("./").removeprefix(".")
        found = sorted(image.context.glob(inside)) if inside else [image.context]
        if not found:
            raise NotReadable(f"COPY finds no '{source}' in the context")
        single = len(sources) == len(found) == 1 and not target.endswith(("/", "."))
        for one in found:
            if one.is_dir():
                inner = (path for path in sorted(one.rglob("*")) if path.is_file())
                image.files |= {
                    place / path.relative_to(one).as_posix(): path
                    for path in inner
                    if "__pycache__" not in path.parts
                }
            else:
                own = single and place != ROOT
                image.files[place if own else place / one.name] = one


def _run(image: Image, command: str, at: PurePosixPath) -> None:
    """What pip installs is wanted; every other command is not run."""
    for part in re.split(r"&&|;", command):
        words = shlex.split(part)
        if "install" not in words or not any(word.rpartition("/")[2].startswith("pip") for word in words):
            image.ignored += [f"RUN {part.strip()}"] if words else []
            continue
        rest = iter(words[words.index("install") + 1 :])
        for word in rest:
            if word in ("-r", "--requirement"):
                image.required += _lines(image, at / next(rest, ""))
            elif word in ("-t", "--target", "--platform", "--python-version", "--implementation", "-i"):
                next(rest, None)
            elif not word.startswith("-") and word not in (".", "pip", "setuptools", "wheel"):
                image.required.append(word)


def _lines(image: Image, place: PurePosixPath) -> list[str]:
    source = image.files.get(place)
    if source is None:
        raise NotReadable(f"pip is to read {place}, which nothing copies there")
    return [line.strip() for line in _text(source).splitlines()]


def _folder(placed: Mapping[str, Path]) -> Path | None:
    """The folder that was copied as it lies: no module of it was left out, none was renamed."""
    bases = {
        source.parents[place.count("/")] if source.as_posix().endswith(f"/{place}") else None
        for place, source in placed.items()
    }
    base = bases.pop() if len(bases) == 1 else None
    if base is None:
        return None
    kept = {base / place for place in placed}
    others = (path for path in base.rglob("*.py") if path not in kept and path.name not in _NOT_CODE)
    return None if any(others) else base


def _text(file: Path) -> str:
    if not file.is_file():
        return ""
    return "\n".join(line.strip() for line in file.read_text(encoding="utf-8").splitlines())


def _first(text: str) -> str:
    """The first word of CMD or ENTRYPOINT in either form."""
    if text.startswith("["):
        try:
            return str(json.loads(text)[0])
        except (ValueError, LookupError):
            return ""
    return next(iter(shlex.split(text)), "")


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    words = shlex.split(text)
    if words and "=" not in words[0]:
        yield words[0], " ".join(words[1:])
        return
    for word in words:
        name, _, value = word.partition("=")
        yield name, value


def _bare(text: str) -> str:
    return text.strip().strip("\"'")

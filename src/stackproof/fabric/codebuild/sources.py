"""Where the files of a build come from."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stackproof.errors import CapabilityMissing
from stackproof.fabric.codebuild.model import Order, Project
from stackproof.fabric.codebuild.variables import Ask
from stackproof.fabric.service import ServiceError
from stackproof.fabric.trees import Tree, unzipped

if TYPE_CHECKING:
    from stackproof.fabric.world import World

ELSEWHERE = frozenset({"GITHUB", "BITBUCKET", "GITLAB", "GITHUB_ENTERPRISE", "GITLAB_SELF_MANAGED"})
"""Kinds of sources that a connection reaches."""


def stored(ask: Ask, bucket: str, key: str) -> Tree:
    """The files of a zip in a bucket. Raises ``ServiceError``."""
    body = ask("s3", "GetObject", {"Bucket": bucket, "Key": key})["Body"]
    data = body if isinstance(body, bytes) else body.read()
    try:
        return unzipped(data)
    except zipfile.BadZipFile as error:
        raise ServiceError("InvalidInputException", f"s3://{bucket}/{key} is no zip file") from error


def primary(world: World, project: Project, order: Order, ask: Ask) -> tuple[Tree, str]:
    """The files of the primary source, and the version that was resolved (a commit, or "")."""
    if order.origins:
        first = order.origins[0]
        return stored(ask, first.bucket, first.key), order.version
    source = settled(project, order)
    kind, location = source["type"], str(source.get("location") or "")
    if kind == "NO_SOURCE":
        return {}, ""
    if kind == "S3":
        bucket, _, key = location.removeprefix("arn:aws:s3:::").partition("/")
        return stored(ask, bucket, key), ""
    version = str(order.overrides.get("sourceVersion") or project.given.get("sourceVersion") or "")
    if kind == "CODECOMMIT":
        name = location.rstrip("/").rpartition("/")[2]
        place = (project.account, project.region)
        commit = world.service("codecommit").resolve(*place, name, version)
        return commit.tree, commit.id
    if kind in ELSEWHERE:
        found = re.search(r"[:/]([^/:]+/[^/]+?)(?:\.git)?/?$", location)
        name = found[1] if found else location
        commit = world.service("codeconnections").resolve(name, version)
        return commit.tree, commit.id
    raise CapabilityMissing(f"not emulated: source type {kind} of the build project {project.name}")


def settled(project: Project, order: Order) -> Mapping[str, Any]:
    """The project's source with StartBuild's overrides."""
    source = dict(project.given.get("source") or {})
    for name, override in (("type", "sourceTypeOverride"), ("location", "sourceLocationOverride")):
        if override in order.overrides:
            source[name] = order.overrides[override]
    return source

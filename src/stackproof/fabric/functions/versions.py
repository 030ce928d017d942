"""Published versions and aliases."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from stackproof.fabric.clock import iso
from stackproof.fabric.functions import errors
from stackproof.fabric.functions.admin import paged, shown
from stackproof.fabric.functions.model import Alias, Function, Version
from stackproof.fabric.service import Caller, Operation, Params, Response

if TYPE_CHECKING:
    from stackproof.fabric.functions.service import LambdaService


class Versions:
    """Versions and aliases."""

    def __init__(self, service: LambdaService) -> None:
        self._service = service
        self.operations: Mapping[str, Operation] = {
            "PublishVersion": self.publish_version,
            "ListVersionsByFunction": self.list_versions,
            "CreateAlias": self.create_alias,
            "UpdateAlias": self.update_alias,
            "GetAlias": self.get_alias,
            "DeleteAlias": self.delete_alias,
            "ListAliases": self.list_aliases,
        }

    def publish(self, function: Function, description: str) -> Version:
        """Freeze ``$LATEST``; an unchanged one is not published again."""
        latest = function.latest
        previous = function.versions.get(str(function.count))
        if previous is not None and previous.serial == latest.serial:
            return previous
        function.count += 1
        config = {**latest.config, "RevisionId": self._service.world.ids.uuid()}
        config["LastModified"] = iso(self._service.world.clock.ms).replace("Z", "+0000")
        if description:
            config["Description"] = description
        version = replace(latest, number=str(function.count), config=config)
        function.versions[version.number] = version
        return version

    def publish_version(self, params: Params, caller: Caller) -> Response:
        """A numbered version of the code and configuration as they are."""
        function, _ = self._service.find(params, caller)
        digest = params.get("CodeSha256")
        if digest and digest != function.latest.code.sha256:
            raise errors.invalid(
                f"CodeSHA256 ({digest}) is different from current CodeSHA256 in $LATEST "
                f"({function.latest.code.sha256}). Please try again with the CodeSHA256 in $LATEST."
            )
        version = self.publish(function, params.get("Description") or "")
        return shown(function, version, qualified=True)

    def list_versions(self, params: Params, caller: Caller) -> Response:
        """``$LATEST`` and the numbered ones."""
        function, _ = self._service.find(params, caller)
        versions = [function.latest, *function.versions.values()]
        return paged("Versions", [shown(function, version, qualified=True) for version in versions], params)

    # Aliases.

    def create_alias(self, params: Params, caller: Caller) -> Response:
        """A name for a version."""
        function, _ = self._service.find(params, caller)
        name = params["Name"]
        if name in function.aliases:
            raise errors.conflict(f"Alias already exists: {function.arn}:{name}")
        if not re.fullmatch(r"(?!^[0-9]+$)[a-zA-Z0-9-_]{1,128}", name):
            pattern = "Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)"
            raise errors.validation(name, "name", pattern)
        self._check(function, params["FunctionVersion"])
        weights = (params.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        for number in weights:
            self._check(function, number)
        alias = Alias(name, params["FunctionVersion"], params.get("Description") or "", dict(weights),
                      self._service.world.ids.uuid())  # fmt: skip
        function.aliases[name] = alias
        return _shown(function, alias)

    @staticmethod
    def _check(function: Function, number: str) -> None:
        if function.version(number) is None:
            raise errors.no_function(f"{function.arn}:{number}")

    def _alias(self, params: Params, caller: Caller) -> tuple[Function, Alias]:
        function, _ = self._service.find({"FunctionName": params["FunctionName"]}, caller)
        alias = function.aliases.get(params["Name"])
        if alias is None:
            raise errors.not_found(f"Cannot find alias arn: {function.arn}:{params['Name']}")
        return function, alias

    def update_alias(self, params: Params, caller: Caller) -> Response:
        """Point an alias elsewhere; members that are not given stay."""
        function, alias = self._alias(params, caller)
        changes = {
            field: params[member]
            for member, field in (("FunctionVersion", "version"), ("Description", "description"))
            if params.get(member) is not None
        }
        if params.get("FunctionVersion"):
            self._check(function, params["FunctionVersion"])
        if params.get("RoutingConfig") is not None:
            changes["weights"] = dict(params["RoutingConfig"].get("AdditionalVersionWeights") or {})
        alias = replace(alias, revision=self._service.world.ids.uuid(), **changes)
        function.aliases[alias.name] = alias
        return _shown(function, alias)

    def get_alias(self, params: Params, caller: Caller) -> Response:
        """One alias."""
        return _shown(*self._alias(params, caller))

    def delete_alias(self, params: Params, caller: Caller) -> Response:
        """Deleting what is not there is no error."""
        function, _ = self._service.find({"FunctionName": params["FunctionName"]}, caller)
        function.aliases.pop(params["Name"], None)
        return {}

    def list_aliases(self, params: Params, caller: Caller) -> Response:
        """All aliases, or those of a version."""
        function, _ = self._service.find({"FunctionName": params["FunctionName"]}, caller)
        wanted = params.get("FunctionVersion")
        aliases = [alias for _, alias in sorted(function.aliases.items()) if wanted in (None, alias.version)]
        return paged("Aliases", [_shown(function, alias) for alias in aliases], params)


def _shown(function: Function, alias: Alias) -> Response:
    answer: Response = {
        "AliasArn": f"{function.arn}:{alias.name}", "Name": alias.name, "FunctionVersion": alias.version,
        "Description": alias.description, "RevisionId": alias.revision,
    }  # fmt: skip
    if alias.weights:
        answer["RoutingConfig"] = {"AdditionalVersionWeights": dict(alias.weights)}
    return answer
